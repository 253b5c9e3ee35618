"""Verbs on results: report them, hand them on, measure speeds."""

from pathlib import Path

import click

from fangyan.cli import choose_layer, cli, option, print_warnings, report_built


@cli.command()
@option("exp", "experiment folder")
@option("dev", "set on which the best layer is chosen (empty: none is chosen)", str)
@option("test", "sets to report, in order", str, multiple=True)
@option("command", "the command line to quote as the way to these numbers", str, default="")
@option("data", "folder of the data directories: wording of sentences, groups of varieties", default=None)
@option(
    "layer",
    "report these layers alone (may be repeated), as measure scored them, in EXP/layers/NAMES (default: all)",
    str,
    multiple=True,
    default=(),
)
@option("encoder", "its SPEC, which may recommend a layer to show where none is chosen", str, default="")
@choose_layer
def report(
    exp: Path,
    dev: str,
    test: tuple[str, ...],
    command: str,
    data: Path | None,
    layer: tuple[str, ...],
    encoder: str,
    folds: bool,
) -> None:
    """RESULTS.md, report.html and figures of an experiment.

    \b
    Example: fangyan report --exp exp/a --dev dev --test test --data data
    """
    from fangyan.encoders import recommended
    from fangyan.report import RESULTS, Asked, headline, renew

    known = recommended(encoder).layer if encoder and not (dev or folds) else ""
    asked = Asked(exp, dev, test, command, data, layer, known, folds)
    written = asked.home / RESULTS
    report_built(renew(asked), written)
    click.echo(headline(written))


@cli.command()
@option("exp", "experiment folder, named TAG_seedN (may be repeated)", multiple=True)
@option("dev", "set on which each chooses its layer", str)
@option("test", "set to report", str)
def average(exp: tuple[Path, ...], dev: str, test: str) -> None:
    """Mean and standard deviation of experiments over their seeds.

    A table; experiments that differ by their seed alone share a row.

    \b
    Example: fangyan average --exp exp/a_seed1 --exp exp/a_seed2 --dev dev \\
      --test test
    """
    from fangyan.report.read.seeds import average
    from fangyan.report.render.tables import markdown

    click.echo(markdown(average(exp, dev, test)))


@cli.command()
@option("exp", "experiment folder")
@option("dev", "set on which the layer was chosen (default: that of its training)", str, default="")
@option("test", "set to submit (default: the only other one that was scored)", str, default="")
@option("data", "folder of the data directories", default=Path("data"))
@option(
    "layer",
    "submit these layers alone (may be repeated), as measure scored them, in EXP/layers/NAMES (default: all)",
    str,
    multiple=True,
    default=(),
)
@option("name", "what to call the encoder (default: as the experiment folder)", str, default="")
@option("out", "the JSON (default: submission.json in the experiment folder)", default=None)
@choose_layer
def submission(
    exp: Path,
    dev: str,
    test: str,
    data: Path,
    layer: tuple[str, ...],
    name: str,
    out: Path | None,
    folds: bool,
) -> None:
    """One JSON of an experiment that others can be compared with.

    Protocol, corpus and encoder by their fingerprints, the layer and how it was chosen, R@1 of each pair of varieties
    with its interval.

    \b
    Example: fangyan submission --exp exp/a --dev dev --test test
    """
    from fangyan.leaderboard import making
    from fangyan.leaderboard.submission import write
    from fangyan.measure import results_folder

    out = out or results_folder(exp, layer) / "submission.json"
    write(out, making.make(exp, dev, test, data, layer, folds, name))
    click.echo(f"{out}: written")


@cli.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), help="JSON files of submission"
)
@option("out", "folder for leaderboard.html and LEADERBOARD.md (default: only print)", default=None)
def leaderboard(files: tuple[Path, ...], out: Path | None) -> None:
    """Submissions of any encoders as one table, the best first.

    Those that were not asked the same of the same recordings are refused, and what differs is named.

    \b
    Example: fangyan leaderboard a.json b.json --out board
    """
    from fangyan.leaderboard import leaderboard

    found = leaderboard(files, out)
    click.echo(found.markdown)
    print_warnings(found.remarks)
    if out:
        click.echo(f"{out / 'leaderboard.html'}: written", err=True)


@cli.command()
@option("exp", "experiment folder")
def pack(exp: Path) -> None:
    """model.zip for the ESPnet model zoo; of an LLM a folder.

    \b
    Example: fangyan pack --exp exp/a
    """
    from fangyan import publish

    report_built(publish.renew(exp), publish.packed(exp))


@cli.command()
@option("exp", "experiment folder")
@option("hf_repo", "Hugging Face repository, user/name; it is made where there is none", str)
@click.option("--private", is_flag=True, help="make the repository private")
@option("revision", "branch to publish to, made where there is none (default: main)", str, default="")
@option(
    "i_have_permission",
    "who allowed, and when, to publish what the licence of a corpus forbids to: the model card quotes it",
    str,
    default="",
)
def publish(exp: Path, hf_repo: str, private: bool, revision: str, i_have_permission: str) -> None:
    """A packed model, with its card, on the Hugging Face Hub.

    \b
    Example: fangyan publish --exp exp/a --hf_repo user/name --private
    """
    from fangyan import publish

    click.echo(publish.publish(exp, hf_repo, private, revision, i_have_permission))


@cli.command("export_llm")
@option("exp", "experiment folder, or a packed model, of a language model that reads units")
@option("out", "folder for the causal language model, its tokenizer and its units")
def export_llm(exp: Path, out: Path) -> None:
    """A language model that reads units, as one that writes.

    \b
    Example: fangyan export_llm --exp exp/a --out exp/a/causal
    """
    from fangyan.publish import causal

    report_built(causal.export(exp, out), out)


@cli.command()
@option("out", "folder for bench.tsv", default=Path())
@option("only", "rows whose names begin so (may be repeated; default: all)", str, multiple=True, default=())
def bench(out: Path, only: tuple[str, ...]) -> None:
    """Speeds as ratios to a baseline of the same run.

    \b
    Example: fangyan bench --only seqsim --only search_in_cells --out exp/bench
    """
    from fangyan.bench import run

    run(out, only=only)

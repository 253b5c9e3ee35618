"""Verbs on corpora and data directories."""

from pathlib import Path

import click

from fangyan.cli import cli, configuration, option, report_built, report_changes
from fangyan.files import DONE


@cli.command()
@option("corpus", "name of a module in fangyan.corpora", str)
@option("corpus_dir", "where the corpus lies (for mini_sinitic: where it is generated)", default=None)
@option("out", "folder of the data directories", default=Path("data"))
@option("nj", "parallel jobs", int, default=1)
@option("limit", "only the first so many sentences of each set (0: all)", int, default=0)
@option(
    "corpus_option",
    "NAME=VALUE, what the corpus lets one choose (may be repeated)",
    str,
    multiple=True,
    default=(),
)
def data(
    corpus: str, corpus_dir: Path | None, out: Path, nj: int, limit: int, corpus_option: tuple[str, ...]
) -> None:
    """Kaldi data directories of a corpus.

    \b
    Example: fangyan data --corpus kaldi --corpus_dir my_data
    """
    from fangyan.corpora import options, prepare

    with report_changes(out, lambda: out.glob(f"*/{DONE}")):
        prepare(corpus, corpus_dir, out, nj, limit, **options(corpus, corpus_option))


@cli.command()
@configuration("mixture", "which corpora, and how much of each: YAML, as in conf/mixtures")
@option("roots", "where the corpora lie: YAML, corpus: folder", default=Path("conf/corpora.yaml"))
@option("out", "folder of the data directories", default=Path("data"))
@option("nj", "parallel jobs", int, default=1)
def mix(mixture: Path, roots: Path, out: Path, nj: int) -> None:
    """Kaldi data directories of several corpora together.

    \b
    Example: fangyan mix --mixture conf/mixtures/sinitic.yaml --nj 8
    """
    from fangyan.corpora.mixture import mix

    with report_changes(out, lambda: out.glob(f"*/{DONE}")):
        mix(mixture, roots, out, nj)


@cli.command()
@option("data", "data directory to draw from")
@option("minutes", "how much speech, as much of each variety", float)
@option("out", "the data directory to write")
@option("seed", "random seed", click.IntRange(0, 2**31 - 1), default=1)
def subset(data: Path, minutes: float, out: Path, seed: int) -> None:
    """Some minutes of a data directory, as much of each variety.

    \b
    Example: fangyan subset --data data/train --minutes 10 --out data/train_10min
    """
    from fangyan.data.subset import subset

    report_built(subset(data, minutes, out, seed), out)


@cli.command()
@click.argument(
    "data",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR...",
    help="data directories",
)
@option("out", "folder of the survey", default=Path("exp/survey"))
@click.option("--audio", is_flag=True, help="read all recordings, too: level, silence, clipping (slow)")
@option("nj", "parallel jobs, for --audio", int, default=1)
def survey(data: tuple[Path, ...], out: Path, audio: bool, nj: int) -> None:
    """What data directories hold, share, and what looks wrong.

    \b
    Example: fangyan survey data/train data/test --audio
    """
    from fangyan.data_report import survey
    from fangyan.report import headline

    report_built(survey(data, out, audio, nj), out)
    click.echo(headline(out / "SURVEY.md"))

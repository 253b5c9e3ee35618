"""The command line: one verb for each Python stage; heavy libraries load inside the verbs."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import click

from fangyan.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Speech encoders in which the same meaning lands in the same place whichever Chinese variety is spoken."""


def option(name: str, text: str, kind: type = Path, **settings) -> Callable:
    """A required option (unless it has a default), its default shown."""
    needed = "default" not in settings
    of_type = click.Path(path_type=Path) if kind is Path else kind
    return click.option(
        f"--{name}", type=of_type, help=text, required=needed, show_default=not needed, **settings
    )


def experiment(verb: Callable) -> Callable:
    """The options of a training run, handed over as one `asr.Experiment`."""
    options = (
        option("config", "ESPnet training configuration (YAML)"),
        option("train", "training data directory"),
        option("dev", "development data directory"),
        option("tokens", "folder of tokens.txt"),
        option("target", "the wording to write down: text_cmn (Mandarin) or text (the variety's own)", str),
        option("seed", "random seed", int),
        option("exp", "experiment folder"),
    )

    def with_job(**values) -> None:
        from fangyan.asr import Experiment

        verb(Experiment(**values))

    with_job.__name__, with_job.__doc__ = verb.__name__, verb.__doc__
    for decorate in reversed(options):
        with_job = decorate(with_job)
    return cli.command(verb.__name__)(with_job)


def say(built: bool, what: Path) -> None:
    """Tells whether work was done or found finished."""
    click.echo(f"{what}: {'written' if built else 'up to date'}")


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
    """Kaldi data directories of a corpus."""
    from fangyan.corpora import options, prepare

    prepare(corpus, corpus_dir, out, nj, limit, **options(corpus, corpus_option))


@cli.command()
@option("data", "training data directory")
@option("target", "text_cmn or text", str)
@option("out", "folder for tokens.txt")
def tokens(data: Path, target: str, out: Path) -> None:
    """The token list of a training set."""
    from fangyan.asr import write_tokens

    say(write_tokens(data, target, out), out)


@experiment
def stats(job) -> None:
    """Lengths, mean and variance of the training features."""
    from fangyan.asr import collect_stats

    say(collect_stats(job), job.stats)


@experiment
def train(job) -> None:
    """An encoder trained with hybrid CTC/attention."""
    from fangyan import asr

    say(asr.train(job), job.exp)


@cli.command()
@option("exp", "experiment folder")
@option("data", "data directory (may be repeated)", multiple=True)
@option("config", "decoding configuration (YAML)")
@option("out", "folder for <set>/text")
def decode(exp: Path, data: tuple[Path, ...], config: Path, out: Path) -> None:
    """Hypotheses by joint CTC/attention beam search."""
    from fangyan import asr

    say(bool(asr.decode(exp, data, config, out)), out)


@cli.command()
@option("decode", "folder of the hypotheses")
@option("data", "data directory")
@option("target", "text_cmn or text", str)
def score(decode: Path, data: Path, target: str) -> None:
    """The character error rate of each variety."""
    from fangyan import cer

    for row in cer.score(decode, data, target):
        click.echo(f"{row['variety']:8} {row['sentences']:5} sentences  CER {100 * row['cer']:5.1f} %")


@cli.command()
@option("encoder", "SPEC: espnet:<exp folder or zip>, random:<the same>, fbank, mfcc", str)
@option("data", "data directory (may be repeated)", multiple=True)
@option("out", "folder for <set>/<layer>/feats.{scp,ark}")
def dump(encoder: str, data: tuple[Path, ...], out: Path) -> None:
    """Features of every layer of an encoder."""
    from fangyan import dump

    say(bool(dump.dump(encoder, data, out)), out)


@cli.command()
@option("feats", "folder of dumped features, <set>/<layer>/feats.scp")
@option("data", "data directory (may be repeated)", multiple=True)
@option(
    "score",
    "seqsim (F1 over frames), its precision or recall, pooled (cosine of mean frames), dtw",
    str,
    default="seqsim",
)
@option(
    "normalise", "what is done to the frames of a variety first: none, centre, whiten", str, default="none"
)
@option("out", "folder for <set>/{pairs,groups,metrics,ranks}.tsv")
def retrieve(feats: Path, data: tuple[Path, ...], score: str, normalise: str, out: Path) -> None:
    """Speech-to-speech retrieval between all varieties of a set."""
    from fangyan import retrieval

    say(bool(retrieval.retrieve(feats, data, out, score, normalise)), out)


@cli.command()
@option("retrieval", "folder of retrieve, <set>/ranks.tsv")
@option("set", "name of a set (may be repeated)", str, multiple=True)
@option("out", "folder for <set>/intervals.tsv")
def intervals(retrieval: Path, set: tuple[str, ...], out: Path) -> None:
    """95 % intervals of the means of each layer, by a bootstrap over sentences (and sites)."""
    from fangyan import statistics

    say(bool(statistics.intervals(retrieval, set, out)), out)


@cli.command()
@option("a", "a set's folder of retrieve (with ranks.tsv)")
@option("layer_a", "its layer", str)
@option("b", "the folder it is compared with (may be the same)")
@option("layer_b", "its layer", str)
def compare(a: Path, layer_a: str, b: Path, layer_b: str) -> None:
    """Two systems or layers on the same queries: difference of mean R@1, interval and p-value."""
    from fangyan import statistics

    found = statistics.compare(a, layer_a, b, layer_b)
    click.echo(
        f"R@1 {100 * found.a:.1f} and {100 * found.b:.1f} %, difference {100 * found.difference:+.1f} "
        f"(95 %: {100 * found.low:+.1f} to {100 * found.high:+.1f}), p = {found.p:.4g}; "
        f"n = {found.n}, {found.clusters}, chance {100 * found.chance:.1f} %"
    )


@cli.command()
@option("feats", "folder of dumped features, <set>/<layer>/feats.scp")
@option("data", "data directory with utt2ipa (may be repeated)", multiple=True)
@option("score", "seqsim (F1 over frames) or pooled (cosine of mean frames)", str, default="seqsim")
@option("quantile", "0 to 1, how strict: the larger, the fewer queries are kept", float, default=0.05)
@option("out", "folder for <set>/{controlled,bins}.tsv")
def control(feats: Path, data: tuple[Path, ...], score: str, quantile: float, out: Path) -> None:
    """Retrieval of what sound alone gets wrong: is it meaning that aligns, or do cognates sound alike?"""
    from fangyan import control

    say(bool(control.control(feats, data, out, score, quantile)), out)


@cli.command()
@option("exp", "experiment folder")
@option("dev", "set on which the best layer is chosen (empty: none is chosen)", str)
@option("test", "sets to report, in order", str, multiple=True)
@option("command", "the command line to quote as the way to these numbers", str, default="")
def report(exp: Path, dev: str, test: tuple[str, ...], command: str) -> None:
    """RESULTS.md, report.html and figures of an experiment."""
    from fangyan.report import headline, report

    click.echo(headline(report(exp, dev, test, command)))


@cli.command()
@option("exp", "experiment folder")
def pack(exp: Path) -> None:
    """model.zip in the form of the ESPnet model zoo."""
    from fangyan import publish

    click.echo(publish.pack(exp))


@cli.command()
@option("exp", "experiment folder")
@option("hf_repo", "Hugging Face repository, user/name", str)
def publish(exp: Path, hf_repo: str) -> None:
    """A packed model on the Hugging Face Hub."""
    from fangyan import publish

    publish.publish(exp, hf_repo)


@cli.command()
@option("out", "folder for bench.tsv", default=Path())
def bench(out: Path) -> None:
    """Speeds as ratios to a baseline of the same run."""
    from fangyan.bench import run

    run(out)


def main() -> None:
    """Runs the command line; what a user can mend is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s: %(message)s")
    try:
        cli(prog_name="fangyan")
    except UserError as error:
        click.echo(f"fangyan: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()

"""Verbs that find parallel speech: long recordings cut, and pairs of recordings that say the same."""

from pathlib import Path

import click

from fangyan.cli import cli, option, report_built, shardable
from fangyan.cli.use import inputs
from fangyan.rounding import decimals
from fangyan.shards import Shard


@cli.command()
@inputs("recordings")
@option("out", "the data directory to write")
@option("min_seconds", "speech of an utterance, at least", float, default=0.5)
@option("max_seconds", "an utterance, at most", float, default=20.0)
@option("silence", "seconds of silence that end an utterance", float, default=0.3)
@option("pad", "seconds more on both sides", float, default=0.1)
@option("variety", "code of the variety, where no data directory says it", str, default="")
@shardable
def segment(
    recordings: tuple[Path, ...],
    out: Path,
    min_seconds: float,
    max_seconds: float,
    silence: float,
    pad: float,
    variety: str,
    part: Shard,
) -> None:
    """Long recordings cut by voice activity: a data directory.

    With segments, an utterance for each stretch of speech, as index reads it.

    \b
    Example: fangyan segment broadcasts/ --variety yue --out data/broadcasts
    """
    from fangyan.files import read_text
    from fangyan.mining.segmentation import DROPPED, Cut, segment

    report_built(segment(recordings, out, Cut(min_seconds, max_seconds, silence, pad), variety, part), out)
    if (out / "segments").exists():
        found = len(read_text(out / "segments").splitlines())
        lost = len(read_text(out / DROPPED).splitlines()) - 1
        click.echo(f"{out}: {found:,} utterances{f', {lost:,} left out ({out / DROPPED})' if lost else ''}")


@cli.command()
@option("source", "index of the one side")
@option("target", "index of the other side, of the same encoder and layer; may be the same one", default=None)
@option(
    "texts",
    "in place of a target a file of sentences, one a line, for indexes of the layer joint",
    default=None,
)
@option("source_variety", "only recordings of this one (may be repeated)", str, multiple=True, default=())
@option("target_variety", "only recordings of this one (may be repeated)", str, multiple=True, default=())
@option(
    "threshold", "least margin of a pair: a number, or a folder that was mined with --truth", str, default=""
)
@click.option("--mutual", is_flag=True, help="only pairs of which each is the other's best")
@option(
    "truth",
    "data directory with utt2sent of some of the recordings: precision and recall by it, and without "
    "--threshold that of the best F1 (may be repeated)",
    multiple=True,
    default=(),
)
@option(
    "precision",
    "with --truth: the threshold of the best recall with this precision",
    click.FloatRange(0, 1),
    default=None,
)
@option("k", "neighbours of each recording", click.IntRange(1, 1024), default=16)
@option(
    "cut",
    "recordings that a first cut by mean frames leaves, of which they are",
    click.IntRange(1, 1024),
    default=64,
)
@option("out", "folder of the pairs")
@shardable
def mine(
    source: Path,
    target: Path | None,
    texts: Path | None,
    source_variety: tuple[str, ...],
    target_variety: tuple[str, ...],
    threshold: str,
    mutual: bool,
    truth: tuple[Path, ...],
    precision: float | None,
    k: int,
    cut: int,
    out: Path,
    part: Shard,
) -> None:
    """Pairs of recordings that say the same, from indexes.

    Or recordings and sentences. By the ratio margin of SeqSim; each recording is in one pair at most.

    \b
    Example: fangyan mine --source cmn_index --target yue_index \\
      --threshold exp/mined_dev --out exp/mined
    """
    from fangyan.mining import Rule, Sides, mine

    sides = Sides(source, target, texts, source_variety, target_variety)
    report_built(mine(sides, Rule(threshold, mutual, truth, precision), out, k, cut, part), out)
    _report(out)


def _report(out: Path) -> None:
    """Tells how many pairs there are, and what they are worth where that was measured."""
    from fangyan.files import read_json, read_text
    from fangyan.mining import MADE_BY
    from fangyan.mining.listing import PAIRS
    from fangyan.mining.truth import SCORES, Score
    from fangyan.tables import read_rows

    if not (out / PAIRS).exists():  # a shard
        return
    pairs = len(read_text(out / PAIRS).splitlines()) - 1
    click.echo(f"{out}: {pairs:,} pairs of a margin of {read_json(out / MADE_BY)['threshold']:g} at least")
    for row in read_rows(out / SCORES, Score):
        shares = ("-" if x is None else decimals(x, 3) for x in (row.precision, row.recall, row.f1))
        told = ", ".join(map(" ".join, zip(("precision", "recall", "F1"), shares, strict=True)))
        click.echo(
            f"  {row.source_variety} {row.target_variety}: {row.right:,} of {row.pairs:,} right, {told}"
        )

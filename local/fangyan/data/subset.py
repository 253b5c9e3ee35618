"""Some minutes of a data directory, as much of each variety, as where little speech is transcribed."""

from collections.abc import Iterator
from functools import partial
from math import isfinite
from pathlib import Path

import numpy as np

from fangyan.data import datadir, durations, sources
from fangyan.data.columns import CORPORA, CORPUS_WEIGHTS, STAMPS, Columns, columns, read_all, write_all
from fangyan.data.datadir import Utterance
from fangyan.data.entries import line, read_map
from fangyan.errors import UserError
from fangyan.files import produce, read_text, write_lines, write_text


def subset(data: Path, minutes: float, out: Path, seed: int = 1) -> bool:
    """Writes the data directory ``out`` of ``minutes`` of speech drawn from ``data``, and says whether it had to.

    Each variety gives the same, to less than an utterance; a seed draws the same utterances each time, and a larger
    number of minutes these and more. Groups come along, and the columns that there are or come to be, but for those
    that a verb makes of recordings, and makes of these as well. `UserError` where a variety has not as much.
    """
    if not (isfinite(minutes) and minutes > 0):
        raise UserError(f"--minutes is more than 0, got {minutes:g}")
    tables = datadir.tables(data)
    inputs = {"corpus": " ".join(sources.corpora(data)), "minutes": minutes, "seed": seed, "data": tables}
    return produce(out, inputs, partial(_write, data, minutes, seed, out)) or _catch_up(data, out)


def _write(data: Path, minutes: float, seed: int, out: Path, folder: Path) -> None:
    by_variety: dict[str, list[Utterance]] = {}
    for utterance in durations.measured(datadir.read(data)):
        by_variety.setdefault(utterance.variety, []).append(utterance)
    each = 60 * minutes / len(by_variety)
    kept = [one for of in by_variety.values() for one in _draw(data, of, each, seed)]
    datadir.write(folder, kept, groups=datadir.read_groups(data))
    write_all(folder, _carried(data), {one.id: one.id for one in kept}, out)
    _carry_corpora(data, {one.id for one in kept}, folder)


def _carried(data: Path) -> Columns:
    """The columns that are nobody's work on recordings: their stamps would be missing, or of other recordings."""
    return {name: of for name, of in read_all(data).items() if not _is_made(data, name)}


def _is_made(data: Path, column: str) -> bool:
    return (data / STAMPS / column).is_dir()


def _catch_up(data: Path, out: Path) -> bool:
    """Writes to a finished subset the columns that were made since, and says whether there were any."""
    if {name for name in columns(data) if not _is_made(data, name)} <= columns(out).keys():
        return False
    later = {name: of for name, of in _carried(data).items() if not (out / name).exists()}
    write_all(out, later, {key: key for key in read_map(out / "wav.scp")}, out)
    return any((out / name).exists() for name in later)


def _carry_corpora(data: Path, kept: set[str], folder: Path) -> None:
    """What a mixture has besides: the corpus of each utterance, and the weight of each corpus."""
    if (data / CORPORA).exists():
        lines = read_map(data / CORPORA).items()
        write_lines(folder / CORPORA, (line(folder / CORPORA, *both) for both in lines if both[0] in kept))
    if (data / CORPUS_WEIGHTS).exists():
        write_text(folder / CORPUS_WEIGHTS, read_text(data / CORPUS_WEIGHTS))


def _draw(data: Path, utterances: list[Utterance], seconds: float, seed: int) -> Iterator[Utterance]:
    """Utterances of one variety in random order, until they last so long."""
    variety, there = utterances[0].variety, sum(one.duration for one in utterances)
    if there < seconds:
        raise UserError(
            f"{data}: of {variety} there are {there / 60:.1f} minutes, asked for {seconds / 60:.1f}: --minutes is "
            "shared by all varieties, each gives as much"
        )
    for n in np.random.default_rng(seed).permutation(len(utterances)):
        if seconds <= 0:
            return
        seconds -= utterances[n].duration
        yield utterances[n]

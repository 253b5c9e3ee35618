"""What a folder holds of the word-level test, read strictly: `fangyan.synonymy` says what it means."""

from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.report.records import records


@dataclass(frozen=True)
class Preference:
    """One row of ``layers.tsv``: how often a word is nearer to its synonym, and the ends of the 95 % interval."""

    layer: str
    n: int  # triples
    voices: int
    preference: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Triple:
    """One row of ``words.tsv``: a word of ``source``, its synonym and a near-homophone in ``target``."""

    layer: str
    source: str
    target: str
    word: str
    synonym: str
    homophone: str
    preference: float
    margin: float  # similarity to the synonym minus that to the homophone


def read_layers(folder: Path) -> dict[str, Preference]:
    """The rows of ``folder/layers.tsv`` by layer, shallow first; nothing where there is no such file."""
    path = folder / "layers.tsv"
    rows = sorted(records(path, Preference), key=lambda row: row.layer)
    found = {row.layer: row for row in rows}
    if len(found) < len(rows):
        raise DataError(f"{path}: one row a layer, got {', '.join(row.layer for row in rows)}")
    for row in rows:
        if row.low > row.high:
            raise DataError(f"{path}: low is at most high, got {row.low} and {row.high} in {row.layer}")
    return found


def read_triples(folder: Path, layer: str | None) -> list[Triple]:
    """The rows of ``folder/words.tsv`` of a layer, most for sound first; none without a layer or without that file."""
    rows = [row for row in records(folder / "words.tsv", Triple) if row.layer == layer]
    return sorted(rows, key=lambda row: (row.preference, row.margin))

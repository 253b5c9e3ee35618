"""What a folder holds of the word-level test, read strictly: `fangyan.measure.word_test` says what it means."""

from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.word_test import Preference, WordPreference
from fangyan.tables import read_rows


def read_layers(folder: Path) -> dict[str, Preference]:
    """The rows of ``folder/layers.tsv`` by layer, in its order, shallow first; nothing where there is no such file."""
    path = folder / "layers.tsv"
    rows = read_rows(path, Preference)
    found = {row.layer: row for row in rows}
    if len(found) < len(rows):
        raise DataError(f"{path}: one row a layer, got {', '.join(row.layer for row in rows)}")
    for row in rows:
        if row.low > row.high:
            raise DataError(f"{path}: low is at most high, got {row.low} and {row.high} in {row.layer}")
    return found


def read_triples(folder: Path, layer: str | None) -> list[WordPreference]:
    """The rows of ``folder/words.tsv`` of a layer, most for sound first; none without a layer or without that file."""
    rows = [row for row in read_rows(folder / "words.tsv", WordPreference) if row.layer == layer]
    return sorted(rows, key=lambda row: (row.preference, row.margin))

"""Directories of texts as units: what is learnt from text that nobody has spoken.

    text      id and what is written, as unit CTC learns to write it
    units     id and units, as long as speech of it would be, made by the model of units that speech has its units by
    utt2lang  id and variety

Sorted, of equal ids, without recordings. Beside ``units`` lies a stamp as columns of speech have it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.data.entries import check_ids, read_map
from fangyan.data.text import NormalForm, normalise
from fangyan.errors import DataError, UserError
from fangyan.files import made_from
from fangyan.units.column import HOME, read_units

TEXT = "text"


@dataclass(frozen=True)
class Texts:
    """``words`` of N texts, and their units one after the other: of text n from ``starts[n]`` to ``starts[n + 1]``.

    ``empty``, ``long``: how many more there were of which the normal form leaves nothing, or that are too long.
    """

    words: Sequence[str]
    units: np.ndarray
    starts: np.ndarray
    empty: int = 0
    long: int = 0

    def __len__(self) -> int:
        return len(self.words)

    @property
    def lengths(self) -> np.ndarray:
        """(N,) the number of units of each text."""
        return np.diff(self.starts)

    def of(self, n: int) -> np.ndarray:
        """The units of a text."""
        return self.units[self.starts[n] : self.starts[n + 1]]


def read_texts(folders: Sequence[Path], k: int, column: str, form: NormalForm, most: int) -> Texts:
    """The texts of directories in normal form, of ``most`` units at most; longer ones are left out and counted.

    `DataError` for a directory that is none, or is named twice, or has units that a model of ``k`` has not, and where
    no text is left.
    """
    for n, folder in enumerate(folders):
        if folder.resolve() in {other.resolve() for other in folders[:n]}:
            raise DataError(f"{folder}: is named twice among the directories of texts: name it once")
    words: list[str] = []
    units: list[np.ndarray] = []
    empty = long = 0
    for folder in folders:
        found = _read(folder, k, column)
        normal = {key: normalise(text, form) for key, text in read_map(folder / TEXT).items()}
        empty += sum(not text for text in normal.values())
        long += sum(bool(normal[key]) and len(value) > most for key, value in found.items())
        kept = [key for key, value in found.items() if normal[key] and len(value) <= most]
        words += (normal[key] for key in kept)
        units += (found[key] for key in kept)
    if not words:
        raise DataError(
            f"{', '.join(map(str, folders))}: no text to learn from: of {empty:,} the normal form leaves nothing, "
            f"and {long:,} have more than {most:,} units (text_units): cut them into sentences"
        )
    starts = np.cumsum([0, *map(len, units)])
    return Texts(words, np.concatenate(units), starts, empty, long)


def _read(folder: Path, k: int, column: str) -> dict[str, np.ndarray]:
    if (folder / "wav.scp").exists():
        raise DataError(
            f"{folder / 'wav.scp'}: a directory of texts as units has no recordings: name one that fangyan text_units "
            "wrote"
        )
    for file in (folder / TEXT, folder / column):
        if not file.is_file():
            raise DataError(f"{file}: no such file: a directory of texts as units has {TEXT} and {column}")
    found = read_units(folder, k, column)
    check_ids(folder / column, found, folder / TEXT, read_map(folder / TEXT))
    return found


def model_of(folders: Iterable[Path], column: str) -> str:
    """The fingerprint of the model that columns of units were made by, as the first stamp tells; empty for none."""
    made = ((made_from(folder / HOME / column) or {}).get("centroids") for folder in folders)
    return next(filter(None, made), "")


def check_one_model(folders: Sequence[Path], column: str) -> None:
    """`UserError` where columns of units were not all made by one model, as far as their stamps tell."""
    made = {folder: (made_from(folder / HOME / column) or {}).get("centroids") for folder in folders}
    stamped = {folder: content for folder, content in made.items() if content}
    for folder, content in stamped.items():
        first = next(iter(stamped))
        if content != stamped[first]:
            raise UserError(
                f"{folder / column}: of another model of units than {first / column}: make both with one, or name "
                "another column with units_column"
            )

"""The column of units of a data directory: a line ``id 3 17 17 5`` for each utterance, units being 0 to k - 1."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fangyan.data.columns import NO_COLUMNS, SCP, STAMPS, reference
from fangyan.data.entries import check_ids, locate_id, read_map
from fangyan.data.names import is_id
from fangyan.encoders import unit_model
from fangyan.errors import DataError, UserError, shown
from fangyan.files import ends_early, fingerprint, made_from

COLUMN = "units"
HOME = STAMPS
"""The folder of a data directory with the stamps of its columns of units."""


def is_column(name: str) -> bool:
    """Whether a further column of a data directory can have this name."""
    known = name in NO_COLUMNS or name.endswith(SCP)
    return not known and is_id(name) and not name.startswith(".") and Path(name).name == name


def read_units(data: Path, k: int, name: str = COLUMN) -> dict[str, np.ndarray]:
    """The (T,) int32 units of each utterance of a data directory by id, in their order, all of them below ``k``.

    `DataError` where there is no such column, where it has other ids than the utterances, and with file and line where
    a value is no units, or one that a model of ``k`` units has not.
    """
    file, advice = data / name, f"make it with {_command(data, name)}"
    if not file.is_file():
        raise DataError(f"{file}: no column of units: {advice}")
    values, found = read_map(file), {}
    if values and ends_early(file):
        raise DataError(f"{file}:{len(values)}: the last line has no end, units may be cut off: {advice}")
    check_ids(reference(data), read_map(reference(data)), file, values, advice)
    for key, value in values.items():
        try:
            found[key] = _parse(value, k)
        except ValueError as error:
            raise DataError(f"{locate_id(file, key)}: {error}") from None
    return found


def units_of(model: Path, data: Path, name: str = COLUMN) -> dict[str, np.ndarray]:
    """As `read_units`, of the model of units in a folder; `UserError` where the column was made by another.

    One that was written by hand does not tell by which.
    """
    made = made_from(data / HOME / name)
    if made and made.get("centroids") != fingerprint(model / unit_model.WEIGHTS):
        raise UserError(
            f"{data / name}: of another model than {model}: run {_command(data, name, model)}, or name another column "
            "with --column"
        )
    return read_units(data, unit_model.load(model).k, name)


def _command(data: Path, name: str, model: Path | str = "UNITS") -> str:
    """What is typed to make a column: of recordings, or of texts alone."""
    if reference(data).name == "wav.scp":
        return f"fangyan units --units {model} --data {data}" + f" --column {name}" * (name != COLUMN)
    return f"fangyan text_units --units {model} --data DATA --out {data}"


def check_apart(sets: Iterable[Path]) -> None:
    """Raises a `DataError` where two data directories have an utterance of one id."""
    seen: dict[str, Path] = {}
    for data in sets:
        for key in read_map(reference(data)):
            if (first := seen.setdefault(key, data)) is not data:
                raise DataError(
                    f"{locate_id(reference(data), key)}: data directories that are used together have different "
                    f"ids, got {shown(key)} of {first} again"
                )


def _parse(value: str, k: int) -> np.ndarray:
    words = value.split()
    for word in words:
        if not (word.isascii() and word.isdecimal() and int(word[:10]) < k and len(word) <= 10):
            raise ValueError(
                f"units are whole numbers from 0 to {k - 1}, of a model of {k}, parted by blanks, got "
                f"{shown(word)!r}: was the column made by another model? Make it anew"
            )
    return np.array(words, np.int32)

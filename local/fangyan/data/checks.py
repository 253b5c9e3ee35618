"""What a data directory must have, and what its tables must not say: `DataError` with file, line and what to do."""

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from fangyan.data.columns import FILES
from fangyan.data.entries import import_advice
from fangyan.data.names import is_name
from fangyan.errors import DataError, known_names, shown
from fangyan.files import number

LEFT_BEHIND = {
    "utt2sent": "one id for utterances that are translations of each other",
    "utt2lang": "the variety of each utterance",
}
"""What Kaldi's and lhotse's tools do not copy, and nobody can compute anew."""


def needed(path: Path, name: str) -> Path:
    """The file of a known table of a data directory; `DataError` that says how to get it where it is missing."""
    file = path / name
    if file.exists():
        return file
    check_data_directory(path)
    if name == "wav.scp":
        raise DataError(f"{file}: no such file: recordings are needed here, and {path} has none")
    if name not in LEFT_BEHIND:
        raise DataError(f"{file}: no such file: {import_advice(path)}")
    raise DataError(
        f"{file}: no such file: it has {LEFT_BEHIND[name]}, and nothing makes it anew (Kaldi's and lhotse's tools do "
        f"not copy it): copy it from the directory before, or write it; then {import_advice(path)}"
    )


def check_data_directory(path: Path) -> None:
    """Raises a `DataError` for a folder without any known table: with the data directories in it, or beside it."""
    if any((path / name).exists() for name in FILES):
        return
    for folder in (path, path.parent):
        found = sorted({file.parent.name for name in FILES for file in folder.glob(f"[!.]*/{name}")})
        if found:
            raise DataError(f"{path}: no data directory there: in {folder}: {known_names(path.name, found)}")
    raise DataError(f"{path}: no data directory there; run the stage data first")


def check_whole(path: Path) -> None:
    """Raises a `DataError` for ``segments``: whoever does not read them takes the whole recording for each."""
    if (path / "segments").exists() and (path / "wav.scp").exists():
        raise DataError(
            f"{path / 'segments'}: recordings are taken whole here, and it cuts them: {import_advice(path)}; or remove "
            "it where wav.scp names the pieces"
        )


def check_twins(path: Path, names: Iterable[str]) -> None:
    """Raises a `DataError` where two of the names, a line of ``path`` each, look the same and are not."""
    seen: dict[str, str] = {}
    for n, name in enumerate(names, 1):
        other = seen.setdefault(name if name.isascii() else unicodedata.normalize("NFC", name), name)
        if other != name:
            raise DataError(
                f"{path}:{n}: names that look the same are the same, got {name!a} beside {other!a}: "
                f"{import_advice(path.parent)}"
            )


def check_names(path: Path, names: Iterable[str]) -> None:
    """Raises a `DataError` for a name with invisible characters."""
    for n, value in enumerate(names, 1):
        if not is_name(value):
            raise DataError(
                f"{path}:{n}: a name has no invisible characters, got {shown(value)!r}: write it without"
            )


def check_durations(path: Path, column: Mapping[str, str]) -> None:
    """Raises a `DataError` for a duration that is no number above 0."""
    for n, value in enumerate(column.values(), 1):
        try:
            good = number(value) > 0
        except ValueError:
            good = False
        if not good:
            raise DataError(f"{path}:{n}: a duration is a number of seconds above 0, got {value!r}")

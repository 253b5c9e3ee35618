"""Files of ``id value`` lines, as Kaldi has them: read strictly or mended on the way, and compared by their ids."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote

from fangyan.data.names import NOT_A_VALUE, is_id
from fangyan.errors import DataError, shown
from fangyan.files import read_text


def import_advice(folder: Path) -> str:
    """What to do about a directory that others wrote, or changed; what is in ``data`` already stays as it is."""
    out = "mended" if Path("data").exists() else "data"
    command = f"fangyan data --corpus kaldi --corpus_dir {quote(str(folder))} --out {out}"
    return f"import the directory, which mends it or leaves out by name: `{command}`"


def read_map(path: Path, strict: bool = True) -> dict[str, str]:
    """The `entries` of a Kaldi file, id -> value, in their order."""
    return {key: value for _, key, value in entries(path, strict)}


def entries(path: Path, strict: bool = True) -> Iterator[tuple[int, str, str]]:
    """Line number, id and value of each ``id value`` line of a Kaldi file.

    Duplicate ids raise `DataError`; if ``strict``, so do lines without a value, unsorted ids, empty lines, CR LF.
    """
    seen: set[str] = set()
    last = ""
    text = read_text(path, "a data directory needs it")
    if not strict and "\n" not in text:
        text = text.replace("\r", "\n")  # the line ends of old Macs
    lines = text.split("\n")
    for n, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        if not strict and not line.strip():
            continue
        key, _, value = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
        if key in seen:
            raise DataError(f"{path}:{n}: ids are unique, got {shown(key)} again")
        if strict:
            _check_line(path, n, line, key, value, last)
        seen.add(key)
        last = key
        yield n, key, value.strip()


def _check_line(path: Path, n: int, line: str, key: str, value: str, last: str) -> None:
    where = f"{path}:{n}"
    if "\r" in line:
        end = "CR" if "\r" in line[:-1] else "CR LF"
        raise DataError(f"{where}: lines end in LF, got {end}: {import_advice(path.parent)}")
    if not key or not value.strip():
        raise DataError(f"{where}: a line is 'id value', got {line!r}")
    if not is_id(key):
        raise DataError(f"{where}: an id has no invisible characters, got {shown(key)!r}: write it without")
    if key < last:
        raise DataError(
            f"{where}: ids are sorted by code point (LC_ALL=C sort), got {key} after {last}: "
            f"{import_advice(path.parent)}"
        )


def line(path: Path, key: str, value: object) -> str:
    """The line of an id; `DataError` for an id or a value that no line can hold."""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    if not is_id(key) or NOT_A_VALUE.search(text):
        raise DataError(f"{path}: a line is 'id value' with a value for every id, got {key!r} {text!r}")
    return f"{key} {text}\n"


def check_ids(
    reference: Path, ids: Mapping[str, str], path: Path, column: Mapping[str, str], advice: str = ""
) -> None:
    """Raises a `DataError` where a Kaldi file lacks an id of ``reference`` or has another; both as read."""
    rule, end = f"every file has the ids of {reference}", advice and f": {advice}"
    for key in column:
        if key not in ids:
            raise DataError(f"{locate_id(path, key)}: {rule}, got {shown(key)}, which it lacks{end}")
    for key in ids:
        if key not in column:
            there = Path(locate_id(reference, key)).name
            raise DataError(f"{path}: {rule}, got none for {shown(key)} ({there}){end}")


def locate_id(path: Path, key: str) -> str:
    """``file:line`` of an id in a Kaldi file."""
    for n, line in enumerate(read_text(path).split("\n"), 1):
        if line.split(maxsplit=1)[:1] == [key]:
            return f"{path}:{n}"
    return f"{path}"

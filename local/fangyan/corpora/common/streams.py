"""The rows of large tables as a stream: JSON, JSON lines, CSV, TSV and Parquet, one row in memory at a time."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import starmap, zip_longest
from pathlib import Path
from typing import Any

from fangyan.errors import DataError, shown
from fangyan.files import atomic, ends_early, not_utf8, utf16

Row = dict[str, Any]
BOM = b"\xef\xbb\xbf"
SEPARATORS = ",;\t|"
"""What parts the columns of the tables that people have."""
HELD = {"bytes", "path"}
"""What an object that stands for a recording has: the datasets of the Hub keep them so."""
BATCH = 64
"""Rows of a Parquet file decoded at once: some hold recordings."""


def rows(path: Path, array: str = "") -> Iterator[tuple[str, Row]]:
    """The rows of a table, dicts by column, each after its place (``file:line``, ``file: row 3``).

    The suffix says the format: ``.json`` is an array of objects (the one under the key ``array`` of an object, if
    given) or JSON lines by a shorter name, ``.jsonl`` an object a line, ``.csv`` (quoted) and ``.tsv`` (never quoted)
    are `delimited`. A number that is none (NaN) is an empty cell, None. `DataError` where a file is missing or broken.
    """
    if path.suffix not in READERS:
        raise DataError(f"{path}: a table is one of {' '.join(READERS)}, got {path.suffix!r}")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return starmap(_row, _json(path, array) if array else READERS[path.suffix](path))


def cell_text(where: str, row: Row, name: str) -> str:
    """What a cell says, '' where the row has none; `DataError` for a cell that holds several values, or bytes."""
    cell = row.get(name)
    if isinstance(cell, list | dict | bytes):
        kind = "bytes" if isinstance(cell, bytes) else f"a {type(cell).__name__} of {len(cell)}"
        raise DataError(f"{where}: {name} is one value, got {kind}")
    return "" if cell is None else str(cell).strip()


def cell_recording(where: str, cell: object, folder: Path, store: Path) -> Path | None:
    """The recording that a cell of a table names, by its path from ``folder``; None where it names none.

    A cell may hold the recording, too, alone or as the Hub has it, ``{bytes, path}``: it is written to ``store``, with
    the suffix of the path (else ``.wav``), unless it is there.
    """
    held = cell if isinstance(cell, dict) else {"bytes" if isinstance(cell, bytes) else "path": cell}
    content, path = held.get("bytes"), held.get("path")
    if not (set(held) <= HELD and isinstance(content, bytes | None) and isinstance(path, str | None)):
        found = f"an object of {' '.join(held)[:60]}" if isinstance(cell, dict) else repr(cell)[:60]
        raise DataError(f"{where}: a recording is a path, or bytes and path as on the Hub, got {found}")
    if content is None:
        return folder / path if path else None
    suffix = Path(path or "").suffix
    file = store.with_name(store.name + (suffix if suffix[1:].isalnum() and len(suffix) < 6 else ".wav"))
    if not file.exists():
        with atomic(file) as temporary:
            temporary.write_bytes(content)
    return file


def _json(path: Path, array: str = "") -> Iterator[tuple[str, object]]:
    import ijson

    with path.open("rb") as stream:
        head = stream.read(64)
        if not array and head.removeprefix(BOM).lstrip().startswith(b"{"):
            yield from _jsonl(path)
            return
        stream.seek(len(BOM) if head.startswith(BOM) else 0)
        try:
            for n, value in enumerate(ijson.items(stream, f"{array}.item".lstrip("."), use_float=True), 1):
                yield f"{path}: {array or 'object'} {n}", value
        except ijson.JSONError as error:
            raise _unreadable(path, " ".join(str(error).split())[:90]) from None


def _unreadable(path: Path, reason: str) -> DataError:
    """What to tell of an array that is no JSON, by what the parser says of it."""
    if "UTF8" in reason or utf16(path):
        return not_utf8(path)
    advice = "write null for it, or JSON lines" if "NaN" in reason else "get the file again"
    return DataError(f"{path}: not readable as JSON ({reason}): {advice}")


def _jsonl(path: Path) -> Iterator[tuple[str, object]]:
    with path.open("rb") as stream:
        for n, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8-sig" if n == 1 else "utf-8"), object_pairs_hook=_object)
            except UnicodeDecodeError:
                raise not_utf8(path) from None
            except (ValueError, RecursionError) as error:
                found = line.rstrip()[:60].decode("utf-8", "backslashreplace")
                raise DataError(f"{path}:{n}: a line is one JSON object, got {found!r} ({error})") from None
            yield f"{path}:{n}", value


def _object(pairs: list[tuple[str, object]]) -> Row:
    """A JSON object; `ValueError` for a name in it that comes again."""
    if len(row := dict(pairs)) < len(pairs):
        raise ValueError(f"names are unique, got {_repeated(name for name, _ in pairs)!r} again")
    return row


def _repeated(names: Iterable[str]) -> str:
    """The first name that comes again, '' for none."""
    return next((name for name, count in Counter(names).items() if count > 1), "")


def _row(where: str, value: object) -> tuple[str, Row]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, got {str(value)[:60]!r}")
    for name, cell in value.items():
        if isinstance(cell, str) and "\0" in cell:
            raise DataError(f"{where}: a table is text, got a NUL byte in {shown(name)} (is it UTF-16?)")
    return where, {name: None if cell != cell else cell for name, cell in value.items()}


def delimited(path: Path, needed: Sequence[str] = (), **dialect: Any) -> Iterator[tuple[str, Row]]:
    """The rows of a table with a header after the line where they begin; ``dialect`` as of `csv.reader`.

    A row may end early: its last cells are then empty. `DataError` for a header without the columns ``needed``, a row
    with more cells, a quote that is never closed or closed rows later, and a table that is cut within its last row.
    """
    return starmap(_row, _delimited(path, needed, **dialect))


def _delimited(path: Path, needed: Sequence[str] = (), **dialect: Any) -> Iterator[tuple[str, Row]]:
    header: list[str] = []
    separator = dialect.get("delimiter", ",")
    for where, cells in _records(path, dialect):
        if not header:
            header = _check_header(where, cells, needed, separator)
            continue
        if len(cells) > len(header):
            raise DataError(
                f"{where}: a row has {len(header)} cells ({' '.join(header)[:90]}), got {len(cells)}"
            )
        if any(_holds_rows(cell, separator, len(header)) for cell in cells):
            raise DataError(
                f"{where}: a quote is not closed: a cell holds the row after it (or write it on one line)"
            )
        yield where, dict(zip_longest(header, cells, fillvalue=""))
    if header and len(cells) < len(header) and ends_early(path):
        raise DataError(
            f"{where}: the last line is cut, it has {len(cells)} of {len(header)} cells and no end: "
            "get the file again (or end the line)"
        )


def _records(path: Path, dialect: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The cells of each row that has any, after the line where it begins."""
    unquoted = dialect.get("quoting") == csv.QUOTE_NONE
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True, **dialect)
        while True:
            where = f"{path}:{reader.line_num + 1}"
            try:
                cells = next(reader, None)
            except UnicodeDecodeError:
                raise not_utf8(path) from None
            except csv.Error as error:
                rule = "a quote is not closed, or one within a quoted cell is not doubled"
                raise DataError(f"{where}: {'a cell is short' if unquoted else rule} ({error})") from None
            if cells is None:
                return
            if any(map(str.strip, cells)):
                yield where, [cell.strip() for cell in cells]


def _check_header(where: str, names: list[str], needed: Sequence[str], separator: str) -> list[str]:
    """``names``, or a `DataError` where they are no header of a table of ours."""
    if len(names) == 1 and (other := next((sign for sign in SEPARATORS if sign in names[0]), "")):
        raise DataError(f"{where}: columns are parted by {separator!r}, got {other!r} in {names[0][:60]!r}")
    if again := _repeated(names):
        raise DataError(f"{where}: column names are unique, got {again!r} again")
    if any(end in name for name in names for end in "\r\n"):
        raise DataError(f"{where}: a quote is not closed: the header holds the rows after it")
    if missing := [name for name in needed if name not in names]:
        raise DataError(
            f"{where}: the columns are {' '.join(needed)}, got {' '.join(names)[:90]} without {missing[0]}"
        )
    return names


def _holds_rows(cell: str, separator: str, columns: int) -> bool:
    """Whether a quoted cell has an end of line in it and as many separators as a row."""
    return any(end in cell for end in "\r\n") and cell.count(separator) >= columns - 1


def _parquet(path: Path) -> Iterator[tuple[str, Row]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        batches = ParquetFile(path).iter_batches(BATCH)
        for n, row in enumerate((row for batch in batches for row in batch.to_pylist()), 1):
            yield f"{path}: row {n}", row
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not readable as parquet ({error}): get the file again") from None


READERS: dict[str, Callable[[Path], Iterator[tuple[str, object]]]] = {
    ".json": _json,
    ".jsonl": _jsonl,
    ".csv": _delimited,
    ".tsv": partial(_delimited, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".parquet": _parquet,
}
"""Suffix -> what yields the values of a table with their places; that each is an object, `rows` sees to."""

"""The rows of large tables as a stream: JSON, JSON lines, CSV, TSV and Parquet, one row in memory at a time."""

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import starmap
from pathlib import Path

from fangyan.errors import DataError

Row = dict[str, object]
BOM = b"\xef\xbb\xbf"
BATCH = 64
"""Rows of a Parquet file decoded at once: some hold recordings."""


def rows(path: Path, array: str = "") -> Iterator[tuple[str, Row]]:
    """The rows of a table, dicts by column, each after its place (``file:line``, ``file: row 3``).

    The suffix says the format: ``.json`` is an array of objects (the one under the key ``array`` of an object, if
    given) or JSON lines by a shorter name, ``.jsonl`` an object a line, ``.csv`` (quoted) and ``.tsv`` (never quoted)
    have a header; rows of theirs may end early. `DataError` where a file is missing or broken.
    """
    if path.suffix not in READERS:
        raise DataError(f"{path}: a table is one of {' '.join(READERS)}, got {path.suffix!r}")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return starmap(_row, _json(path, array) if array else READERS[path.suffix](path))


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
            reason = " ".join(str(error).split())[:90]
            raise DataError(f"{path}: not readable as JSON ({reason}): get the file again") from None


def _jsonl(path: Path) -> Iterator[tuple[str, object]]:
    with path.open("rb") as stream:
        for n, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except ValueError:
                found = line.rstrip()[:60].decode("utf-8", "backslashreplace")
                raise DataError(f"{path}:{n}: a line is one JSON object, got {found!r}") from None
            yield f"{path}:{n}", value


def _row(where: str, value: object) -> tuple[str, Row]:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, got {str(value)[:60]!r}")
    return where, value


def _delimited(path: Path, **dialect: object) -> Iterator[tuple[str, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, restval="", **dialect)
        try:
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if None in row:
                    raise DataError(f"{where}: a row has {len(row) - 1} cells, got more: {row[None]}")
                yield where, {name.strip(): cell.strip() for name, cell in row.items()}
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(
                f"{path}:{reader.line_num + 1}: not readable as a UTF-8 table ({error})"
            ) from None


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

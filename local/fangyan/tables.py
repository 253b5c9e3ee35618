"""Tables as dataclasses: the columns of a file are the fields of a class, which stands with what writes the file.

The types of the fields are the rules of the cells: `str`, `float` or one of the types below; with ``| None``, a cell
may be empty. A field with a default is a column that older tables lack.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from fangyan.errors import DataError
from fangyan.files import numbered_rows, write_table


class CellRule(NamedTuple):
    """A number that a cell holds: what to call it, and its bounds."""

    text: str
    parse: Callable[[str], float] = float
    low: float = -math.inf
    high: float = math.inf


Fraction = Annotated[float, CellRule("a fraction in [0, 1]", float, 0, 1)]
Correlation = Annotated[float, CellRule("a number in [-1, 1]", float, -1, 1)]
Amount = Annotated[float, CellRule("a number from 0 up", float, 0)]
MeanRank = Annotated[float, CellRule("a number from 1 up", float, 1)]
Count = Annotated[int, CellRule("a whole number above 0", int, 1)]
Total = Annotated[int, CellRule("a whole number from 0 up", int, 0)]


class _Column(NamedTuple):
    name: str
    rule: CellRule | None  # None for text
    optional: bool

    @classmethod
    def of(cls, name: str, wanted: Any) -> "_Column":
        optional = type(None) in get_args(wanted)
        plain = get_args(wanted)[0] if optional else wanted
        rule = None if plain is str else getattr(plain, "__metadata__", [CellRule("a number")])[0]
        return cls(name, rule, optional)

    def value(self, cell: str) -> Any:
        """What a cell holds; `ValueError` where it breaks the rule."""
        if self.rule is None:
            return cell
        if self.optional and cell.lower() in ("", "nan"):  # a diverged loss is a gap, not malformed
            return None
        try:
            if self.rule.low <= (value := self.rule.parse(cell)) <= self.rule.high:
                return value
        except ValueError:
            pass
        rule = f"{self.rule.text}{' or nothing' if self.optional else ''}"
        raise ValueError(f"{self.name} is {rule}, got {cell!r}")


def columns(kind: type) -> tuple[str, ...]:
    """The names of the columns of a table of ``kind``, in order."""
    return tuple(field.name for field in fields(kind))


def write_rows[T](path: Path, rows: Iterable[T], kind: type[T]) -> None:
    """Writes ``rows`` to ``path`` as `files.write_table` does; where a cell may be empty, None and NaN are."""
    optional = [name for name, wanted in get_type_hints(kind).items() if type(None) in get_args(wanted)]
    cells = (
        vars(row) | {name: "" for name in optional if (value := vars(row)[name]) is None or math.isnan(value)}
        for row in rows
    )
    write_table(path, cells, columns(kind))


def read_rows[T](path: Path, kind: type[T]) -> list[T]:
    """The rows of ``path``; none where the file is missing.

    Columns that ``kind`` lacks are ignored. `DataError` for a missing one, and for a cell that breaks its rule.
    """
    if not path.exists():
        return []
    (first, header), *body = numbered_rows(path)
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    missing = [name for name in needed if name not in header]
    if body and missing:
        rule = f"the columns are {' '.join(columns(kind))}"
        raise DataError(f"{path}:{first}: {rule}, got none named {' '.join(missing)}")
    types = get_type_hints(kind, include_extras=True)
    known = [(n, _Column.of(name, types[name])) for n, name in enumerate(header) if name in types]
    rows = []
    for line, cells in body:
        try:
            rows.append(kind(**{column.name: column.value(cells[n]) for n, column in known}))
        except ValueError as error:
            raise DataError(f"{path}:{line}: {error}") from None
    return rows


def read_sets[T](folder: Path, sets: Iterable[str], name: str, kind: type[T]) -> dict[str, list[T]]:
    """The rows of ``folder/<set>/name`` by set; sets without any, and one without a name, are left out."""
    found = {set_name: read_rows(folder / set_name / name, kind) for set_name in sets if set_name}
    return {set_name: rows for set_name, rows in found.items() if rows}

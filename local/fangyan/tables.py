"""Tables as dataclasses: the columns of a file are the fields of a class, which stands with what writes the file.

The types of the fields are the rules of the cells: `str`, `float` or one of the types below; with ``| None``, a cell
may be empty. A field with a default is a column that older tables lack.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from fangyan.errors import DataError
from fangyan.files import numbered_rows, write_table


@dataclass(frozen=True)
class Rule:
    """A number that a cell holds: what to call it, and its bounds."""

    text: str
    parse: Callable[[str], Any] = float
    low: float = -math.inf
    high: float = math.inf

    def __call__(self, cell: str) -> Any:
        value = self.parse(cell)
        if not self.low <= value <= self.high:
            raise ValueError(cell)
        return value


NUMBER = Rule("a number")
"""The rule of a plain float."""

Fraction = Annotated[float, Rule("a fraction in [0, 1]", float, 0, 1)]
Correlation = Annotated[float, Rule("a number in [-1, 1]", float, -1, 1)]
Amount = Annotated[float, Rule("a number from 0 up", float, 0)]
MeanRank = Annotated[float, Rule("a number from 1 up", float, 1)]
Count = Annotated[int, Rule("a whole number above 0", int, 1)]
Total = Annotated[int, Rule("a whole number from 0 up", int, 0)]


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
    rules = get_type_hints(kind, include_extras=True)
    known = [(n, name, *_rule(rules[name])) for n, name in enumerate(header) if name in rules]
    return [
        kind(**{name: _value(f"{path}:{line}: {name}", cells[n], *rule) for n, name, *rule in known})
        for line, cells in body
    ]


def read_sets[T](folder: Path, sets: Iterable[str], name: str, kind: type[T]) -> dict[str, list[T]]:
    """The rows of ``folder/<set>/name`` by set; sets without any, and one without a name, are left out."""
    found = {set_name: read_rows(folder / set_name / name, kind) for set_name in sets if set_name}
    return {set_name: rows for set_name, rows in found.items() if rows}


def _rule(wanted: Any) -> tuple[Rule | None, bool]:
    """The rule of a column (None for text), and whether its cells may be empty."""
    optional = type(None) in get_args(wanted)
    plain = get_args(wanted)[0] if optional else wanted
    return (None if plain is str else getattr(plain, "__metadata__", (NUMBER,))[0]), optional


def _value(where: str, cell: str, rule: Rule | None, optional: bool) -> Any:
    if rule is None:
        return cell
    if optional and cell.lower() in ("", "nan"):  # a diverged loss is a gap in the curve, not malformed
        return None
    try:
        return rule(cell)
    except ValueError:
        text = f"{rule.text} or nothing" if optional else rule.text
        raise DataError(f"{where} is {text}, got {cell!r}") from None

"""Tables of a results folder as records: typed by the annotations of a dataclass, every cell checked."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from fangyan.errors import DataError
from fangyan.files import read_table, read_text


@dataclass(frozen=True)
class Kind:
    """A number that a cell holds: what to call it, and its bounds."""

    rule: str
    parse: Callable[[str], Any]
    low: float = 0.0
    high: float = math.inf

    def __call__(self, cell: str) -> Any:
        value = self.parse(cell)
        if not self.low <= value <= self.high:
            raise ValueError(cell)
        return value


_FRACTION = Kind("a fraction in [0, 1]", float, 0, 1)
_COUNT = Kind("a whole number above 0", int, 1)
_AMOUNT = Kind("a number from 0 up", float)
_MEASURED = Kind("a number", float, -math.inf)
_KINDS = {
    **dict.fromkeys(("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "chance"), _FRACTION),
    **dict.fromkeys(("recall_at_1_controlled", "chance_controlled", "phonetics_recall_at_1"), _FRACTION),
    **dict.fromkeys(("quantile", "mean", "low", "high", "preference"), _FRACTION),
    **dict.fromkeys(
        ("n", "pairs", "epoch", "sentences", "characters", "bin", "voices", "utterances"), _COUNT
    ),
    **dict.fromkeys(("errors", "n_controlled"), Kind("a whole number from 0 up", int)),
    "partial_correlation": Kind("a number in [-1, 1]", float, -1, 1),
    "median_rank": Kind("a number from 1 up", float, 1),
    "cer": _AMOUNT,  # more insertions than characters make it exceed 1
    "seconds": _AMOUNT,
}


def records(path: Path, kind: type) -> list:
    """The rows of a table as records of the dataclass ``kind``; nothing where the file is missing.

    Further columns are ignored; a missing one, or a cell that breaks its rule, raises `DataError`.
    """
    if not path.exists():
        return []
    rows = read_table(path)
    text = enumerate(read_text(path).split("\n"), 1)
    lines = [n for n, line in text if line.strip() and not line.startswith("#")]
    types = get_type_hints(kind)
    missing = [name for name in types if rows and name not in rows[0]]
    if missing:
        rule = f"the columns are {' '.join(types)}"
        raise DataError(f"{path}:{lines[0]}: {rule}, got none named {' '.join(missing)}")
    return [
        kind(**{name: _cell(f"{path}:{line}", name, row[name], types[name]) for name in types})
        for line, row in zip(lines[1:], rows, strict=True)
    ]


def by_set(folder: Path, sets: Iterable[str], name: str, kind: type) -> dict[str, list]:
    """The records of ``folder/<set>/name`` by set; sets without any, and one without a name, are left out."""
    found = {set_name: records(folder / set_name / name, kind) for set_name in sets if set_name}
    return {set_name: records for set_name, records in found.items() if records}


def check_pairs(path: Path, pairs: Sequence) -> None:
    """Nothing, or `DataError` unless every layer of the records ``pairs`` has each ordered pair of ``path`` once."""
    layers: dict[str, set[tuple[str, str]]] = {}
    for pair in pairs:
        cells = layers.setdefault(pair.layer, set())
        if (pair.source, pair.target) in cells:
            raise DataError(
                f"{path}: one row a layer and pair, got {pair.layer} {pair.source} {pair.target} twice"
            )
        cells.add((pair.source, pair.target))
    first, *others = layers.items()
    for name, cells in others:
        if cells != first[1]:
            raise DataError(
                f"{path}: every layer has the same ordered pairs, got others in {name} than in {first[0]}"
            )


def _cell(where: str, name: str, cell: str, wanted: object) -> Any:
    if wanted is str:
        return cell
    optional = wanted == float | None
    if optional and cell.lower() in ("", "nan"):  # a diverged loss is a gap in the curve, not malformed
        return None
    convert = _KINDS.get(name, _MEASURED)
    try:
        return convert(cell)
    except ValueError:
        rule = f"{convert.rule} or nothing" if optional else convert.rule
        raise DataError(f"{where}: {name} is {rule}, got {cell!r}") from None

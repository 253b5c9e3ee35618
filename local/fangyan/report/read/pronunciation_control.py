"""What an experiment folder holds of `measure.pronunciation_control`, read strictly."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.pronunciation_control import ALL, Bin, Controlled
from fangyan.measure.retrieval.tables import check_pairs
from fangyan.tables import read_sets


@dataclass(frozen=True)
class Control:
    """The tables of one set."""

    pairs: Sequence[Controlled]  # ordered pairs, of every layer
    pooled: dict[str, Controlled]  # all of them together, by layer, shallow first
    bins: Sequence[Bin]  # of the chosen layer


def read(folder: Path, sets: Sequence[str], layer: str | None) -> dict[str, Control]:
    """The control of each of ``sets`` that has one, in ``folder/<set>``.

    Raises `DataError` for malformed tables, and for those that lack the chosen ``layer`` (if one was chosen).
    """
    binned = read_sets(folder, sets, "bins.tsv", Bin)
    found = {}
    for name, rows in read_sets(folder, sets, "controlled.tsv", Controlled).items():
        path = folder / name / "controlled.tsv"
        check_pairs(path, rows)
        pairs = [row for row in rows if row.source != ALL]
        pooled = {row.layer: row for row in rows if row.source == ALL}
        if not pooled:
            raise DataError(f"{path}: the last row of a layer is from {ALL} to {ALL}, got none")
        _check_layer(path, pooled, layer)
        bins = binned.get(name, [])
        _check_layer(path.with_name("bins.tsv"), dict.fromkeys(row.layer for row in bins), layer)
        found[name] = Control(pairs, pooled, [row for row in bins if row.layer == layer])
    return found


def _check_layer(path: Path, layers: dict[str, object], layer: str | None) -> None:
    if layer and layer not in layers:
        raise DataError(
            f"{path}: the layer chosen is {layer}, got {', '.join(layers) or 'none'}: control it again"
        )

"""What an experiment folder holds of recognition, read strictly: `fangyan.cer` says what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.report.records import by_set

WHOLE = "norm"
"""The exit layer that is the whole model, as `fangyan.cer` names it."""


@dataclass(frozen=True)
class Errors:
    """One row of ``cer.tsv``; the variety ``all`` sums the others up."""

    variety: str
    sentences: int
    characters: int
    errors: int
    cer: float


@dataclass(frozen=True)
class Exit(Errors):
    """One row of the ``cer.tsv`` of early exit: what was decoded from a layer of the encoder."""

    layer: str


def read_exits(
    folder: Path, sets: Sequence[str], whole: Mapping[str, Sequence[Errors]]
) -> dict[str, dict[str, list[Exit]]]:
    """The rows by set and exit layer, shallow first, in ``folder/<set>``, of the sets that have them.

    ``whole``: the rows of the whole model by set. Raises `DataError` for malformed tables, for layers that lack a
    variety, and where the whole model had other errors.
    """
    found = {}
    for name, rows in by_set(folder, sets, "cer.tsv", Exit).items():
        layers: dict[str, list[Exit]] = {}
        for row in sorted(rows, key=lambda row: row.layer):
            layers.setdefault(row.layer, []).append(row)
        _check(folder / name / "cer.tsv", layers, whole.get(name, ()))
        found[name] = layers
    return found


def _check(path: Path, layers: Mapping[str, Sequence[Exit]], whole: Sequence[Errors]) -> None:
    if [vars(row) for row in layers.get(WHOLE, ())] != [vars(row) | {"layer": WHOLE} for row in whole]:
        raise DataError(
            f"{path}: the rows of {WHOLE} are those of the whole model, got others than decode/{path.parent.name} has: "
            "run the stages decode and score again with --exit_layers, or remove it"
        )
    wanted = [row.variety for row in whole]
    for layer, rows in layers.items():
        got = [row.variety for row in rows]
        if got != wanted:
            raise DataError(f"{path}: {layer} has a row for each of {' '.join(wanted)}, got {' '.join(got)}")

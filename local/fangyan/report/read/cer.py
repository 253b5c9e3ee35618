"""What an experiment folder holds of recognition, read strictly: `fangyan.recognition.cer` says what it means."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fangyan.errors import DataError
from fangyan.recognition.cer import WHOLE_MODEL, Errors, Exit
from fangyan.tables import read_sets


def read_exits(
    folder: Path, sets: Sequence[str], whole: Mapping[str, Sequence[Errors]]
) -> dict[str, dict[str, list[Exit]]]:
    """The rows by set and exit layer, shallow first as ``cer.tsv`` has them, in ``folder/<set>``, of the sets that do.

    ``whole``: the rows of the whole model by set. Raises `DataError` for malformed tables, for layers that lack a
    variety, and where the whole model had other errors.
    """
    found = {}
    for name, rows in read_sets(folder, sets, "cer.tsv", Exit).items():
        layers: dict[str, list[Exit]] = {}
        for row in rows:
            layers.setdefault(row.layer, []).append(row)
        _check(folder / name / "cer.tsv", layers, whole.get(name, ()))
        found[name] = layers
    return found


def _check(path: Path, layers: Mapping[str, Sequence[Exit]], whole: Sequence[Errors]) -> None:
    if layers.get(WHOLE_MODEL, []) != [Exit(WHOLE_MODEL, **vars(row)) for row in whole]:
        raise DataError(
            f"{path}: the rows of {WHOLE_MODEL} are those of the whole model, got others than "
            f"decode/{path.parent.name} has: run the stages decode and score again with --exit_layers, or remove it"
        )
    wanted = [row.variety for row in whole]
    for layer, rows in layers.items():
        got = [row.variety for row in rows]
        if got != wanted:
            raise DataError(f"{path}: {layer} has a row for each of {' '.join(wanted)}, got {' '.join(got)}")

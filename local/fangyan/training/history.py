"""What is told of each epoch, ``history.tsv``: the loss, and the curves that a task has beside it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fangyan.errors import DataError
from fangyan.files import read_table, write_table

NAME = "history.tsv"
ROLES = ("train", "valid")
"""ESPnet's names of the training data and the development data."""


@dataclass(frozen=True)
class Curve:
    """A number that a task measures in each epoch. ``best``: its ``min`` or its ``max``; ``roles``: on which data.

    ``name``: as the model tells it to ESPnet (``stats`` of its ``forward``).
    """

    name: str
    best: str
    roles: tuple[str, ...] = ROLES


LOSS = Curve("loss", "min")
"""What every task measures: what is minimised, of a batch the mean over its utterances, whatever ``accum_grad``."""


@dataclass(frozen=True)
class Epoch:
    """A row of history.tsv: ``values`` by column, None where nothing was measured."""

    epoch: int
    values: Mapping[str, float | None]
    seconds: float | None


def columns(curves: Iterable[Curve]) -> tuple[str, ...]:
    """The columns of history.tsv for a task with these curves.

    Each number is the mean over batches weighted by their utterances, of all ranks; in training with noise and dropout,
    while weights still change, on the development set by the weights at the end. ``seconds``: of the clock, without
    plots and files.
    """
    told = (f"{role}_{curve.name}" for role in ROLES for curve in (LOSS, *curves) if role in curve.roles)
    return ("epoch", *told, "seconds")


def write(exp: Path, stats: Mapping[int, Mapping], header: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of history.tsv, written: one for each epoch of what a checkpoint knows (`checkpoints.epochs_told`)."""
    rows = [_row(epoch, by_role, header) for epoch, by_role in sorted(stats.items())]
    write_table(exp / NAME, rows, header)
    return rows


def read(exp: Path) -> list[Epoch]:
    """The epochs of an experiment folder, none where it has no history; `DataError` for a malformed one."""
    path = exp / NAME
    if not path.exists():
        return []
    rows = read_table(path)
    missing = [name for name in ("epoch", "seconds") if rows and name not in rows[0]]
    if missing:
        raise DataError(
            f"{path}:1: history has the columns epoch, seconds, got none named {', '.join(missing)}"
        )
    return [_epoch(f"{path}:{n}", row) for n, row in enumerate(rows, 2)]


def measures(epochs: Sequence[Epoch]) -> list[str]:
    """What was measured beside seconds, of whichever data: the names without ``train_`` and ``valid_``."""
    columns = [name for name in (epochs[0].values if epochs else ()) if name.startswith(_OF_ROLES)]
    measured = [name for name in columns if any(epoch.values.get(name) is not None for epoch in epochs)]
    return list(dict.fromkeys(name.split("_", 1)[1] for name in measured))


_OF_ROLES = tuple(f"{role}_" for role in ROLES)


def _row(epoch: int, by_role: Mapping[str, Mapping], header: Sequence[str]) -> dict[str, Any]:
    values = {f"{role}_{name}": value for role in ROLES for name, value in by_role.get(role, {}).items()}
    times = [by_role.get(role, {}).get("time", {}).get("__timedelta_seconds__", 0.0) for role in ROLES]
    told = {name: values.get(name, "") for name in header}
    return told | {"epoch": epoch, "seconds": float(sum(times))}


def _epoch(where: str, row: Mapping[str, str]) -> Epoch:
    if not row["epoch"].isdecimal() or not int(row["epoch"]):
        raise DataError(f"{where}: epoch is a whole number above 0, got {row['epoch']!r}")
    values = {name: _value(where, name, cell) for name, cell in row.items() if name != "epoch"}
    seconds = values.pop("seconds")
    if seconds is not None and seconds < 0:
        raise DataError(f"{where}: seconds is a number from 0 up or nothing, got {row['seconds']!r}")
    return Epoch(int(row["epoch"]), values, seconds)


def _value(where: str, name: str, cell: str) -> float | None:
    try:
        value = float(cell or "nan")  # a diverged loss is a gap in the curve, not malformed
    except ValueError:
        raise DataError(f"{where}: {name} is a number or nothing, got {cell!r}") from None
    return None if math.isnan(value) else value

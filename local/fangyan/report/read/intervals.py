"""The 95 % intervals of an experiment folder, read strictly: `fangyan.measure.significance` says what they mean."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.significance import Interval
from fangyan.tables import read_sets

METRIC = "recall_at_1"
"""The rows that the report shows; the table has other metrics too."""

EQUAL = 1e-5
"""Means of the same scores differ by less: the files carry six digits."""


def read(folder: Path, means: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Interval]]:
    """The intervals of mean R@1 by set and layer, in ``folder/<set>``, of the sets that have them.

    ``means``: the mean R@1 by set and layer. Raises `DataError` for malformed tables and for those of other scores.
    """
    found = {}
    for name, rows in read_sets(folder, means, "intervals.tsv", Interval).items():
        _check(folder / name / "intervals.tsv", [row for row in rows if row.metric == METRIC], means[name])
        found[name] = {row.layer: row for row in rows if row.metric == METRIC}
    return found


def _check(path: Path, rows: Sequence[Interval], means: Mapping[str, float]) -> None:
    if sorted(row.layer for row in rows) != sorted(means):
        layers = ", ".join(row.layer for row in rows) or "none"
        raise DataError(
            f"{path}: each of the layers {', '.join(means)} has one row of {METRIC}, got {layers}"
        )
    for row in rows:
        if row.low > row.high:
            raise DataError(f"{path}: low is at most high, got {row.low} and {row.high} in {row.layer}")
        if abs(row.mean - means[row.layer]) > EQUAL:
            rule = f"pairs.tsv has a mean {METRIC} of {means[row.layer]:.6g} in {row.layer}"
            raise DataError(f"{path}: {rule}, got {row.mean:.6g}: make the intervals again")

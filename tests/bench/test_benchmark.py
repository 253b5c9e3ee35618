"""`fangyan.bench.benchmark`: the arithmetic of a row, and the sets that are compared."""

import pytest
import torch

from fangyan.bench.benchmark import LONGEST, SHORTEST, Benchmark, Size, measure, sets
from fangyan.errors import DataError


def benchmark(values, baselines, **settings) -> Benchmark:
    """One that gives these figures, whatever it is asked."""
    values, baselines = iter(values), iter(baselines)
    return Benchmark(
        "x",
        "u",
        lambda *data: next(values),
        lambda *data: next(baselines),
        "y",
        lambda *size: size,
        **settings,
    )


def test_a_ratio_is_the_median_of_the_ratios_after_the_warm_up():
    row = measure(benchmark((1.0, 1.0, 2.0, 9.0), (100.0, 1.0, 4.0, 3.0)), Size(repeats=3))
    assert list(row.values()) == ["x", "cpu", 1, 2, 3, "u", "y"]


def test_what_takes_long_is_measured_once_and_cold():
    row = measure(benchmark((8.0,), (2.0,), once=True), Size(repeats=3))
    assert (row["ratio"], row["value"], row["baseline"]) == (4, 8, 2)


def test_nothing_is_measured_where_the_results_differ():
    def check(size, device):
        raise DataError(f"{size.utterances} {device}")

    with pytest.raises(DataError, match="7 cpu"):
        measure(benchmark((), (), check=check), Size(utterances=7))


def test_sets_are_reproducible():
    (a, b), (again, _) = sets.__wrapped__(3, 4), sets.__wrapped__(3, 4)
    assert all(torch.equal(x, y) for x, y in zip(a, again, strict=True))
    assert all(SHORTEST <= len(x) <= LONGEST and x.shape[1] == 3 for x in a + b)
    assert [len(x) for x in b] == sorted(len(x) for x in b) and len(a) == len(b) == 4

"""One row of ``bench.tsv``: a quantity and the baseline it is held against, measured in turn in one process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from statistics import median

import torch
from torch import Tensor

SEED = 0
SHORTEST, LONGEST = 40, 120
"""Frames of an utterance: 1.6 to 4.8 s at 25 Hz."""

COLUMNS = ("name", "device", "ratio", "value", "baseline", "unit", "baseline_name")

type Set = list[Tensor]
type Data = tuple[object, ...]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    utterances: int = 80  # a side, of the sets that are scored
    repeats: int = 15
    sites: int = 78  # of the whole job
    sentences: int = 50  # of a site


@dataclass(frozen=True)
class Benchmark:
    """A quantity and its baseline, both of the same ``data(size, device)``."""

    name: str
    unit: str
    value: Callable[..., float]
    baseline: Callable[..., float]
    baseline_name: str
    data: Callable[[Size, str], Data]
    check: Callable[..., None] = lambda *data: None  # `DataError` where the two do not give the same
    obstacle: Callable[[], str] = str  # why it cannot run here, or nothing
    devices: tuple[str, ...] = ("cpu", "cuda")
    once: bool = False  # takes minutes, or a process of its own


@cache
def sets(dimension: int, utterances: int, device: str = "cpu") -> tuple[Set, Set]:
    """Queries and candidates: two lists of (T, dimension) float32 tensors, random, by length."""
    generator = torch.Generator().manual_seed(SEED)
    lengths = (
        torch.randint(SHORTEST, LONGEST + 1, (2, utterances), generator=generator).sort().values.tolist()
    )
    queries, candidates = (
        [torch.randn(t, dimension, generator=generator).to(device) for t in side] for side in lengths
    )
    return queries, candidates


def seconds(work: Callable[..., object], *arguments: object) -> float:
    """How long ``work(*arguments)`` takes, on a GPU until its work is done."""
    start = _now()
    work(*arguments)
    return _now() - start


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def measure(benchmark: Benchmark, size: Size, device: str = "cpu") -> dict[str, str | float]:
    """The row: medians over the repeats, which take value and baseline in turn after a warm-up."""
    data = benchmark.data(size, device)
    benchmark.check(*data)
    rounds = 1 if benchmark.once else 1 + size.repeats
    figures = [(benchmark.value(*data), benchmark.baseline(*data)) for _ in range(rounds)][-size.repeats :]
    values, baselines = zip(*figures, strict=True)
    return {
        "name": benchmark.name,
        "device": device,
        "ratio": median(value / baseline for value, baseline in figures),
        "value": median(values),
        "baseline": median(baselines),
        "unit": benchmark.unit,
        "baseline_name": benchmark.baseline_name,
    }

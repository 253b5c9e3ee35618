"""Speeds, each as a ratio to a baseline that is measured in turn with it in the same process.

A ratio is the median over the repeats of value / baseline, both of one repeat: what else runs on the machine slows
both. SeqSim multiplies by oneDNN, which on some processors outruns torch.mm: it is held against both, each on square
matrices of the best side. The features are random, their lengths uniform from `SHORTEST` to `LONGEST` frames.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from fangyan.files import write_table
from fangyan.provenance import machine
from fangyan.seqsim import seqsim_matrix

SEED = 0
UTTERANCES = 80
SHORTEST, LONGEST = 40, 120
REPEATS = 15
SIDES = (1024, 2048)
"""Sides of the square matrices whose product shows the rate of the machine: that of the best one counts."""
PRODUCTS = 4
"""In a row, so that a baseline lasts about as long as what is held against it."""

COLUMNS = ("name", "ratio", "value", "baseline", "unit", "baseline_name")

type Set = list[Tensor]
type Rate = Callable[[Set, Set], float]


def by_pair(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by a loop: one matrix product and two maxima a pair."""
    queries, candidates = ([F.normalize(x, dim=1) for x in side] for side in (queries, candidates))
    return _loop(lambda a, b: a @ b.T, queries, candidates)


def as_published(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by a loop over broadcast cosines: the working form of the published scorer."""
    return _loop(lambda a, b: F.cosine_similarity(a[:, None], b[None], dim=-1), queries, candidates)


def _loop(cosines: Callable[[Tensor, Tensor], Tensor], queries: Set, candidates: Set) -> Tensor:
    def f1(scores: Tensor) -> Tensor:
        precision, recall = scores.amax(1).mean(), scores.amax(0).mean()
        return 2 * precision * recall / (precision + recall)

    return torch.stack([torch.stack([f1(cosines(a, b)) for b in candidates]) for a in queries])


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def _gflops(queries: Set, candidates: Set) -> float:
    """Useful work: the product of the real frames; packing counts as time."""
    frames = sum(map(len, queries)) * sum(map(len, candidates))
    return 2e-9 * frames * queries[0].shape[1] / _seconds(seqsim_matrix, queries, candidates)


def _torch_mm(a: Tensor, product: Tensor) -> None:
    torch.mm(a, a, out=product)


def _onednn(a: Tensor, product: Tensor) -> None:
    F.linear(a, a)


def _square_gflops(multiply: Callable[[Tensor, Tensor], None], side: int) -> float:
    square, product = torch.ones(side, side), torch.empty(side, side)
    square = square.to_mkldnn() if multiply is _onednn else square
    seconds = _seconds(lambda: [multiply(square, product) for _ in range(PRODUCTS)])
    return 2e-9 * PRODUCTS * side**3 / seconds


@cache
def _best_side(multiply: Callable) -> int:
    return max(SIDES, key=lambda side: max(_square_gflops(multiply, side) for _ in range(3)))


def _matmul_gflops(multiply: Callable) -> Rate:
    return lambda queries, candidates: _square_gflops(multiply, _best_side(multiply))


def _pairs_per_second(scorer: Callable[[Set, Set], object], few: int = UTTERANCES) -> Rate:
    """Of ``few`` utterances a side, of all lengths alike, for scorers that take long."""

    def rate(queries: Set, candidates: Set) -> float:
        queries, candidates = (side[:: max(1, len(side) // few)] for side in (queries, candidates))
        return len(queries) * len(candidates) / _seconds(scorer, queries, candidates)

    return rate


@dataclass(frozen=True)
class Benchmark:
    """A rate, the rate it is held against, and the dimension of the frames."""

    name: str
    rate: Rate
    unit: str
    baseline: Rate
    baseline_name: str
    dimension: int


MATMUL, ONEDNN = _matmul_gflops(_torch_mm), _matmul_gflops(_onednn)

BENCHMARKS = (
    Benchmark("seqsim_vs_matmul_d256", _gflops, "GFLOP/s", MATMUL, "torch.mm", 256),
    Benchmark("seqsim_vs_matmul_d512", _gflops, "GFLOP/s", MATMUL, "torch.mm", 512),
    Benchmark("seqsim_vs_onednn_d256", _gflops, "GFLOP/s", ONEDNN, "oneDNN product", 256),
    Benchmark("seqsim_vs_onednn_d512", _gflops, "GFLOP/s", ONEDNN, "oneDNN product", 512),
    Benchmark(
        "seqsim_vs_loop_d256",
        _pairs_per_second(seqsim_matrix),
        "pairs/s",
        _pairs_per_second(by_pair, 20),
        "loop over pairs",
        256,
    ),
    Benchmark(
        "seqsim_vs_published_d512",
        _pairs_per_second(seqsim_matrix),
        "pairs/s",
        _pairs_per_second(as_published, 5),
        "broadcast cosine",
        512,
    ),
)


def sets(dimension: int, utterances: int) -> tuple[Set, Set]:
    """Queries and candidates: two lists of (T, dimension) float32 tensors, by length."""
    generator = torch.Generator().manual_seed(SEED)
    lengths = (
        torch.randint(SHORTEST, LONGEST + 1, (2, utterances), generator=generator).sort().values.tolist()
    )
    queries, candidates = ([torch.randn(t, dimension, generator=generator) for t in side] for side in lengths)
    return queries, candidates


def measure(
    benchmark: Benchmark, utterances: int = UTTERANCES, repeats: int = REPEATS
) -> dict[str, str | float]:
    """The row of ``bench.tsv``: medians over the repeats, which take rate and baseline in turn after a warm-up."""
    data = sets(benchmark.dimension, utterances)
    rounds = [(benchmark.rate(*data), benchmark.baseline(*data)) for _ in range(repeats + 1)][1:]
    values, baselines = zip(*rounds, strict=True)
    return {
        "name": benchmark.name,
        "ratio": median(value / baseline for value, baseline in rounds),
        "value": median(values),
        "baseline": median(baselines),
        "unit": benchmark.unit,
        "baseline_name": benchmark.baseline_name,
    }


def run(out: Path, utterances: int = UTTERANCES, repeats: int = REPEATS) -> None:
    """Prints the table of all benchmarks and writes it to ``out/bench.tsv``; about a minute."""
    host = machine()
    print(
        f"# {host['cpu']}, {host['cores']} cores; torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print(
        f"# N = {utterances} x {utterances}, T = {SHORTEST}..{LONGEST}, d as named, seed {SEED}, {repeats} repeats"
    )
    rows = [measure(benchmark, utterances, repeats) for benchmark in tqdm(BENCHMARKS, "bench", disable=None)]
    print(*COLUMNS, sep="\t")
    for row in rows:
        print(*(f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row.values()), sep="\t")
    write_table(out / "bench.tsv", rows, COLUMNS)

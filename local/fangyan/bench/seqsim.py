"""SeqSim against the rate of matrix multiplication, and against the plain ways to compute it."""

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from fangyan.bench.benchmark import Benchmark, Data, Set, Size, seconds, sets
from fangyan.errors import DataError
from fangyan.measure.seqsim import seqsim_matrix

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Sides of the square matrices whose product shows the rate of the machine: that of the best one counts."""
PRODUCTS = 4
"""In a row, so that a baseline lasts about as long as what is held against it."""
LARGE = 4
"""Times the utterances of a side, where packing, and memory that is new, are little of the whole."""
EQUAL = 1e-4
"""Results that differ by less are equal."""

type Scorer = Callable[[Set, Set], Tensor]
type Multiply = Callable[[Tensor, Tensor], object]


def by_pair(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by a loop: one matrix product and two maxima a pair."""
    queries, candidates = ([F.normalize(x, dim=1) for x in side] for side in (queries, candidates))
    return _loop(lambda a, b: a @ b.T, queries, candidates)


def as_published(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by a loop over broadcast cosines: the working form of the published scorer."""
    return _loop(lambda a, b: F.cosine_similarity(a[:, None], b[None], dim=-1), queries, candidates)


def _loop(cosines: Callable[[Tensor, Tensor], Tensor], queries: Set, candidates: Set) -> Tensor:
    def score(a: Tensor, b: Tensor) -> Tensor:
        found = cosines(a, b)
        return f1(found.amax(1).mean(), found.amax(0).mean())

    return torch.stack([torch.stack([score(a, b) for b in candidates]) for a in queries])


def f1(precision: Tensor, recall: Tensor) -> Tensor:
    """The harmonic mean."""
    return 2 * precision * recall / (precision + recall)


def some(side: Set, few: int) -> Set:
    """``few`` utterances, of all lengths alike."""
    return side[:: max(1, len(side) // few)]


def pairs_per_second(scorer: Callable[[Set, Set], object], queries: Set, candidates: Set) -> float:
    """The rate of a scorer."""
    return len(queries) * len(candidates) / seconds(scorer, queries, candidates)


def _check(name: str, scorer: Scorer, queries: Set, candidates: Set) -> None:
    off = (scorer(queries, candidates) - seqsim_matrix(queries, candidates).f1).abs().max().item()
    if not off < EQUAL:
        raise DataError(f"F1 of {name} must be SeqSim's to {EQUAL}, got a difference of {off:.2g}")


def race(
    name: str, scorer: Scorer, scorer_name: str, dimension: int, few: int, obstacle: Callable[[], str] = str
) -> Benchmark:
    """SeqSim against a scorer, in pairs of utterances a second, once both have given the same F1.

    The other one is timed on `some` utterances a side: ``few`` where it takes long.
    """

    def of_few(work: Callable[[Set, Set], object]) -> Callable[[Set, Set], object]:
        return lambda queries, candidates: work(some(queries, few), some(candidates, few))

    return Benchmark(
        name,
        "pairs/s",
        value=partial(pairs_per_second, seqsim_matrix),
        baseline=of_few(partial(pairs_per_second, scorer)),
        baseline_name=scorer_name,
        data=_sets_of(dimension),
        check=of_few(partial(_check, scorer_name, scorer)),
        obstacle=obstacle,
    )


def _sets_of(dimension: int, times: int = 1) -> Callable[[Size, str], Data]:
    return lambda size, device: sets(dimension, times * size.utterances, device)


def _gflops(queries: Set, candidates: Set) -> float:
    """Useful work: the product of the real frames; packing counts as time."""
    frames = sum(map(len, queries)) * sum(map(len, candidates))
    return 2e-9 * frames * queries[0].shape[1] / seconds(seqsim_matrix, queries, candidates)


def _torch_mm(a: Tensor, product: Tensor) -> None:
    torch.mm(a, a, out=product)


def _onednn(a: Tensor, product: Tensor) -> None:
    F.linear(a, a)


def _square_gflops(multiply: Multiply, side: int, device: str) -> float:
    square, product = torch.ones(side, side, device=device), torch.empty(side, side, device=device)
    square = square.to_mkldnn() if multiply is _onednn else square
    spent = seconds(lambda: [multiply(square, product) for _ in range(PRODUCTS)])
    return 2e-9 * PRODUCTS * side**3 / spent


@cache
def _best_side(multiply: Multiply, device: str) -> int:
    return max(SIDES[device], key=lambda side: max(_square_gflops(multiply, side, device) for _ in range(3)))


def _against_product(
    name: str, multiply: Multiply, multiply_name: str, dimension: int, *devices: str, times: int = 1
) -> Benchmark:
    def ceiling(queries: Set, candidates: Set) -> float:
        device = queries[0].device.type
        return _square_gflops(multiply, _best_side(multiply, device), device)

    return Benchmark(
        name, "GFLOP/s", _gflops, ceiling, multiply_name, _sets_of(dimension, times), devices=devices
    )


BENCHMARKS = (
    *(
        _against_product(f"seqsim_vs_matmul_d{d}", _torch_mm, "torch.mm", d, "cpu", "cuda")
        for d in (256, 512)
    ),
    *(_against_product(f"seqsim_vs_onednn_d{d}", _onednn, "oneDNN product", d, "cpu") for d in (256, 512)),
    *(
        _against_product(f"seqsim_large_vs_{name}_d{d}", multiply, title, d, "cpu", times=LARGE)
        for name, multiply, title in (
            ("matmul", _torch_mm, "torch.mm"),
            ("onednn", _onednn, "oneDNN product"),
        )
        for d in (256, 512)
    ),
    race("seqsim_vs_loop_d256", by_pair, "loop over pairs", 256, few=20),
    race("seqsim_vs_published_d512", as_published, "broadcast cosine", 512, few=5),
)

"""The pairs among candidates: best first, each recording and each stretch of one in one pair at most."""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np

from fangyan.mining.banks import Bank

type Taken = dict[int, list[tuple[float, float]]]
"""The stretches of each file that are in pairs, in order; no two overlap."""


def select(candidates: np.ndarray, source: Bank, target: Bank, mutual: bool = False) -> np.ndarray:
    """The candidates that are pairs, best first: whatever margin is asked for, its pairs are the first of these.

    ``candidates``: (n,) `margins.CANDIDATE`, best first; ``mutual``: only such as are each other's best.
    """
    left = candidates[candidates["mutual"]] if mutual else candidates
    taken: Taken = {}
    kept = [
        n
        for n, candidate in enumerate(left)
        if _take(taken, source.stretches[candidate["source"]], target.stretches[candidate["target"]])
    ]
    return left[kept]


def _take(taken: Taken, *stretches: np.void) -> bool:
    """Whether all stretches of a pair are free; then they are so no more. A sentence has no length, and always is."""
    places = [stretch.item() for stretch in stretches]
    if not all(_is_free(taken.get(file, ()), start, end) for file, start, end in places):
        return False
    for file, start, end in places:
        if start < end:
            insort(taken.setdefault(file, []), (start, end))
    return True


def _is_free(spans: Sequence[tuple[float, float]], start: float, end: float) -> bool:
    """Whether a stretch overlaps none of those of its file."""
    n = bisect_left(spans, (start, end))
    after_last = n == 0 or spans[n - 1][1] <= start
    return after_last and (n == len(spans) or end <= spans[n][0])

"""Ratio margins, and the candidates that have the best one: of each recording one, from either side."""

from collections.abc import Callable, Iterable

import numpy as np

from fangyan.mining.nearest import NOBODY, Block

type Neighbours = Callable[[], Iterable[tuple[Block, np.ndarray]]]
"""What gives all blocks with their neighbours, as often as it is asked."""

CANDIDATE = np.dtype(
    [
        ("source", "<i4"),
        ("target", "<i4"),
        ("cosine", "<f4"),
        ("seqsim", "<f4"),
        ("margin", "<f8"),
        ("mutual", "?"),
    ]
)
"""Two that may be a pair, by their places; ``mutual``: each is the other's best."""


def candidates(neighbours: Neighbours, sizes: tuple[int, int]) -> np.ndarray:
    """(n,) `CANDIDATE`: each recording's neighbour of the highest margin, both ways, each pair once; best first.

    ``sizes``: of the two banks. Of equal margins the first places come first.
    """
    means = neighbourhoods(neighbours, sizes)
    found = np.concatenate([_best(block, of, means) for block, of in neighbours()])
    found = found[np.lexsort((found["target"], found["source"]))]  # stable: the source's own comes first
    again = np.zeros(len(found), bool)
    again[1:] = (np.diff(found["source"]) == 0) & (np.diff(found["target"]) == 0)
    found["mutual"][:-1] = again[1:]
    found = found[~again]
    return found[np.lexsort((found["target"], found["source"], -found["margin"]))]


def neighbourhoods(neighbours: Neighbours, sizes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Of each place of both banks the mean SeqSim of its neighbours, 0 for one without: (n,) and (m,) float64."""
    means = tuple(np.zeros(size) for size in sizes)
    for block, found in neighbours():
        there = found["place"] != NOBODY
        sums = np.where(there, found["seqsim"], 0).sum(1, dtype=np.float64)
        means[block.side][block.start : block.stop] = sums / np.maximum(there.sum(1), 1)
    return means


def margins(scores: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Each score over the mean of the two neighbourhoods; 0 where one of these is not above 0, and nothing is alike."""
    both = (own > 0) & (other > 0)
    return np.where(both, scores / np.where(both, (own + other) / 2, 1), 0)


def _best(block: Block, found: np.ndarray, means: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The best candidate of each place of a block that has one."""
    own = means[block.side][block.start : block.stop, None]
    of_pairs = margins(found["seqsim"].astype(np.float64), own, means[1 - block.side][found["place"]])
    of_pairs = np.where(found["place"] == NOBODY, 0, of_pairs)
    best = of_pairs.argmax(1)
    rows = np.arange(len(found))
    made = np.zeros(len(found), CANDIDATE)
    ends = (np.arange(block.start, block.stop), found["place"][rows, best])
    made["source"], made["target"] = ends[:: -1 if block.side else 1]
    for name in ("cosine", "seqsim"):
        made[name] = found[name][rows, best]
    made["margin"] = of_pairs[rows, best]
    return made[made["margin"] > 0]

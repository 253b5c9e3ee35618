"""The nearest neighbours of a block of a bank in the other one: by SeqSim, of those whose means have the best cosines.

However many there are, in memory are at a time the means of `BLOCK` of the one and of `CHUNK` of the other, 4 d bytes
each, the cosines that faiss blocks by itself, and the frames of one recording and of those that a first cut leaves.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass

import numpy as np

from fangyan.mining.banks import Bank, overlapping
from fangyan.mining.copies import copies
from fangyan.search import odd_scores

BLOCK = 1024
"""What is done at a time, and lost at most where the work is killed."""
CHUNK = 65_536
FOUND = np.dtype([("place", "<i4"), ("cosine", "<f4"), ("seqsim", "<f4")])
"""A neighbour: its place in the other bank (`NOBODY`: there are no more), cosine of the means, SeqSim F1."""
NOBODY = -1


@dataclass(frozen=True)
class Block:
    """The places from ``start`` to before ``stop`` of a side: 0 the source, 1 the target."""

    side: int
    start: int
    stop: int


def blocks(banks: tuple[Bank, Bank]) -> list[Block]:
    """All of the source, then all of the target; the same for any number of shards, so that sums are, too."""
    return [
        Block(side, start, min(start + BLOCK, len(bank)))
        for side, bank in enumerate(banks)
        for start in range(0, len(bank), BLOCK)
    ]


def neighbours(banks: tuple[Bank, Bank], block: Block, k: int, cut: int) -> np.ndarray:
    """(n, k) `FOUND`: of each place of a block its k nearest of the other side by SeqSim, nearest first.

    They are among the ``cut`` that are nearest by their means. What overlaps it in the same recording is none of
    them, nor is a copy of it under another name. Where the other side has fewer, the row ends in `NOBODY`.
    """
    of, among = banks[block.side], banks[1 - block.side]
    places, cosines = _nearest_apart(of, block, among, cut)
    found = np.full((len(places), k), np.array((NOBODY, np.nan, np.nan), FOUND))
    for n, (row, alike) in enumerate(zip(places, cosines, strict=True)):
        there = np.flatnonzero(row != NOBODY)
        if len(there):
            scores = _seqsim(of, block.start + n, among, row[there])
            best = np.argsort(-scores, kind="stable")[:k]
            for name, values in (("place", row), ("cosine", alike)):
                found[name][n, : len(best)] = values[there][best]
            found["seqsim"][n, : len(best)] = scores[best]
    return found


def _nearest_apart(of: Bank, block: Block, among: Bank, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, up to k) places of the nearest that overlap nothing, and cosines; asks for more until there are enough."""
    means, here = of.means(block.start, block.stop), of.stretches[block.start : block.stop, None]
    asked = k + 1  # in one index each recording is its own nearest
    while True:
        places, cosines = _nearest(means, among, min(asked, len(among)))
        apart = ~overlapping(here, among.stretches[places])
        apart &= ~copies(of, block.start, among, places, np.where(apart, cosines, 0))
        if asked >= len(among) or (apart.sum(1) >= k).all():
            break
        asked *= 2
    first = np.argsort(~apart, axis=1, kind="stable")[:, :k]
    places, cosines, apart = (np.take_along_axis(x, first, 1) for x in (places, cosines, apart))
    return np.where(apart, places, NOBODY), cosines


def _nearest(means: np.ndarray, among: Bank, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) places in ``among`` of the highest cosines with (n, d) ``means``, and these, highest first."""
    import faiss

    best: list[np.ndarray] = []
    for start in range(0, len(among), CHUNK):
        part = among.means(start, start + CHUNK)
        cosines, places = faiss.knn(means, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)
        found = [places + start, cosines]
        best = [np.concatenate(both, 1) for both in zip(best, found, strict=True)] if best else found
        order = np.argsort(-best[1], axis=1, kind="stable")[:, :k]
        best = [np.take_along_axis(x, order, 1) for x in best]
    return best[0], best[1]


def _seqsim(of: Bank, place: int, among: Bank, places: np.ndarray) -> np.ndarray:
    from fangyan.measure.seqsim import seqsim_with

    query, _ = of.units([place])
    scores = seqsim_with(query, *among.units(places))
    if len(odd := np.flatnonzero(odd_scores(scores))):
        of.index.check_frames([of.rows[place]])
        among.index.check_frames(among.rows[places[odd]])
    return scores.f1.numpy()


def packed(found: np.ndarray) -> str:
    """Neighbours as a line of a journal holds them."""
    return b64encode(found.tobytes()).decode()


def is_packed(line: object, k: int) -> bool:
    """Whether a line of a journal holds neighbours, of one recording at least."""
    try:
        return isinstance(line, str) and len(unpacked(line, k)) > 0
    except ValueError:
        return False


def unpacked(line: str, k: int) -> np.ndarray:
    """The (n, k) `FOUND` of a line."""
    return np.frombuffer(b64decode(line, validate=True), FOUND).reshape(-1, k)

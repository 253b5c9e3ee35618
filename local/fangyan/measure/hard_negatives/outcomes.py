"""What becomes of each query among true sentences and their variants: found or not, and what outranks its truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fangyan.measure.ties import TIE

OTHER = "sentence"
"""The kind of a candidate that comes from another sentence."""
NO_CHANGE = ""
"""The kind of a sentence itself."""


@dataclass(frozen=True)
class Outcomes:
    """What became of n queries.

    ``found``, ``found_among_variants``: (n,) bool, whether the truth is first among the sentences, and among their
    variants as well. By kind, and for `OTHER`: ``outranked``, (n,) bool, whether one of it scores at least as high as
    the truth; ``rivals``, (n,) whole numbers, how many there are. ``first``: (n,), the kind of the best candidate where
    it is not the truth, else "".
    """

    found: np.ndarray
    found_among_variants: np.ndarray
    outranked: dict[str, np.ndarray]
    rivals: dict[str, np.ndarray]
    first: np.ndarray


def outcomes(
    scores: np.ndarray, queries: Sequence[str], sentences: Sequence[str], kinds: Sequence[str]
) -> Outcomes:
    """What (n, m) ``scores`` make of n queries, of which the sentences are given, as those of the m candidates are.

    ``kinds``: of each candidate, `NO_CHANGE` for a sentence itself, which each query has once.
    """
    kind, names = np.array(kinds), dict.fromkeys(filter(None, kinds))
    own = np.array(queries)[:, None] == np.array(sentences)
    truth = own & (kind == NO_CHANGE)
    best = np.where(truth, scores, -np.inf).max(1, keepdims=True)
    beats = (scores >= best - TIE) & ~truth
    rivals = {name: own & (kind == name) for name in names} | {OTHER: ~own}
    lost = beats.any(1)
    winner = np.where(beats, scores, -np.inf).argmax(1)
    of_own = own[np.arange(len(own)), winner]
    return Outcomes(
        found=~(beats & (kind == NO_CHANGE)).any(1),
        found_among_variants=~lost,
        outranked={name: (beats & those).any(1) for name, those in rivals.items()},
        rivals={name: those.sum(1) for name, those in rivals.items()},
        first=np.where(lost, np.where(of_own, kind[winner], OTHER), ""),
    )

"""Ranks of queries by a matrix of scores, and what a ranking is worth: R@k, MRR, median rank, chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Metrics
from fangyan.measure.ties import TIE

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ranking:
    """The ranks of the queries of one ordered pair of sides."""

    queries: Tensor  # (n,): their places among the utterances of the source
    rank: Tensor  # (n,) int64, 1 is best
    right: Tensor  # (n,): how many of the candidates are right answers
    candidates: int
    tied: Tensor  # (n,) bool: not first, but for nothing else than ties


def ranks(scores: Tensor, right: Tensor) -> Tensor:
    """The rank of the best right candidate of each query: (n,) int64, 1 is best.

    ``scores``: (n, m). ``right``: (n, m) bool, at least one True a row. `DataError` for a NaN or a row without one.
    """
    if scores.isnan().any():
        raise DataError("scores must be numbers, got NaN")
    if not right.any(1).all():
        raise DataError(
            f"every query needs a right candidate, got none for query {int(right.any(1).int().argmin())}"
        )
    return 1 + ((scores >= _best(scores, right) - TIE) & ~right).sum(1)


def is_beaten(scores: Tensor, right: Tensor) -> Tensor:
    """Whether a wrong candidate scores higher than the best right one, by more than a tie: (n,) bool."""
    return ((scores > _best(scores, right) + TIE) & ~right).any(1)


def _best(scores: Tensor, right: Tensor) -> Tensor:
    return scores.masked_fill(~right, -inf).amax(1, keepdim=True)


def levels(scores: Tensor) -> np.ndarray:
    """(n, m) whole numbers in the order of the (n, m) scores of each row, equal where these are less than `TIE` apart.

    Neighbours are: scores that lie in one chain of such neighbours are all equal.
    """
    values = scores.double().numpy()
    order = values.argsort(1)
    steps = np.diff(np.take_along_axis(values, order, 1), axis=1) >= TIE
    found = np.zeros_like(order)
    np.put_along_axis(found, order[:, 1:], steps.cumsum(1), 1)
    return found


def ranking(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Ranking:
    """The ranks by (n, m) ``scores`` between utterances with the sentence ids ``queries`` and ``candidates``.

    Utterances whose sentence the other side lacks are left out. `DataError` where fewer than 2 sentences remain.
    """
    common = set(queries) & set(candidates)
    if len(common) < 2:
        raise DataError(f"retrieval needs 2 sentences that both sides have, got {len(common)}")
    number = {sentence: n for n, sentence in enumerate(sorted(common))}
    import torch

    rows, columns = (torch.tensor([number.get(s, -1) for s in side]) for side in (queries, candidates))
    right = (rows[:, None] == columns)[rows >= 0][:, columns >= 0]
    compared = scores.cpu()[rows >= 0][:, columns >= 0]
    rank = ranks(compared, right)
    tied = (rank > 1) & ~is_beaten(compared, right)
    return Ranking((rows >= 0).nonzero().squeeze(1), rank, right.sum(1), right.shape[1], tied)


def measure(found: Ranking) -> Metrics:
    """The metrics of a ranking."""
    rank = found.rank.double()
    recalls = ((rank <= k).double().mean().item() for k in (1, 5, 10))
    chance = found.right.double().mean().item() / found.candidates
    means = (1 / rank).mean().item(), rank.quantile(0.5).item(), chance
    return Metrics(len(rank), *recalls, *means, int(found.tied.sum()))


def evaluate(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Metrics:
    """The metrics of the `ranking` by these scores."""
    return measure(ranking(scores, queries, candidates))

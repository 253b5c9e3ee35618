"""Ranks of queries by a matrix of scores, and what a ranking is worth: R@k, MRR, median rank, chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fangyan.errors import DataError

TIE = 1e-6
"""Scores closer than this are equal: some ten roundings of a float32 cosine."""


@dataclass(frozen=True)
class Ranking:
    """The ranks of the queries of one ordered pair of varieties."""

    queries: Tensor  # (n,): their places among the utterances of the source
    rank: Tensor  # (n,) int64, 1 is best
    right: Tensor  # (n,): how many of the candidates are right answers
    candidates: int


@dataclass(frozen=True)
class Metrics:
    """What the retrieval of ``n`` queries gave: ranks, and fractions in [0, 1]."""

    n: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    median_rank: float
    chance: float


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
    best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
    return 1 + ((scores >= best - TIE) & ~right).sum(1)


def ranking(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Ranking:
    """The ranks by (n, m) ``scores`` between utterances with the sentence ids ``queries`` and ``candidates``.

    Utterances whose sentence the other side lacks are left out. `DataError` where fewer than 2 sentences remain.
    """
    common = set(queries) & set(candidates)
    if len(common) < 2:
        raise DataError(f"retrieval needs 2 sentences that both varieties have, got {len(common)}")
    number = {sentence: n for n, sentence in enumerate(sorted(common))}
    rows, columns = (torch.tensor([number.get(s, -1) for s in side]) for side in (queries, candidates))
    right = (rows[:, None] == columns)[rows >= 0][:, columns >= 0]
    rank = ranks(scores.cpu()[rows >= 0][:, columns >= 0], right)
    return Ranking((rows >= 0).nonzero().squeeze(1), rank, right.sum(1), right.shape[1])


def measure(found: Ranking) -> Metrics:
    """The metrics of a ranking."""
    rank = found.rank.double()
    recalls = ((rank <= k).double().mean().item() for k in (1, 5, 10))
    chance = found.right.double().mean().item() / found.candidates
    return Metrics(len(rank), *recalls, (1 / rank).mean().item(), rank.quantile(0.5).item(), chance)


def evaluate(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Metrics:
    """The metrics of the `ranking` by these scores."""
    return measure(ranking(scores, queries, candidates))

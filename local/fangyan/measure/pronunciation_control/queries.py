"""Queries under the control: their ranks, how far the nearest right candidate sounds, whether sound misleads; means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np

from fangyan.measure.retrieval.ranking import levels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pairing:
    """An ordered pair of varieties: which of the utterances that they share are right, and how far apart they sound."""

    source: str
    target: str
    right: Tensor  # (n, m) bool
    distances: Tensor  # (n, m) float32


@dataclass(frozen=True)
class Queries:
    """What was found of n queries, each (n,)."""

    rank: Tensor  # int64, 1 is best
    rank_by_sound: Tensor  # likewise
    chance: Tensor  # R@1 of a random order
    distance: Tensor  # to the nearest right candidate
    controlled: Tensor  # bool


def nearest(distances: Tensor, right: Tensor) -> Tensor:
    """The distance of each query to its nearest right candidate: (n,), of (n, m) distances."""
    return distances.masked_fill(~right, inf).amin(1)


def controlled_queries(distances: Tensor, right: Tensor, quantile: float) -> Tensor:
    """The controlled set: (n,) bool, True where no right candidate is nearer than the quantile of the wrong ones."""
    wrong = distances.masked_fill(right, nan).nanquantile(quantile, 1)
    return nearest(distances, right) >= wrong


def partial_correlation(scores: Tensor, distances: Tensor, right: Tensor) -> float:
    """Correlation of score and right candidate given distance: Pearson's, on ranks among the candidates of a query.

    (n, m) each. With correlations r of the three, (r_sr - r_sd r_rd) / sqrt((1 - r_sd^2) (1 - r_rd^2)); NaN where
    scores or right answers do not vary beyond the distance.
    """
    from scipy.stats import rankdata

    score, distance = (rankdata(levels(values), axis=1).ravel() for values in (scores, distances))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.corrcoef([score, right.numpy().ravel(), distance])
    left = (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
    return float((r[0, 1] - r[0, 2] * r[1, 2]) / left**0.5) if left > 1e-9 else float("nan")


def concatenate_queries(parts: Iterable[Queries]) -> Queries:
    """The queries of all ``parts``, in their order."""
    import torch

    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Queries(*map(torch.cat, columns))


def summary(queries: Queries) -> dict[str, float]:
    """How many queries, all and controlled, and their means: most columns of `Controlled`; NaN over no query."""
    hits, hits_by_sound = ((r == 1).double() for r in (queries.rank, queries.rank_by_sound))
    kept = queries.controlled
    means = {
        "recall_at_1": hits,
        "chance": queries.chance,
        "recall_at_1_controlled": hits[kept],
        "mrr_controlled": 1 / queries.rank[kept].double(),
        "chance_controlled": queries.chance[kept],
        "phonetics_recall_at_1": hits_by_sound,
        "phonetics_recall_at_1_controlled": hits_by_sound[kept],
    }
    counts = {"n": len(kept), "n_controlled": int(kept.sum())}
    return counts | {name: values.mean().item() for name, values in means.items()}


def bin_by_distance(queries: Queries, count: int = 5) -> list[dict]:
    """R@1 by phonetic distance: a row for each of ``count`` bins of equal count, nearest first; none is empty."""
    distances, hits = queries.distance, (queries.rank == 1).double()
    parts = distances.argsort(stable=True).tensor_split(min(count, len(distances)))
    return [
        {"bin": n, "low": distances[part[0]].item(), "high": distances[part[-1]].item(), "n": len(part)}
        | {"recall_at_1": hits[part].mean().item(), "chance": queries.chance[part].mean().item()}
        for n, part in enumerate(parts, 1)
    ]

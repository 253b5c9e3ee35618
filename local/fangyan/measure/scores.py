"""Similarities of utterances, by name: how a set is made ready, once, and how two such sets are compared.

Scores (`SCORES`); all work on the cosines of frames, and `measure.retrieval` ranks the candidates of a query by them
- ``seqsim``: SeqSim F1, the score of the benchmark (`fangyan.measure.seqsim`). Symmetric.
- ``precision``: the mean over the frames of the *query* of their best frame in the candidate. Not symmetric.
- ``recall``: the mean over the frames of the *candidate* of their best frame in the query. Not symmetric:
  recall(query, candidate) = precision(candidate, query).
- ``pooled``: the cosine of the mean frames. Symmetric.
- ``dtw``: minus the normalised distance of dynamic time warping with the local cost 1 - cos (Sakoe & Chiba 1978, the
  symmetric form without slope constraint: a diagonal step weighs 2, the others 1, so that every path of T and U frames
  weighs T + U - 1, by which the cost of the best is divided). In [-2, 0], symmetric. SeqSim forgets the order of the
  frames, DTW keeps it. One pair of utterances at a time: five to seven times as slow as ``seqsim`` on one core.

Normalisations (`NORMALISATIONS`) of the frames of one variety, before all else, with x the frame, mu the mean and C the
covariance of all the frames that the variety has in the set
- ``none``: x
- ``centre``: x - mu
- ``whiten``: C^(-1/2) (x - mu), directions without variance left out. It is ZCA, the one whitening that stays nearest
  to the original axes (Kessy et al. 2018); principal components would turn each variety differently and leave frames
  of two varieties nothing in common. Needs many more frames than dimensions.
They are fitted on the very recordings that are then compared (transductive), and they must know which variety each is
of, but nothing of what it says: sentence ids, so the right answers, have no part in it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fangyan.errors import DataError, UserError, known_names
from fangyan.features.frames import checked, mean_frame, same_dimension, scaled_sum, unit
from fangyan.measure.seqsim import Packed, pack, seqsim_matrix

type Features = Mapping[str, np.ndarray | Tensor]

NO_VARIANCE = 1e-6
"""Directions whose variance is below this share of the largest have none: whitening would blow up rounding."""

ROUNDING = 1e-6
"""What remains of a number when the mean is taken off is rounding below this share of it, some ten float32 roundings:
frames that are all the same are 0 when they are centred, and have no direction that a cosine could see."""


def _as_they_are(features: Features) -> Features:
    return features


@dataclass(frozen=True)
class Score:
    """A similarity: ``prepare`` makes a set ready, once; ``compare(queries, candidates)`` scores two such sets.

    A set is made ready in two steps: ``normalise`` is to get all the utterances of one variety at once, ``lay_out``
    takes any of them. ``compare`` gives an (n, m) float tensor: how well each of the m candidates answers each of the n
    queries. Only if ``symmetric`` is ``compare(a, b) == compare(b, a).T``.
    """

    lay_out: Callable[[Features], Any]
    compare: Callable[[Any, Any], Tensor]
    symmetric: bool = True
    normalise: Callable[[Features], Features] = _as_they_are

    def prepare(self, features: Features) -> Any:
        """The utterances of one variety, normalised and laid out."""
        return self.lay_out(self.normalise(features))

    def both_ways(self, a: Any, b: Any) -> tuple[Tensor, Tensor]:
        """``compare(a, b)`` and ``compare(b, a)``; a symmetric score is computed once."""
        forth = self.compare(a, b)
        return forth, forth.T if self.symmetric else self.compare(b, a)


def pooled(features: Features) -> Packed:
    """Each utterance as its mean frame. The SeqSim of two single frames is their cosine."""
    return pack({key: mean_frame(x)[None] for key, x in checked(features).items()})


def units(features: Features) -> list[Tensor]:
    """The (T, d) frames of each utterance, L2-normalised."""
    return [unit(frames) for frames in checked(features).values()]


def f1(queries: Packed, candidates: Packed) -> Tensor:
    """(n, m) SeqSim F1."""
    return seqsim_matrix(queries, candidates).f1


def precision(queries: Packed, candidates: Packed) -> Tensor:
    """(n, m) SeqSim precision: how much of the query the candidate has."""
    return seqsim_matrix(queries, candidates).precision


def recall(queries: Packed, candidates: Packed) -> Tensor:
    """(n, m) SeqSim recall: how much of the candidate the query has."""
    return seqsim_matrix(queries, candidates).recall


def dtw(queries: list[Tensor], candidates: list[Tensor]) -> Tensor:
    """(n, m) minus the normalised DTW distance of `units`; `DataError` where the two sets differ in d.

    Costs are in single precision, their sums in double (librosa's).
    """
    same_dimension(queries[0].shape[1], candidates[0].shape[1])
    frames, lengths = torch.cat(candidates), [len(candidate) for candidate in candidates]
    rows = []
    for query in queries:
        costs = (1 - (query @ frames.T).clamp(-1, 1)).cpu().split(lengths, 1)
        rows.append([-_warped(np.ascontiguousarray(cost.numpy())) for cost in costs])
    return torch.tensor(rows)


def _warped(cost: np.ndarray) -> float:
    """The mean cost along the best path through a (T, U) array."""
    from librosa.sequence import dtw

    total = dtw(C=cost, weights_mul=np.array([2.0, 1.0, 1.0]), backtrack=False)[-1, -1]
    return float(total) / (sum(cost.shape) - 1)


SCORES = {
    "seqsim": Score(pack, f1),
    "precision": Score(pack, precision, symmetric=False),
    "recall": Score(pack, recall, symmetric=False),
    "pooled": Score(pooled, f1),
    "dtw": Score(units, dtw),
}


def centre(features: Features) -> dict[str, Tensor]:
    """The frames minus the mean of all of them."""
    frames = checked(features)
    return {key: x.to(frames[key].dtype) for key, x in _centred(frames)}


def whiten(features: Features) -> dict[str, Tensor]:
    """The frames with mean 0, variance 1 and no correlations; `DataError` for fewer frames than dimensions."""
    frames = checked(features)
    centred = torch.cat([x for _, x in _centred(frames)])
    count, dimension = centred.shape
    if count <= dimension:
        raise DataError(f"whitening needs more frames than dimensions, got {count} frames of d = {dimension}")
    centred /= centred.abs().max() or 1.0  # squares of float64 may leave its range
    variances, axes = torch.linalg.eigh(centred.T @ centred / count)
    scales = torch.where(variances > NO_VARIANCE * variances[-1], variances.rsqrt(), 0.0)
    white = (centred @ (axes * scales @ axes.T)).float()
    return dict(zip(frames, white.split([len(x) for x in frames.values()]), strict=True))


def _centred(frames: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each utterance minus the mean of all frames, in double precision; what is no more than rounding is 0."""
    count = sum(map(len, frames.values()))
    mean = sum(scaled_sum(x, count) for x in frames.values())
    for key, x in frames.items():
        found = x - mean
        yield key, found.where(found.abs() > ROUNDING * x.abs(), 0.0)


NORMALISATIONS: dict[str, Callable[[Features], Features]] = {
    "none": _as_they_are,
    "centre": centre,
    "whiten": whiten,
}


def choose(score: str, normalise: str = "none") -> Score:
    """The score of that name in `SCORES`, on frames normalised by the name in `NORMALISATIONS`; else `UserError`."""
    for kind, name, known in (("score", score, SCORES), ("normalisation", normalise, NORMALISATIONS)):
        if name not in known:
            raise UserError(f"unknown {kind} {name!r}: {known_names(name, known)}")
    return replace(SCORES[score], normalise=NORMALISATIONS[normalise])

"""Speech-to-speech retrieval: how often the utterance that is most alike says the same in another variety.

Conventions
- Two utterances are translations of each other iff their sentence id (utt2sent) is equal.
- For every ordered pair of different varieties: the queries are the utterances of the source, the candidates those
  of the target, both only with sentences that both varieties have. Each recording of a sentence is a query of its
  own, and any recording of its sentence in the target is a right answer.
- The rank of a query is 1 + the number of wrong candidates that score at least as high as its best right one.
  So ties count against the encoder: one whose scores are all equal has the worst rank, not a lucky one. Scores
  less than `TIE` apart are equal; what is closer is rounding, which differs from machine to machine.
- R@k: fraction of queries with rank <= k. MRR: mean of 1 / rank. Chance: R@1 of a random order, which is the mean
  over the queries of (right candidates) / (candidates).
- Varieties that share fewer than 2 sentences leave nothing to confuse; their pairs are not scored, but listed in
  ``.skipped.tsv``. A set without any pair to score is an error.
- The mean of two groups is over their ordered pairs of varieties, each pair with equal weight.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from fangyan import datadir, dump
from fangyan.datadir import Utterance
from fangyan.errors import DataError
from fangyan.files import fingerprint, produce, write_table
from fangyan.seqsim import pack, seqsim_matrix
from fangyan.varieties import group_of

TIE = 1e-6
"""Scores closer than this are equal: some ten roundings of a float32 cosine."""


@dataclass(frozen=True)
class Score:
    """A similarity: how a set of utterances is made ready, once, and how two such sets are compared.

    ``compare`` gives an (n, m) float tensor and is symmetric: ``compare(a, b) == compare(b, a).T``.
    """

    prepare: Callable[[Mapping[str, np.ndarray]], Any]
    compare: Callable[[Any, Any], Tensor]


@dataclass(frozen=True)
class Metrics:
    """What the retrieval of ``n`` queries gave: fractions in [0, 1]."""

    n: int
    recall_at_1: float
    recall_at_5: float
    mrr: float
    chance: float


def pooled(features: Mapping[str, np.ndarray]) -> Tensor:
    """The mean frame of each utterance at length 1 (a zero mean stays zero): (n, d) float32."""
    means = torch.stack([torch.from_numpy(frames).double().mean(0) for frames in features.values()])
    return torch.nn.functional.normalize(means, dim=1).float()


SCORES = {
    "seqsim": Score(pack, lambda a, b: seqsim_matrix(a, b).f1),
    "pooled": Score(pooled, lambda a, b: a @ b.T),
}

METRICS = tuple(Metrics.__dataclass_fields__)
PAIRS = ("layer", "source", "target", *METRICS)
GROUPS = ("layer", "source_group", "target_group", "pairs", *METRICS[1:])


def ranks(scores: Tensor, right: Tensor) -> Tensor:
    """The rank of the best right candidate of each query: (n,) int64, 1 is best.

    ``scores``: (n, m). ``right``: (n, m) bool, at least one True a row. `DataError` for a NaN or a row without one.
    """
    if scores.isnan().any():
        raise DataError("scores must be numbers, got NaN")
    if not right.any(1).all():
        raise DataError(f"every query needs a right candidate, got none for query {int(right.any(1).int().argmin())}")
    best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
    return 1 + ((scores >= best - TIE) & ~right).sum(1)


def evaluate(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Metrics:
    """The metrics of (n, m) ``scores`` between utterances with the sentence ids ``queries`` and ``candidates``.

    Utterances whose sentence the other side lacks are left out. `DataError` where fewer than 2 sentences remain.
    """
    common = set(queries) & set(candidates)
    if len(common) < 2:
        raise DataError(f"retrieval needs 2 sentences that both varieties have, got {len(common)}")
    number = {sentence: n for n, sentence in enumerate(sorted(common))}
    rows, columns = (torch.tensor([number.get(s, -1) for s in side]) for side in (queries, candidates))
    right = (rows[:, None] == columns)[rows >= 0][:, columns >= 0]
    rank = ranks(scores.cpu()[rows >= 0][:, columns >= 0], right).double()
    recalls = ((rank <= k).double().mean().item() for k in (1, 5))
    return Metrics(len(rank), *recalls, (1 / rank).mean().item(), right.double().mean().item())


def retrieve(feats: Path, data: Path, out: Path, score: str = "seqsim") -> bool:
    """Whether there was work: ``out/{pairs,groups}.tsv`` for every layer of ``feats``, False if they were finished.

    ``feats``: folder of `fangyan.dump`. ``data``: its data directory. ``score``: a name of `SCORES`. `DataError` where
    features and data directory do not have the same utterances, and where there is no pair of varieties to score.
    """
    if score not in SCORES:
        raise DataError(f"score must be one of {', '.join(SCORES)}, got {score}")
    inputs = {"feats": fingerprint(feats), "data": datadir.identity(data), "score": score}
    return produce(out, inputs, partial(_write, feats, data, SCORES[score]))


def _write(feats: Path, data: Path, score: Score, folder: Path) -> None:
    varieties = _by_variety(datadir.read(data))
    pairs, skipped = _scorable(data, varieties)
    layers = dump.layers(feats)
    rows: list[dict] = []
    with tqdm(total=len(layers) * len(pairs), desc=f"retrieve {data.name}", unit="pair", disable=None) as bar:
        for layer in layers:
            features = _features(feats, layer, data, varieties)
            rows += sorted(_layer(layer, features, varieties, bar.update, pairs, score), key=_place)
    if skipped:
        print(f"{data}: {len(skipped)} pairs of varieties share fewer than 2 sentences", file=sys.stderr)
    write_table(folder / ".skipped.tsv", skipped, ("source", "target", "sentences"))
    write_table(folder / "groups.tsv", _groups(rows), GROUPS)
    write_table(folder / "pairs.tsv", rows, PAIRS)

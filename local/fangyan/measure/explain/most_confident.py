"""The hits and misses of a retrieval that tell most: the surest right answers and the surest wrong ones."""

from math import inf
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fangyan.features.layers import Layer
from fangyan.measure.retrieval.pairs import Scorer, comparable_pairs
from fangyan.measure.retrieval.sides import Side, speech
from fangyan.measure.ties import TIE
from fangyan.progress import track

if TYPE_CHECKING:
    from torch import Tensor


class Outcome(NamedTuple):
    """How a query was answered: its best right and its best wrong candidate, by id, and their scores."""

    query: str
    right: str
    wrong: str
    right_score: float
    wrong_score: float

    @property
    def margin(self) -> float:
        """By how much the right one beats the wrong one; a hit beats it by more than a tie."""
        return self.right_score - self.wrong_score

    @property
    def hit(self) -> bool:
        """Whether the right one came first, as `fangyan.measure.retrieval` ranks."""
        return self.margin > TIE


def rank_outcomes(scores: "Tensor", queries: Side, candidates: Side) -> list[Outcome]:
    """The outcome of each query by (n, m) ``scores``, in order, of the sentences that both sides have."""
    common = set(queries.sentences) & set(candidates.sentences)
    import torch

    right = torch.tensor([[a == b for b in candidates.sentences] for a in queries.sentences])
    known = torch.tensor([b in common for b in candidates.sentences])
    best, best_at = scores.cpu().masked_fill(~right, -inf).max(1)
    worst, worst_at = scores.cpu().masked_fill(right | ~known, -inf).max(1)
    columns = zip(*(x.tolist() for x in (best_at, worst_at, best, worst)), strict=True)
    return [
        Outcome(query, candidates.ids[r], candidates.ids[w], right_score, wrong_score)
        for (query, sentence), (r, w, right_score, wrong_score) in zip(
            queries.members(), columns, strict=True
        )
        if sentence in common
    ]


def most_confident(feats: Path, data: Path, layer: str, count: int) -> tuple[list[Outcome], list[Outcome]]:
    """Up to ``count`` hits, the largest margin first, and misses, the most wrong first, by SeqSim at ``layer``.

    ``feats``: dumped features of the set. One query of each ordered pair of varieties, lest one pair tell it all.
    """
    from fangyan.measure.scores import choose

    bank = speech(feats, data)
    pairs, _ = comparable_pairs(data, bank.sides)
    scorer = Scorer(bank.sides, bank.features(Layer.parse(layer)), choose("seqsim"))
    found = []
    for a, b in track(pairs, f"most telling of {data.name}", "pairs of varieties"):
        ours, theirs = (bank.sides[x].shared(bank.sides[y]) for x, y in ((a, b), (b, a)))
        forth, back = scorer.both_ways(a, b)
        found += [rank_outcomes(forth, ours, theirs), rank_outcomes(back, theirs, ours)]
    margin = attrgetter("margin")
    hits = sorted((max(of_pair, key=margin) for of_pair in found), key=margin, reverse=True)
    misses = sorted((min(of_pair, key=margin) for of_pair in found), key=margin)
    return [o for o in hits if o.hit][:count], [o for o in misses if not o.hit][:count]

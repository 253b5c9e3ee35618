"""What the scores of a page mean: how often its own utterances find their sentence, and with what scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from fangyan.data.datadir import Utterance
from fangyan.measure.seqsim import Packed, pack, seqsim_matrix
from fangyan.measure.ties import TIE
from fangyan.progress import track

TRIED = 500
"""So many searches, at most, are made with the data's own utterances to learn what scores mean."""


@dataclass(frozen=True)
class Trial:
    """What came of searching, with utterances of the data, their own sentence in other varieties."""

    searches: int
    first: float  # the share that put it first, in [0, 1], as does
    chance: float  # a random order
    right: tuple[float, float]  # the quartiles of the score of the right answer,
    wrong: tuple[float, float]  # and of the best wrong one


def trial(
    features: Mapping[str, np.ndarray], varieties: Mapping[str, Sequence[Utterance]], most: int = TRIED
) -> Trial | None:
    """What comes of about ``most`` searches with the data itself; None where no two varieties share two sentences.

    ``features``: (T, d) frames by utterance id.
    """
    sentences = {variety: {u.sentence for u in members} for variety, members in varieties.items()}
    pairs = [
        ([u for u in varieties[a] if u.sentence in sentences[b]], b) for a, b in permutations(varieties, 2)
    ]
    pairs = [(spoken, b) for spoken, b in pairs if len({u.sentence for u in spoken}) > 1]
    if not pairs:
        return None
    step = -(-sum(len(spoken) for spoken, _ in pairs) // most)
    packed = {name: pack([features[u.id] for u in members]) for name, members in varieties.items()}
    tracked = track(pairs, "what scores mean", "pairs of varieties")
    answers = [_answers(spoken[::step], varieties[b], features, packed[b]) for spoken, b in tracked]
    right, wrong, chance = (torch.cat(column).double() for column in zip(*answers, strict=True))
    quarters = torch.tensor([0.25, 0.75]).double()
    return Trial(
        searches=len(right),
        first=(right > wrong + TIE).double().mean().item(),
        chance=chance.mean().item(),
        right=tuple(right.quantile(quarters).tolist()),
        wrong=tuple(wrong.quantile(quarters).tolist()),
    )


def _answers(
    queries: Sequence[Utterance],
    candidates: Sequence[Utterance],
    features: Mapping[str, np.ndarray],
    packed: Packed,
) -> tuple[Tensor, Tensor, Tensor]:
    """(n,) each: the best score of a right candidate of each query, of a wrong one, and the share of right ones."""
    scores = seqsim_matrix(pack([features[u.id] for u in queries]), packed).f1
    same = torch.tensor([[u.sentence == v.sentence for v in candidates] for u in queries])
    right, wrong = (scores.masked_fill(other, -torch.inf).amax(1) for other in (~same, same))
    return right, wrong, same.float().mean(1)

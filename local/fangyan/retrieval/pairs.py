"""Pairs of varieties: which can be compared, with which utterances, and the scores of these."""

from collections.abc import Iterable
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fangyan import dump
from fangyan.datadir import Utterance
from fangyan.errors import DataError
from fangyan.similarity import Features, Score, concatenate

type Varieties = dict[str, list[Utterance]]

WORTH_IT = 0.5
"""Where two varieties share less than this part of their pairs of utterances, these are made ready anew, by themselves:
that costs a third of scoring all pairs of 50 utterances, and less of more."""


def by_variety(utterances: Iterable[Utterance]) -> Varieties:
    """The utterances of each variety, varieties in code point order."""
    grouped: Varieties = {}
    for utterance in sorted(utterances, key=lambda u: (u.variety, u.id)):
        grouped.setdefault(utterance.variety, []).append(utterance)
    return grouped


def comparable_pairs(data: Path, varieties: Varieties) -> tuple[list[tuple[str, str]], list[dict]]:
    """The unordered pairs of varieties that share 2 sentences, and rows for those that do not."""
    sentences = {variety: {u.sentence for u in members} for variety, members in varieties.items()}
    common = {(a, b): len(sentences[a] & sentences[b]) for a, b in combinations(varieties, 2)}
    scorable = [pair for pair, count in common.items() if count >= 2]
    if not scorable:
        raise DataError(
            f"{data}: retrieval needs two varieties that share at least 2 sentences (utt2lang, utt2sent), "
            f"got {', '.join(varieties)}"
        )
    return scorable, [{"source": a, "target": b, "sentences": n} for (a, b), n in common.items() if n < 2]


def shared(varieties: Varieties, a: str, b: str) -> list[Utterance]:
    """The utterances of the variety ``a`` whose sentence ``b`` has as well, in order."""
    sentences = {u.sentence for u in varieties[b]}
    return [u for u in varieties[a] if u.sentence in sentences]


def read_layer(feats: Path, layer: str, data: Path, varieties: Varieties) -> Features:
    """The features of a dumped layer by utterance id, or the frames of ``a+b``, concatenated.

    `DataError` where features and data directory do not have the same utterances, or layers not the same frames.
    """
    parts = {name: dump.read_features(feats, name) for name in layer.split("+")}
    for name, part in parts.items():
        same_utterances(feats / name, part, data, varieties)
    if layer in parts:
        return parts[layer]
    try:
        return concatenate(parts)
    except DataError as error:
        raise DataError(f"{feats}: {error}") from None


def same_utterances(home: Path, features: Features, data: Path, varieties: Varieties) -> None:
    """Nothing, or a `DataError` where features and data directory do not have the same utterances."""
    wanted = {u.id for members in varieties.values() for u in members}
    for lacking, here, there in (
        (wanted - features.keys(), home, data),
        (features.keys() - wanted, data, home),
    ):
        if lacking:
            raise DataError(
                f"{here}: lacks {len(lacking)} utterances that {there} has, the first is {min(lacking)}"
            )


class Scorer:
    """The scores of the utterances that two varieties share, by one layer; each variety is made ready once."""

    def __init__(self, features: Features, varieties: Varieties, score: Score) -> None:
        self._varieties, self._score = varieties, score
        self._sides = {
            variety: _Side({u.id: features[u.id] for u in members}, score)
            for variety, members in varieties.items()
        }

    def both_ways(self, a: str, b: str) -> tuple[Tensor, Tensor]:
        """(n, m) scores of the n utterances of `shared` (a, b) against the m of `shared` (b, a), and (m, n) back."""
        ours, theirs = ({u.id for u in shared(self._varieties, *pair)} for pair in ((a, b), (b, a)))
        one, other = self._sides[a], self._sides[b]
        if len(ours) * len(theirs) < WORTH_IT * len(one.frames) * len(other.frames):
            forth, back = self._score.both_ways(one.part(ours), other.part(theirs))
            return forth.cpu(), back.cpu()
        forth, back = self._score.both_ways(one.whole, other.whole)
        rows, columns = one.places(ours), other.places(theirs)
        return forth.cpu()[rows][:, columns], back.cpu()[columns][:, rows]


class _Side:
    """The utterances of a variety, made ready all together or in part; normalised they are all together."""

    def __init__(self, features: Features, score: Score) -> None:
        self._features, self._score = features, score

    @cached_property
    def frames(self) -> Features:
        return self._score.normalise(self._features)

    @cached_property
    def whole(self) -> Any:
        return self._score.lay_out(self.frames)

    def part(self, ids: set[str]) -> Any:
        return self._score.lay_out({key: x for key, x in self.frames.items() if key in ids})

    def places(self, ids: set[str]) -> Tensor:
        return torch.tensor([n for n, key in enumerate(self.frames) if key in ids])

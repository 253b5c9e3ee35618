"""Pairs of sides: which can be compared, with which members, and the scores of these."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fangyan.errors import DataError
from fangyan.measure.retrieval.sides import Side, Sides

if TYPE_CHECKING:
    from torch import Tensor

    from fangyan.measure.scores import Features, Score

WORTH_IT = 0.5
"""Where two sides share less than this part of their pairs of members, these are made ready anew, by themselves: that
costs a third of scoring all pairs of 50 utterances, and less of more."""


def comparable_pairs(data: Path, sides: Sides) -> tuple[list[tuple[str, str]], list[dict]]:
    """The unordered pairs of sides that share 2 sentences, and rows for those that do not."""
    sentences = {name: set(side.sentences) for name, side in sides.items()}
    common = {(a, b): len(sentences[a] & sentences[b]) for a, b in combinations(sides, 2)}
    scorable = [pair for pair, count in common.items() if count >= 2]
    if not scorable:
        raise DataError(
            f"{data}: retrieval needs two varieties that share at least 2 sentences (utt2lang, utt2sent), or one and "
            f"a text column, or speakers of one (retrieve by utt2spk), got {', '.join(sides)}"
        )
    return scorable, [{"source": a, "target": b, "sentences": n} for (a, b), n in common.items() if n < 2]


class Scorer:
    """The scores of the members that two sides share, by one layer; each side is made ready once."""

    def __init__(self, sides: Sides, features: Mapping[str, Features], score: Score) -> None:
        """``features``: of each side id -> (T, d); those of other ids are left alone."""
        self._score = score
        self._prepared = {name: _Prepared(side, features[name], score) for name, side in sides.items()}

    def both_ways(self, a: str, b: str) -> tuple[Tensor, Tensor]:
        """(n, m) scores of the n members of a that b shares (`Side.shared`) against the m of b, and (m, n) back."""
        one, other = self._prepared[a], self._prepared[b]
        ours, theirs = (set(x.side.shared(y.side).ids) for x, y in ((one, other), (other, one)))
        if len(ours) * len(theirs) < WORTH_IT * len(one.frames) * len(other.frames):
            forth, back = self._score.both_ways(one.part(ours), other.part(theirs))
            return forth.cpu(), back.cpu()
        forth, back = self._score.both_ways(one.whole, other.whole)
        rows, columns = one.places(ours), other.places(theirs)
        return forth.cpu()[rows][:, columns], back.cpu()[columns][:, rows]


class _Prepared:
    """A side made ready all together or in part; normalised it is all together."""

    def __init__(self, side: Side, features: Features, score: Score) -> None:
        self.side, self._score = side, score
        self._features = {key: features[key] for key in side.ids}

    @cached_property
    def frames(self) -> Features:
        return self._score.normalise(self._features)

    @cached_property
    def whole(self) -> Any:
        return self._score.lay_out(self.frames)

    def part(self, ids: set[str]) -> Any:
        return self._score.lay_out({key: x for key, x in self.frames.items() if key in ids})

    def places(self, ids: set[str]) -> Tensor:
        import torch

        return torch.tensor([n for n, key in enumerate(self.frames) if key in ids])

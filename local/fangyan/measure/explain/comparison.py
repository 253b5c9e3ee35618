"""What the SeqSim of two utterances is made of: each frame's best match, and what each character contributes.

With the cosines S of all frames of a query (T) and a target (U), precision is the mean over the query's frames of the
best cosine in the target, recall the mean over the target's frames of the best in the query. A mean is a sum over
frames, so a character contributes the best cosines of its frames, divided by T (or U): the contributions of the query's
characters sum up to precision, those of the target's to recall. Which frames are a character's says
`fangyan.units.alignment.divide_frames`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fangyan.units.alignment import Span, divide_frames


@dataclass(frozen=True)
class AlignedUtterance:
    """An utterance at a layer: (T, d) frames, and where CTC finds its characters (nowhere without CTC)."""

    id: str
    frames: np.ndarray
    characters: str = ""
    peaks: Sequence[Span] = ()

    @property
    def parts(self) -> list[Span]:
        """The frames of each character; together they are all frames."""
        return divide_frames(self.peaks, len(self.frames))


@dataclass(frozen=True)
class Side:
    """One of two utterances, and the best match of each of its T frames in the other."""

    utterance: AlignedUtterance
    cosine: np.ndarray  # (T,): the largest cosine with a frame of the other
    match: np.ndarray  # (T,): which frame that is

    @property
    def score(self) -> float:
        """Precision of the query, recall of the target."""
        return float(self.cosine.mean(dtype=np.float64))

    def contribution(self, part: Span) -> float:
        """What these frames contribute to the score."""
        return float(self.cosine[slice(*part)].sum(dtype=np.float64)) / len(self.cosine)


class Character(NamedTuple):
    """A character of a side: its frames, those where CTC recognised it, what it contributes, and its counterpart."""

    text: str
    part: Span
    peak: Span
    contribution: float
    match: int  # the character of the other side, from 0, in which most of its frames find their best frame


@dataclass(frozen=True)
class FrameComparison:
    """The (T, U) cosines of a query and a target, seen from both sides."""

    cosines: np.ndarray
    query: Side
    target: Side

    @property
    def f1(self) -> float:
        """SeqSim."""
        product = self.query.score * self.target.score
        return 2 * product / (self.query.score + self.target.score) if product > 0 else 0.0

    def sides(self) -> dict[str, tuple[Side, Side]]:
        """Each side by name, with the other."""
        return {"query": (self.query, self.target), "target": (self.target, self.query)}


def compare_frames(query: AlignedUtterance, target: AlignedUtterance) -> FrameComparison:
    """The comparison of two utterances; `DataError` where their frames differ in dimension."""
    from fangyan.features.frames import checked, same_dimension, unit

    a, b = (unit(*checked({side.id: side.frames}).values()) for side in (query, target))
    same_dimension(a.shape[1], b.shape[1])
    cosines = (a @ b.T).clamp(-1, 1).numpy()
    return FrameComparison(
        cosines,
        Side(query, cosines.max(1), cosines.argmax(1)),
        Side(target, cosines.max(0), cosines.argmax(0)),
    )


def characters(side: Side, other: Side) -> list[Character]:
    """The characters of ``side``, in order; none where one of the two has none."""
    if not (side.utterance.characters and other.utterance.characters):
        return []
    owners = np.repeat(
        np.arange(len(other.utterance.parts)), [end - start for start, end in other.utterance.parts]
    )
    return [
        Character(
            text,
            part,
            peak,
            side.contribution(part),
            int(np.bincount(owners[side.match[slice(*part)]]).argmax()),
        )
        for text, part, peak in zip(
            side.utterance.characters, side.utterance.parts, side.utterance.peaks, strict=True
        )
    ]

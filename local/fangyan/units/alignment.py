"""Forced alignment: the frames of each label of a sequence, on the most probable CTC path (Viterbi by torchaudio)."""

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fangyan.errors import DataError

BLANK = 0


class Span(NamedTuple):
    """The frames from ``start`` to before ``end``."""

    start: int
    end: int


def ctc_frames(tokens: Sequence[Hashable]) -> int:
    """The frames that CTC needs to write tokens: one for each, and a blank between equal neighbours."""
    return len(tokens) + sum(a == b for a, b in pairwise(tokens))


def forced_alignment(posteriors: np.ndarray, tokens: Sequence[int]) -> list[Span]:
    """The frames of each token on the most probable CTC path that spells ``tokens``.

    ``posteriors``: (T, V) log-probabilities, `BLANK` the first. `DataError` where there are fewer frames
    than `ctc_frames`.
    """
    import torch
    from torchaudio.functional import forced_align, merge_tokens

    needed = ctc_frames(tokens)
    if len(posteriors) < needed:
        raise DataError(f"CTC needs {needed} frames for {len(tokens)} labels, got {len(posteriors)}")
    if not tokens:
        return []
    path, scores = forced_align(torch.tensor(posteriors)[None], torch.tensor([tokens]), blank=BLANK)
    return [Span(span.start, span.end) for span in merge_tokens(path[0], scores[0], BLANK)]


def divide_frames(peaks: Sequence[Span], frames: int) -> list[Span]:
    """All ``frames`` divided among the characters at ``peaks``, in order; none where there are no characters.

    Bounds lie midway between two peaks; what comes before the first and after the last belongs to these.
    """
    if not peaks:
        return []
    between = [(a.end + b.start) // 2 for a, b in pairwise(peaks)]
    return [Span(*bounds) for bounds in pairwise([0, *between, frames])]

"""What is said when in an utterance: labels one after the other, and the units of each."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class Stretch(NamedTuple):
    """A character or a phone, and where it ends as a fraction of its utterance; it begins where the one before ends."""

    label: str
    end: float


def cut(units: np.ndarray, stretches: Sequence[Stretch]) -> Iterator[tuple[str, np.ndarray]]:
    """Each label with the units of its frames; one that has none is left out."""
    bounds = np.rint([stretch.end * len(units) for stretch in stretches]).astype(int).tolist()
    for stretch, start, end in zip(stretches, [0, *bounds], bounds, strict=False):
        if end > start:
            yield stretch.label, units[start:end]

"""The same audio under two names, in whatever format: likest of all, and no translation, so none of its neighbours."""

from functools import lru_cache
from hashlib import blake2b

import numpy as np

from fangyan.data import audio
from fangyan.errors import DataError
from fangyan.mining.banks import Bank

ALIKE = 0.999
"""Cosine of means from which audio is compared: those of the same samples differ by rounding alone."""
REMEMBERED = 65_536
"""Recordings whose samples are known by a digest at a time, 16 bytes each."""


def copies(of: Bank, start: int, among: Bank, places: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Whether what is at (n, k) ``places`` has the samples of that at ``start``, ``start`` + 1, ... of ``of``.

    ``cosines`` of their means, (n, k). What cannot be read any more, as where its index came from, is no copy.
    """
    found = np.zeros(places.shape, bool)
    for n, m in np.argwhere(cosines >= ALIKE):
        one, other = of.entry(int(start + n)), among.entry(int(places[n, m]))
        if one.wav and other.wav:
            found[n, m] = (
                _digest(one.wav, one.start, one.end) == _digest(other.wav, other.start, other.end) != b""
            )
    return found


@lru_cache(REMEMBERED)
def _digest(wav: str, start: float, end: float | None) -> bytes:
    """Stands for the samples; empty where they cannot be read."""
    try:
        samples = audio.read(wav, start, end)
    except DataError:
        return b""
    return blake2b(samples.tobytes(), digest_size=16).digest()

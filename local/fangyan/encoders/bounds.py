"""How much speech an encoder hears at once, and what is told of an utterance that is shorter or longer."""

from collections.abc import Iterable

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.errors import DataError

ENDLESS = 2**32
"""More samples than any utterance has."""


def describe_excess(heard: range, samples: int) -> str:
    """What to tell of a wave of so many samples, which is not within what is ``heard``."""
    least, most = (f"{n} samples ({n / SAMPLE_RATE:.4g} s)" for n in (heard.start, heard.stop - 1))
    span = f"{least} or more" if heard.stop >= ENDLESS else f"{least} to {most}"
    return f"this encoder hears {span} at once, got {samples} ({samples / SAMPLE_RATE:.4g} s)"


def check_length(heard: range, waves: Iterable[np.ndarray]) -> None:
    """Raises a `DataError` for the first wave whose number of samples is not within ``heard``."""
    for wave in waves:
        if len(wave) not in heard:
            raise DataError(describe_excess(heard, len(wave)))

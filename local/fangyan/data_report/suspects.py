"""Utterances that look wrong: too short or long, too many or few characters for their length, no text, bad sound.

The rate of speech is judged within its variety, over all the sets together: by the robust z-score of the logarithm of
characters per second, 0.6745 (x - median) / MAD beyond 3.5 (Iglewicz and Hoaglin 1993, How to detect and handle
outliers). Fewer than 20 utterances, or such as half of them share one rate, say too little about what is odd.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fangyan.data_report.columns import Columns
from fangyan.rounding import decimals

SUSPICIOUS = ("set", "id", "variety", "reason", "value", "expected")

SHORT, LONG = 0.3, 30.0
"""Seconds: a syllable or two, and what Whisper hears at once."""
ODD = 3.5
FEW = 20
QUIET = -45.0
"""dBFS; speech is usually some 20 dB above it."""
SILENT, CLIPPED, LATE = 0.8, 0.001, 0.05
"""Shares of frames and of samples; seconds between what utt2dur says and what was read."""


def suspects(sets: Sequence[Columns], sounds: Mapping[str, Sequence[Mapping]]) -> list[dict]:
    """One row of `SUSPICIOUS` for every reason that an utterance gives, by set and in the order of ids.

    ``sounds``: the rows of `sound.measure_set` by set, as far as it was listened to.
    """
    bounds = rates(sets)
    return [row for one in sets for row in _suspects(one, bounds, sounds.get(one.name, ()))]


def rates(sets: Sequence[Columns]) -> dict[str, tuple[float, float]]:
    """Variety -> the least and the most characters per second that are not odd, to the digit that people are told."""
    by_variety: dict[str, list[np.ndarray]] = {}
    for one in sets:
        for code, of in one.places.items():
            by_variety.setdefault(code, []).append(one.rate[of][one.characters[of] > 0])
    found = {code: bounds(np.concatenate(parts)) for code, parts in by_variety.items()}
    return {code: tuple(float(decimals(limit, 1)) for limit in limits) for code, limits in found.items()}


def bounds(values: np.ndarray) -> tuple[float, float]:
    """The least and the most of (N,) values above 0 that are no outliers; (0, inf) where none can be told."""
    if len(values) < FEW:
        return 0.0, float("inf")
    logs = np.log(values)
    middle = np.median(logs)
    spread = np.median(abs(logs - middle)) / 0.6745
    if spread == 0:
        return 0.0, float("inf")
    return float(np.exp(middle - ODD * spread)), float(np.exp(middle + ODD * spread))


def _suspects(one: Columns, bounds: Mapping[str, tuple], sounds: Sequence[Mapping]) -> Iterator[dict]:
    texts = bool(one.characters.any())
    for n, key in enumerate(one.ids):
        found = list(_of_tables(one, n, bounds[one.varieties[n]], texts))
        if sounds:
            found += _of_sound(sounds[n], one.seconds[n])
        for reason in found:
            yield dict(zip(SUSPICIOUS, (one.name, key, one.varieties[n], *reason), strict=True))


type Reason = tuple[str, float | str, str]
"""Reason, value, what is expected."""


def _of_tables(one: Columns, n: int, rate: tuple[float, float], texts: bool) -> Iterator[Reason]:
    seconds, characters = one.seconds[n], one.characters[n]
    if seconds < SHORT:
        yield "short", seconds, f"at least {SHORT:g} s"
    if seconds > LONG:
        yield "long", seconds, f"at most {LONG:g} s"
    if texts and not characters:
        yield "no text", 0, "Han characters"
    elif characters:
        low, high = rate
        expected = f"{low} to {high} characters per second"
        if characters / seconds > high:
            yield "too much text", characters / seconds, expected
        if characters / seconds < low:
            yield "too little text", characters / seconds, expected


def _of_sound(sound: Mapping, seconds: float) -> Iterator[Reason]:
    if sound["error"]:
        yield "unreadable audio", sound["error"], "audio"
        return
    if abs(sound["seconds"] - seconds) > LATE:
        yield "other duration", sound["seconds"], f"{decimals(seconds, 3)} s as in utt2dur"
    if sound["missing"]:
        yield "cut short", sound["missing"], "no second missing of what the header of the file promises"
    if sound["clipped"] > CLIPPED:
        yield "clipping", sound["clipped"], f"at most {CLIPPED:g} of the samples at full scale"
    if sound["silent"] > SILENT:
        yield "silence", sound["silent"], f"at most {SILENT:g} of the frames below -60 dBFS"
    elif sound["level"] < QUIET:
        yield "low level", sound["level"], f"at least {QUIET:g} dBFS"

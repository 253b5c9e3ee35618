"""Durations of utterances: what their table says, else how long the recording is."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from fangyan.data.audio import probe
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.files import AT_ONCE
from fangyan.progress import track_iterable


def measured(utterances: Iterable[Utterance]) -> list[Utterance]:
    """The utterances with their durations, as `measure_durations`; the `DataError` of the first that has none."""
    timed, failed = measure_durations(utterances)
    for _, error in failed:
        raise error
    return timed


def measure_durations(
    utterances: Iterable[Utterance],
) -> tuple[list[Utterance], list[tuple[Utterance, DataError]]]:
    """The utterances with their durations, and those that have none with the reason, each in order.

    A duration that no table has is that of the recording, or of the part of it that the utterance is.
    """

    def seconds(utterance: Utterance) -> float | DataError:
        try:
            return utterance.duration or (utterance.end or probe(utterance.wav).duration) - utterance.start
        except DataError as error:
            return error

    utterances = list(utterances)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lengths = pool.map(seconds, utterances)
        if not all(utterance.duration for utterance in utterances):  # else it takes no time
            lengths = track_iterable(lengths, len(utterances), "durations", "recordings")
        found = list(zip(utterances, lengths, strict=True))
    failed = [(u, length) for u, length in found if isinstance(length, DataError)]
    timed = [replace(u, duration=s) for u, s in found if not isinstance(s, DataError)]
    return timed, failed

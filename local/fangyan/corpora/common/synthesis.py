"""Speech that a corpus makes itself: what is there is neither made nor read again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import getfile
from pathlib import Path

from fangyan.corpora import parallel
from fangyan.data.datadir import Dropped, Utterance
from fangyan.files import fingerprint, versions, write_json
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Recording

MADE = ".made.json"
"""In the folder of the recordings: by what code they were transcribed; size, duration, IPA of each by utterance id."""

type Make = Callable[[Path, Recording], Utterance | Dropped]


def make_recordings(
    make: Make, folder: Path, recordings: Sequence[Recording], jobs: int, title: str
) -> list[Utterance | Dropped]:
    """What ``make(folder, recording)`` gives for each, called by ``jobs`` processes for those not in ``folder``.

    ``folder`` is of these recordings alone, and of one version of what makes them: its name says so.
    """
    code = fingerprint(Path(getfile(make)), *espeak.SOURCES)
    known = _known(folder, recordings, code)
    lacking = [one for one in recordings if one.utterance.id not in known]
    if not lacking:
        return [known[one.utterance.id] for one in recordings]
    made = parallel(partial(make, folder), lacking, jobs, title)
    found = known | {one.utterance.id: it for one, it in zip(lacking, made, strict=True)}
    _remember(folder, found, code)
    return [found[one.utterance.id] for one in recordings]


def _known(folder: Path, recordings: Sequence[Recording], code: str) -> dict[str, Utterance | Dropped]:
    """The utterances whose recordings are in ``folder`` as they were made, if by the same code."""
    try:
        made = json.loads((folder / MADE).read_text(encoding="utf-8")).get(code, {})
        sizes = _sizes([folder / f"{one.utterance.id}.wav" for one in recordings])
        return {
            one.utterance.id: replace(
                one.utterance, wav=str(folder / f"{one.utterance.id}.wav"), duration=duration, ipa=ipa
            )
            for one, here in zip(recordings, sizes, strict=True)
            for size, duration, ipa in [made.get(one.utterance.id, (None, 0.0, ""))]
            if size == here and here is not None
        }
    except (
        OSError,
        ValueError,
        AttributeError,
        TypeError,
    ):  # none, or damaged: they are made, or looked at, anew
        return {}


def _remember(folder: Path, found: Mapping[str, Utterance | Dropped], code: str) -> None:
    utterances = [one for one in found.values() if isinstance(one, Utterance)]
    sizes = _sizes([one.wav for one in utterances])
    rows = {one.id: [size, one.duration, one.ipa] for one, size in zip(utterances, sizes, strict=True)}
    write_json(folder / MADE, {code: rows})


def _sizes(paths: Sequence[str | Path]) -> list[int | None]:
    return [found and found[0] for found in versions(paths)]

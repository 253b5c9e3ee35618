"""Long recordings cut by voice activity: a data directory with ``segments``, an utterance for each stretch of speech.

Speech is what silero-vad (MIT; its weights are in its package) says. Of a recording at most `PIECE` seconds are in
memory at a time. Each recording that is done is a line of a journal; the tasks of a job array do every n-th each.
"""

import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fangyan import shards
from fangyan.data import audio
from fangyan.data.datadir import Dropped, Utterance, write_speakers
from fangyan.data.durations import measure_durations
from fangyan.data.entries import line
from fangyan.data.names import fits_a_line, is_id
from fangyan.errors import DataError, UserError
from fangyan.features.embedding import find_recordings
from fangyan.files import fingerprint, is_done, produce, versions, write_lines
from fangyan.folders import check_replaceable
from fangyan.journal import Journal
from fangyan.progress import Progress
from fangyan.shards import WHOLE, Resumable, Shard
from fangyan.tables import write_rows

PIECE = 1800.0
"""Seconds that are read at once: 115 MB."""
EDGE = 1.0
"""Seconds; speech that ends so near the end of a piece may go on in the next, and is looked for anew from its start."""
DROPPED = ".dropped.tsv"

type Spans = list[tuple[float, float]]
"""Start and end of stretches of speech in seconds, in order."""
type Detector = Callable[[np.ndarray], Spans]
"""What finds the speech in samples."""


@dataclass(frozen=True)
class Cut:
    """How speech is cut, in seconds.

    Stretches of at least ``shortest`` and at most ``longest``, which a silence of ``silence`` ends, with ``pad`` more
    on both sides.
    """

    shortest: float = 0.5
    longest: float = 20.0
    silence: float = 0.3
    pad: float = 0.1

    def check(self) -> None:
        """`UserError` for times that no stretch has."""
        if not (0 < self.shortest < self.longest <= PIECE / 2):
            raise UserError(
                f"--min_seconds is above 0 and below --max_seconds, which is {PIECE / 2:g} at most, got "
                f"{self.shortest:g} and {self.longest:g}"
            )
        if not (0 <= self.pad < self.longest / 4 and 0 < self.silence < self.longest):
            raise UserError(
                f"--pad is below a quarter of --max_seconds, and --silence above 0 and below it, got {self.pad:g} and "
                f"{self.silence:g}"
            )


def segment(
    paths: Sequence[Path], out: Path, cut: Cut = Cut(), variety: str = "", part: Shard = WHOLE
) -> bool:
    """Writes the data directory ``out`` of the speech in ``paths`` (`find_recordings`), and says whether it had to.

    ``wav.scp segments utt2spk spk2utt``, and where the variety is known, of a data directory or ``variety``,
    ``utt2lang`` and ``utt2sent``, each utterance its own sentence. What is left out is listed in ``.dropped.tsv``.
    """
    cut.check()
    recordings, lost = find(paths, variety)
    wavs = [recording.wav for recording in recordings]
    inputs = {"segment": asdict(cut), "recordings": fingerprint([*map(repr, recordings)], versions(wavs))}
    if is_done(out, inputs):
        shards.discard_shards(out)  # a process may have been killed before it did
        return False
    check_replaceable(out, inputs)
    journal = partial(_journal, out, inputs)
    finish = partial(_finish, recordings, lost, out, inputs)
    return Resumable(out, "recordings", recordings, journal, partial(_extend, cut), finish).run(part)


def find(paths: Sequence[Path], variety: str = "") -> tuple[list[Utterance], list[Dropped]]:
    """The recordings of ``paths`` by id, with their durations, and those that are left out.

    The id of a file is its path below the folder that was named, ``-`` for ``/``; of a data directory its own.
    `DataError` where two have one id.
    """
    found: dict[str, Utterance] = {}
    lost: list[Dropped] = []
    for path in paths:
        for record in find_recordings(path):
            if isinstance(record, Dropped):
                lost.append(record)
                continue
            named = _named(path, record, variety)
            if found.setdefault(named.id, named).wav != named.wav:
                raise DataError(
                    f"{named.wav}: recordings have ids of their own, got {named.id} as {found[named.id].wav} has: "
                    "name a folder above both, or a data directory"
                )
    timed, failed = measure_durations(sorted(found.values(), key=lambda one: one.id))
    lost += [Dropped(one.id, "unreadable audio", f"{error}") for one, error in failed]
    return [one for one in timed if fits_a_line(one.wav)], lost + [
        Dropped(one.id, "a path that wav.scp cannot hold", one.wav)
        for one in timed
        if not fits_a_line(one.wav)
    ]


def _named(path: Path, record: Utterance, variety: str) -> Utterance:
    """A recording with an id, a speaker and a variety, and its whole path."""
    key = record.id
    if not (path / "wav.scp").exists():
        below = os.path.relpath(record.wav, path) if path.is_dir() else path.name
        key = re.sub(r"\s", "_", os.path.splitext(below)[0].replace(os.sep, "-"))
        key = key if is_id(key) else f"recording-{fingerprint(below)[:16]}"
    wav = os.path.abspath(record.wav)
    return replace(record, id=key, wav=wav, speaker=record.speaker or key, variety=record.variety or variety)


def load_detector(cut: Cut) -> Detector:
    """Silero's model, for samples of 16 kHz."""
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    with warnings.catch_warnings():  # of what its package calls, which is none of the user's
        warnings.simplefilter("ignore")
        model = load_silero_vad()
    rules = {
        "min_speech_duration_ms": round(1000 * cut.shortest),
        "max_speech_duration_s": cut.longest,
        "min_silence_duration_ms": round(1000 * cut.silence),
        "speech_pad_ms": round(1000 * cut.pad),
    }

    def detect(samples: np.ndarray) -> Spans:
        found = get_speech_timestamps(
            torch.from_numpy(samples), model, sampling_rate=audio.SAMPLE_RATE, **rules
        )
        return [(span["start"] / audio.SAMPLE_RATE, span["end"] / audio.SAMPLE_RATE) for span in found]

    return detect


def speech(recording: Utterance, detect: Detector) -> Spans:
    """The stretches of speech of a recording, in seconds of its file; `DataError` where it cannot be read."""
    spans: Spans = []
    at, end = recording.start, recording.start + recording.duration
    while at < end:
        stop = min(at + PIECE, end)
        samples = audio.read(recording.wav, at, stop)
        found = [(round(at + first, 3), round(at + last, 3)) for first, last in detect(samples)]
        if stop < end and found and found[-1][1] > stop - EDGE and found[-1][0] > at:
            stop = found.pop()[0]
        spans += found
        at = stop
    return spans


def _journal(out: Path, inputs: dict, shard: Shard) -> Journal:
    return Journal(shard.folder(out), inputs)


def _extend(cut: Cut, written: Journal, due: Sequence[Utterance]) -> None:
    """Finds the speech of the recordings that a journal lacks; of one that cannot be read, why."""
    detect = load_detector(cut)
    seconds = [recording.duration for recording in due]
    done = len(written)
    with Progress("segment", sum(seconds), "s of audio", sum(seconds[:done])) as bar:
        for recording, length in zip(due[done:], seconds[done:], strict=True):
            try:
                written.append(speech(recording, detect))
            except DataError as error:
                written.append(f"{error}")
            bar.update(length)


def _finish(
    recordings: Sequence[Utterance],
    lost: Sequence[Dropped],
    out: Path,
    inputs: dict,
    parts: Sequence[Journal],
) -> None:
    """Writes ``out`` from the recordings of all shards, which were dealt to them in turn; removes the shards."""
    sources = [part.records() for part in parts]
    found = [(recording, next(sources[n % len(sources)])) for n, recording in enumerate(recordings)]
    produce(out, inputs, partial(_write, found, lost))
    shards.discard_shards(out)


def _write(found: Sequence[tuple[Utterance, Spans | str]], lost: Sequence[Dropped], folder: Path) -> None:
    dropped = [
        *lost,
        *(Dropped(one.id, "unreadable audio", spans) for one, spans in found if isinstance(spans, str)),
    ]
    dropped += [Dropped(one.id, "no speech", one.wav) for one, spans in found if not spans]
    spoken = [(one, spans) for one, spans in found if spans and not isinstance(spans, str)]
    if not spoken:
        reasons = Counter(one.reason for one in dropped)
        raise DataError(f"no speech was found: {', '.join(f'{n:,} {why}' for why, n in reasons.items())}")
    write_rows(folder / DROPPED, dropped, Dropped)
    _write_table(folder / "wav.scp", ((one.id, one.wav) for one, _ in spoken))
    pieces = sorted(_pieces(spoken))
    _write_table(
        folder / "segments", ((key, f"{one.id} {start:.3f} {end:.3f}") for key, one, start, end in pieces)
    )
    _write_table(folder / "utt2spk", ((key, one.speaker) for key, one, *_ in pieces))
    write_speakers(folder, ((key, one.speaker) for key, one, *_ in pieces))
    if all(one.variety for one, _ in spoken):
        _write_table(folder / "utt2lang", ((key, one.variety) for key, one, *_ in pieces))
        _write_table(folder / "utt2sent", ((key, key) for key, *_ in pieces))


def _pieces(spoken: Sequence[tuple[Utterance, Spans]]) -> Iterator[tuple[str, Utterance, float, float]]:
    """The id, recording, start and end of each utterance; the id says when it is, in milliseconds."""
    for one, spans in spoken:
        for start, end in spans:
            yield f"{one.id}-{round(1000 * start):08}-{round(1000 * end):08}", one, start, end


def _write_table(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    write_lines(path, (line(path, key, value) for key, value in rows))

"""One audio file: probe it, read it as 16 kHz mono, cut it, write it."""

import os
from dataclasses import dataclass, field
from io import BytesIO
from math import gcd
from pathlib import Path
from struct import unpack
from typing import BinaryIO

import numpy as np

from fangyan.data import ffmpeg
from fangyan.errors import DataError, seen_from
from fangyan.files import atomic

SAMPLE_RATE = 16_000
"""Hz; what every encoder here hears."""
SUFFIXES = (
    ".wav",
    ".flac",
    ".mp3",
    ".ogg",
    ".opus",
    ".oga",
    ".aif",
    ".aiff",
    ".aifc",
    ".caf",
    ".sph",
    ".w64",
    ".au",
    *ffmpeg.SUFFIXES,
)
"""What counts as a recording in a folder; a file that is named may be whatever soundfile reads."""
LEAD_IN = 0.5
"""Seconds read before a segment and thrown away: after a seek, MP3 is wrong until its bit reservoir is full again."""
OVERSHOOT = 0.5
"""Seconds that a segment may end after its file, being cut there, as in Kaldi: times are rounded and tools differ."""
MIN_DURATION = 0.1
"""Seconds; what is shorter is no utterance (Kaldi's extract-segments leaves it out too)."""
LOUD = 0.001
"""The share of samples beyond full scale in a recording that is too loud: lossy formats overshoot here and there."""
FAR = 10.0
"""A peak that no lossy format makes of speech: one such sample is too loud."""
CANCELLED, DIFFERENT = 0.1, 0.5
"""The level of the mean of all channels, and that of what it leaves of them, beside the level of the channels."""
FLOATS = ("FLOAT", "DOUBLE")
"""Subtypes whose samples may be anything."""
CUT = 0.05
"""Seconds; what is missing of a cut file is more: some programs count a few bytes too many."""
ORDERS = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">", b"FORM": ">"}
"""How files of chunks begin -> the order of the bytes in their numbers."""
OPEN = 0x7FFF_0000
"""Bytes; a size that was not known when the header was written says this much or more (0x7FFFF000, 0xFFFFFFFF)."""
RATES = range(1_000, 1_000_001)
"""Hz; a header that says another is damaged, and to believe it takes gigabytes."""
NO_MP3 = "No MP3 frames in it"
"""What libsndfile means when it says of such a file that it does not exist."""
UNREADABLE = (RuntimeError, OSError, ValueError, TypeError, AssertionError, MemoryError)
"""How soundfile fails on a file: libsndfile's refusals, names that no file can have, headers that promise too much."""


@dataclass(frozen=True)
class Info:
    """What the header of an audio file says."""

    rate: int
    channels: int
    frames: int
    subtype: str = field(default="", compare=False)  # as soundfile calls it: PCM_16, FLOAT
    comment: str = field(default="", compare=False)
    decoded: bool = field(
        default=False, compare=False
    )  # by ffmpeg, to SAMPLE_RATE: no other program may take it so

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.rate


class SegmentError(DataError):
    """A segment that its file does not have; ``reason`` is its kind in a few words, to be counted."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)  # both, as pickle makes it anew of them
        self.reason = reason

    def __str__(self) -> str:
        return self.args[1]


def probe(path: str | Path) -> Info:
    """The rate, channels and frames of an audio file; `DataError` where it cannot be read or is empty.

    A file for ffmpeg is decoded for it, as what its header promises is often not what comes.
    """
    import soundfile

    if ffmpeg.is_for_ffmpeg(path):
        return _decode(path)[0]
    try:
        with soundfile.SoundFile(
            os.fsencode(path)
        ) as file:  # half the work of soundfile.info; bytes: any name
            info = Info(file.samplerate, file.channels, file.frames, file.subtype, file.comment)
    except UNREADABLE as error:
        raise _refusal(path, error) from None
    if info.frames <= 0:
        raise DataError(f"{path}: holds no samples")
    if info.rate not in RATES:
        raise DataError(f"{path}: not readable as audio (a rate of {info.rate} Hz)")
    return info


def missing_seconds(path: str | Path, info: Info) -> float:
    """Seconds that the header of a file promises and the file has not: it was cut. 0 for what a pipe left open.

    Of WAV in all its forms, AIFF and AU: decoders take what is there of these for all.
    """
    with open(os.fsencode(path), "rb") as file:
        promised = _promised(file)
        held = os.fstat(file.fileno()).st_size - file.tell()
    if not 0 < held < promised < OPEN:
        return 0.0
    lost = info.duration * (promised - held) / held
    return lost if lost > CUT else 0.0


def _promised(file: BinaryIO) -> int:
    """The bytes of samples that the header of a file says are to come from its place on; 0 where none says so."""
    head = file.read(12)
    if head[:4] == b".snd":
        offset, size = unpack(">II", head[4:])
        file.seek(offset)
        return size
    order, long = ORDERS.get(head[:4], ""), 0
    while order and len(chunk := file.read(8)) == 8:
        name, size = unpack(f"{order}4sI", chunk)
        if name in (b"data", b"SSND"):
            return long or size
        body = file.tell()
        if name == b"ds64":  # sizes beyond 32 bits: of all, of the samples
            long = int.from_bytes(file.read(16)[8:], "little")
        file.seek(body + size + size % 2)
    return 0


def segment_frames(path: str | Path, info: Info, start: float, end: float | None) -> tuple[int, int]:
    """The frames of a segment given in seconds: its first, and the one after its last.

    ``end`` is that of the file where it is None, and where it is at most `OVERSHOOT` later. `SegmentError` for a
    segment that is reversed, begins before 0, lies outside the file or has no samples.
    """
    end = info.duration if end is None else end
    place = f"{path}: segment {start:.10g} to {end:.10g} s"
    if end < start < info.duration:
        raise SegmentError("reversed segment", f"{place} ends before it begins")
    if not 0 <= start < info.duration or end > info.duration + OVERSHOOT:
        problem = f"{place} does not lie within its {info.duration:.3f} s"
        raise SegmentError("segment outside its recording", problem)
    first, last = round(start * info.rate), min(round(end * info.rate), info.frames)
    if last <= first:
        raise SegmentError("too short", f"{place} has no samples")
    return first, last


def read(path: str | Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """The samples of a file from ``start`` to ``end`` in seconds: (N,) float32 in [-1, 1], mono, 16 kHz."""
    samples, rate = read_channels(path, start, end)
    return resample(samples.mean(axis=1), rate)


def read_channels(path: str | Path, start: float = 0.0, end: float | None = None) -> tuple[np.ndarray, int]:
    """The samples of a file in the `segment_frames` from ``start`` to ``end``, (N, channels) float32, and their rate.

    `DataError` that names the file where it cannot be read so, or its samples are not all numbers.
    """
    import soundfile

    if ffmpeg.is_for_ffmpeg(path):
        info, samples = _decode(path)
        first, last = segment_frames(path, info, start, end)
        return samples[first:last, None], info.rate
    first, last = segment_frames(path, info := probe(path), start, end)
    before = min(first, round(LEAD_IN * info.rate))
    try:
        samples, rate = soundfile.read(
            os.fsencode(path), start=first - before, stop=last, dtype="float32", always_2d=True
        )
    except UNREADABLE as error:
        raise _refusal(path, error) from None
    if not np.isfinite(samples[before:]).all():
        raise DataError(f"{path}: samples are finite numbers, got others")
    return samples[before:], rate


def conversion_losses(samples: np.ndarray) -> list[tuple[str, str]]:
    """What 16 bits of mono do not keep of (N, channels) samples: kinds with a figure each; most have none."""
    mono = samples.mean(axis=1)
    found = []
    peak = abs(mono).max()
    if (abs(mono) > 1).mean() > LOUD or peak > FAR:
        found.append(("louder than full scale", f"peak {peak:.3g}"))
    level, of_mono, of_rest = (
        float(np.sqrt(np.square(x, dtype=np.float64).mean()))
        for x in (samples, mono, samples - mono[:, None])
    )
    if of_mono < CANCELLED * level:
        found.append(("of channels that cancel each other", f"{samples.shape[1]} channels"))
    elif of_rest > DIFFERENT * level:
        found.append(("mixed from channels that differ", f"{samples.shape[1]} channels"))
    return found


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """``samples`` of ``rate`` Hz at 16 kHz, float32 (polyphase filter)."""
    if rate != SAMPLE_RATE:
        from scipy.signal import resample_poly  # half a second, which most recordings can do without

        common = gcd(rate, SAMPLE_RATE)
        samples = resample_poly(samples, SAMPLE_RATE // common, rate // common)
    return np.ascontiguousarray(samples, dtype=np.float32)


def write(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, comment: str = "") -> None:
    """``samples`` (float in [-1, 1]) in ``path`` with 16 bits, whole or not at all; the suffix says the format."""
    import soundfile

    encoded = BytesIO()  # libsndfile does not tell why it could not write a file
    with soundfile.SoundFile(encoded, "w", rate, 1, subtype="PCM_16", format=path.suffix[1:]) as file:
        if comment:
            file.comment = comment
        file.write(np.clip(samples, -1.0, 1.0))
    with atomic(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def _decode(path: str | Path) -> tuple[Info, np.ndarray]:
    """What ffmpeg gives of a file, and its (N,) samples; `DataError` as `probe`."""
    if problem := _problem(path):
        raise DataError(f"{path}: not readable as audio ({problem})")
    samples = ffmpeg.decode(path, SAMPLE_RATE)
    if not len(samples):
        raise DataError(f"{path}: holds no samples")
    return Info(SAMPLE_RATE, 1, len(samples), "PCM_16", decoded=True), samples


def _refusal(path: str | Path, error: Exception) -> DataError:
    """The error of a file that soundfile refuses: why, and how it may be had all the same."""
    if problem := _problem(path):
        return DataError(f"{path}: not readable as audio ({problem})")
    said = str(error).split(": ")[-1].strip().rstrip(".") or type(error).__name__
    said = NO_MP3 if said.startswith("File does not exist") else said  # of a file that is there
    return DataError(
        f"{path}: not readable as audio ({said}); what a player plays can be converted: {ffmpeg.command(path)}"
    )


def _problem(path: str | Path) -> str:
    """Why a file cannot be read, whatever is in it; empty where it can."""
    try:
        return "" if os.stat(path).st_size else "empty file"
    except FileNotFoundError:
        return f"no such file{seen_from(path)}"
    except (OSError, ValueError) as problem:  # a name too long, a folder closed to us, a NUL in the name
        return getattr(problem, "strerror", None) or str(problem)

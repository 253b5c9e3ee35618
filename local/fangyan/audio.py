"""One audio file: probe it, read it as 16 kHz mono, cut it, write it."""

import os
from dataclasses import dataclass
from io import BytesIO
from math import gcd
from pathlib import Path

import numpy as np

from fangyan.errors import DataError
from fangyan.files import atomic

SAMPLE_RATE = 16_000
"""Hz; what every encoder here hears."""
LEAD_IN = 0.5
"""Seconds read before a segment and thrown away: after a seek, MP3 is wrong until its bit reservoir is full again."""
MIN_DURATION = 0.1
"""Seconds; what is shorter is no utterance (Kaldi's extract-segments leaves it out too)."""


@dataclass(frozen=True)
class Info:
    """What the header of an audio file says."""

    rate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / self.rate


def probe(path: str | Path) -> Info:
    """The rate, channels and frames of an audio file; `DataError` where it cannot be read or is empty."""
    import soundfile

    try:
        with soundfile.SoundFile(
            os.fsencode(path)
        ) as file:  # half the work of soundfile.info; bytes: any name
            info = Info(file.samplerate, file.channels, file.frames)
    except (RuntimeError, OSError) as error:
        raise DataError(f"{path}: not readable as audio ({_reason(path, error)})") from None
    if info.frames == 0:
        raise DataError(f"{path}: holds no samples")
    return info


def read(path: str | Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """The samples of a file from ``start`` to ``end`` seconds: (N,) float32 in [-1, 1], mono, 16 kHz."""
    import soundfile

    info = probe(path)
    first, last = round(start * info.rate), info.frames if end is None else round(end * info.rate)
    if not 0 <= first < last <= info.frames:
        raise DataError(f"{path}: segment {start} to {end} s does not lie within its {info.duration:.3f} s")
    before = min(first, round(LEAD_IN * info.rate))
    try:
        samples, rate = soundfile.read(
            os.fsencode(path), start=first - before, stop=last, dtype="float32", always_2d=True
        )
    except (RuntimeError, OSError) as error:
        raise DataError(f"{path}: not readable as audio ({_reason(path, error)})") from None
    return resample(samples[before:].mean(axis=1), rate)


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """``samples`` of ``rate`` Hz at 16 kHz, float32 (polyphase filter)."""
    from scipy.signal import resample_poly

    if rate != SAMPLE_RATE:
        common = gcd(rate, SAMPLE_RATE)
        samples = resample_poly(samples, SAMPLE_RATE // common, rate // common)
    return np.ascontiguousarray(samples, dtype=np.float32)


def write(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    """``samples`` (float in [-1, 1]) in ``path`` with 16 bits, whole or not at all; the suffix says the format."""
    import soundfile

    encoded = BytesIO()  # libsndfile does not tell why it could not write a file
    soundfile.write(encoded, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format=path.suffix[1:])
    with atomic(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def _reason(path: str | Path, error: Exception) -> str:
    file = Path(path)
    if not file.exists():
        return "no such file"
    return "empty file" if file.stat().st_size == 0 else str(error).split(": ")[-1].strip().rstrip(".")

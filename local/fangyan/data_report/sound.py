"""How the audio of a data directory sounds, utterance by utterance: level, silence, clipping.

Conventions, all on samples of 16 kHz mono in [-1, 1]
- Frames of 20 ms; the level of a frame is 20 log10 of its root mean square in dBFS, at least -100.
- ``level``: that which a frame in twenty exceeds, the loud parts of speech.
- ``silent``: the share of frames below -60 dBFS. ``clipped``: the share of samples at full scale.
- ``missing``: seconds that the header of the file promises and the file has not.
"""

from pathlib import Path

import numpy as np

from fangyan.corpora import parallel
from fangyan.data import audio, datadir
from fangyan.errors import DataError
from fangyan.files import produce, read_table, write_table

COLUMNS = ("id", "seconds", "level", "silent", "clipped", "missing", "error")
FRAME = 320
"""Samples: 20 ms."""
FLOOR = -100.0
SILENCE = -60.0
FULL_SCALE = 0.999


def measure_set(data: Path, out: Path, jobs: int) -> list[dict]:
    """One row of `COLUMNS` an utterance of ``data``, in its order; ``out/sound.tsv`` keeps them.

    ``error`` says why there are no numbers, which are then 0.
    """

    def build(folder: Path) -> None:
        rows = parallel(_row, list(datadir.read_map(data / "wav.scp").items()), jobs, f"listen {data.name}")
        write_table(folder / "sound.tsv", rows, COLUMNS)

    produce(
        out,
        {"data": datadir.identity(data), "measures": [FRAME, FLOOR, SILENCE, FULL_SCALE, *COLUMNS]},
        build,
    )
    rows = read_table(out / "sound.tsv")
    return [row | {name: float(row[name]) for name in COLUMNS[1:-1]} for row in rows]


def _row(recording: tuple[str, str]) -> dict:
    key, wav = recording
    try:
        missing = audio.missing_seconds(wav, audio.probe(wav))
        return {"id": key, "missing": missing, "error": ""} | measure(audio.read(wav))
    except DataError as error:
        return dict.fromkeys(COLUMNS, 0.0) | {"id": key, "error": str(error)}


def measure(samples: np.ndarray) -> dict[str, float]:
    """The ``seconds``, ``level``, ``silent`` and ``clipped`` of (N,) samples; `DataError` where they are no numbers."""
    if not np.isfinite(samples).all():
        raise DataError("samples are finite numbers, got others")
    levels = _levels(samples)
    return {
        "seconds": len(samples) / audio.SAMPLE_RATE,
        "level": float(np.quantile(levels, 0.95)),
        "silent": float((levels < SILENCE).mean()),
        "clipped": float((abs(samples) >= FULL_SCALE).mean()),
    }


def _levels(samples: np.ndarray) -> np.ndarray:
    """The levels of whole frames in dBFS; of all the samples where they fill none."""
    frames = (
        samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        if len(samples) >= FRAME
        else samples[None]
    )
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))

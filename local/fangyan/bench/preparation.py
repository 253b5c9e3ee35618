"""Preparing a data directory against merely opening its recordings: 16 kHz mono, so that nothing is converted."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import numpy as np

from fangyan import corpora
from fangyan.bench.benchmark import Benchmark, Data, Size, seconds
from fangyan.data import audio
from fangyan.data.datadir import read_map
from fangyan.files import write_text

FOLD = 125
"""Recordings for each utterance of `Size`: 10,000."""
SECONDS = 0.1


def recordings(size: Size, device: str) -> Data:
    """A folder that is there as long as its object, and the Kaldi data directory of short noises in it."""
    folder = TemporaryDirectory(prefix="fangyan.bench.")
    data = Path(folder.name) / "corpus"
    noise = np.random.default_rng(0).normal(0, 0.1, round(SECONDS * audio.SAMPLE_RATE))
    first = data / "wav" / "s-000000.wav"
    audio.write(first, noise)
    keys = [f"s-{n:06d}" for n in range(FOLD * size.utterances)]
    for key in keys[1:]:
        (data / "wav" / f"{key}.wav").write_bytes(first.read_bytes())
    columns = {"wav.scp": f"{data}/wav/{{}}.wav", "utt2spk": "s", "utt2lang": "cmn", "text": "今天天气很好"}
    for name, value in (columns | {"utt2sent": "{}"}).items():
        write_text(data / name, "".join(f"{key} {value.format(key)}\n" for key in keys))
    return folder, data


def prepared(folder: TemporaryDirectory, data: Path) -> float:
    """Recordings a second of `corpora.prepare`, by one process."""
    out = Path(folder.name) / "data"
    rmtree(out, ignore_errors=True)
    with redirect_stdout(io.StringIO()):
        taken = seconds(corpora.prepare, "kaldi", data, out)
    return len(read_map(out / "test" / "wav.scp")) / taken


def opened(folder: TemporaryDirectory, data: Path) -> float:
    """Recordings a second of ``soundfile.info``."""
    import soundfile

    wavs = list(read_map(data / "wav.scp").values())
    return len(wavs) / seconds(lambda: [soundfile.info(wav) for wav in wavs])


BENCHMARKS = (
    Benchmark(
        "prepare_vs_open",
        "recordings/s",
        value=prepared,
        baseline=opened,
        baseline_name="soundfile.info",
        data=recordings,
        devices=("cpu",),
    ),
)

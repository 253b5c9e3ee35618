"""A micro corpus for the tests: tones that sing their transcripts, in three "varieties"."""

from pathlib import Path

import numpy as np
import pytest

from fangyan import audio, datadir
from fangyan.datadir import Utterance

PITCH = {"我": 220, "你": 330, "吃": 440, "饭": 550, "看": 660, "书": 770, "水": 880, "喝": 990}
SENTENCES = ("我吃饭", "你吃饭", "我看书", "你看书", "我喝水", "你喝水", "看我吃", "喝你水")


def tone(text: str, octave: float, seconds: float = 0.2) -> np.ndarray:
    """One tone a character, (N,) float32 at 16 kHz."""
    time = np.arange(int(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    notes = [np.sin(2 * np.pi * PITCH[char] * octave * time) * np.hanning(len(time)) for char in text]
    return 0.5 * np.concatenate(notes).astype(np.float32)


def sing(folder: Path, name: str, sentences=SENTENCES, varieties=("cmn", "yue", "hak")) -> Path:
    """A data directory ``folder/name`` of the sentences in each variety, sung at its own octave."""
    utterances = []
    for n, variety in enumerate(varieties):
        for s, text in enumerate(sentences):
            key = f"{variety}{name}-s{s:02d}"
            wav = folder / "wav" / f"{key}.wav"
            samples = tone(text, 1 + 0.03 * n, 0.2 + 0.02 * (s % 3))
            audio.write(wav, samples)
            seconds = len(samples) / audio.SAMPLE_RATE
            utterances.append(
                Utterance(key, str(wav), text, f"{variety}{name}", variety, f"s{s:02d}", seconds, text_cmn=text)
            )
    datadir.write(folder / name, utterances)
    return folder / name


@pytest.fixture(scope="session")
def sung(tmp_path_factory) -> dict[str, Path]:
    """Data directories train, dev and test of the micro corpus."""
    folder = tmp_path_factory.mktemp("sung")
    return {name: sing(folder, name) for name in ("train", "dev", "test")}

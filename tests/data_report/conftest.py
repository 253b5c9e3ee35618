"""Data directories with what a survey is to find in them."""

import pytest

from fangyan.data import datadir
from fangyan.data.datadir import Utterance


@pytest.fixture
def said():
    """A function: an utterance of the speaker that its id begins with, of so many characters."""

    def made(key: str, characters: int, seconds: float, variety: str = "cmn", **other) -> Utterance:
        speaker = key.partition("-")[0]
        values = {"wav": f"{key}.wav", "text": "字" * characters, "speaker": speaker, "sentence": key}
        return Utterance(key, **values | {"variety": variety, "duration": seconds} | other)

    return made


@pytest.fixture
def write(tmp_path):
    """A function: name and utterances -> their data directory."""

    def written(name: str, *utterances: Utterance):
        datadir.write(tmp_path / name, utterances)
        return tmp_path / name

    return written

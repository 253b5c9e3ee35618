"""Speech that is made once: by a fake voice that counts."""

from dataclasses import replace

import numpy as np
import pytest

from fangyan.corpora.common.synthesis import MADE, make_recordings
from fangyan.data import audio
from fangyan.data.datadir import Dropped, Utterance
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Recording, Voice


@pytest.fixture
def recordings():
    return [
        Recording(Utterance(key, "", text, "f", "cmn", key), text, Voice("cmn"))
        for key, text in (("a", "我"), ("b", "你"), ("c", "?"))
    ]


@pytest.fixture
def make():
    """What says ``?`` cannot be read, and else writes one second; its ``calls``."""

    def one(folder, recording):
        one.calls.append(recording.utterance.id)
        if recording.text == "?":
            return Dropped("c", "not readable by the voice", "?")
        wav = folder / f"{recording.utterance.id}.wav"
        audio.write(wav, np.zeros(audio.SAMPLE_RATE, np.float32))
        return replace(recording.utterance, wav=str(wav), duration=1.0, ipa=f"ipa of {recording.text}")

    one.calls = []
    return one


def test_what_is_there_is_not_made_again(make, recordings, tmp_path):
    first = make_recordings(make, tmp_path, recordings, 1, "speech")
    assert make.calls == ["a", "b", "c"] and first[1].ipa == "ipa of 你"
    assert make_recordings(make, tmp_path, recordings, 1, "speech") == first
    assert make.calls[3:] == ["c"]  # what has no recording is asked for again


@pytest.mark.parametrize("damage", ["removed", "cut", "table", "rows", "code"])
def test_what_is_gone_or_damaged_is_made_again(make, recordings, tmp_path, monkeypatch, damage):
    first = make_recordings(make, tmp_path, recordings, 1, "speech")
    if damage == "removed":
        (tmp_path / "a.wav").unlink()
    if damage == "cut":
        (tmp_path / "a.wav").write_bytes(b"RIFF")
    if damage == "code":
        monkeypatch.setattr(espeak, "SOURCES", (tmp_path / "b.wav",))
    if damage == "table":
        (tmp_path / MADE).write_text("{")
    if damage == "rows":
        (tmp_path / MADE).write_text((tmp_path / MADE).read_text().replace("1.0", '"x"').replace("[", "[[]"))
    assert make_recordings(make, tmp_path, recordings, 1, "speech") == first
    assert "a" in make.calls[3:] and audio.probe(tmp_path / "a.wav").duration == 1.0

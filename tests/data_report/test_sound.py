import os

import numpy as np
import pytest

from fangyan.data import audio
from fangyan.data_report import sound
from fangyan.data_report.sound import measure, measure_set
from fangyan.errors import DataError

RATE = audio.SAMPLE_RATE


def test_a_square_wave_has_the_level_of_its_height():
    # Half a second at 0.1 (-20 dBFS), half a second of digital silence.
    samples = np.concatenate([np.full(RATE // 2, 0.1), np.zeros(RATE // 2)])
    assert measure(samples) == {
        "seconds": 1.0,
        "level": pytest.approx(-20),
        "silent": 0.5,
        "clipped": 0.0,
    }


def test_digital_silence_has_the_lowest_level():
    assert measure(np.zeros(RATE)) == {"seconds": 1.0, "level": -100.0, "silent": 1.0, "clipped": 0.0}


def test_samples_at_full_scale_are_counted_on_both_sides():
    samples = np.zeros(1000)
    samples[:2], samples[2:5] = 1.0, -1.0
    assert measure(samples)["clipped"] == 0.005


def test_less_than_a_frame_is_one_frame():
    assert measure(np.full(10, 0.1))["level"] == pytest.approx(-20)


def test_what_is_no_number_is_refused():
    with pytest.raises(DataError, match="finite"):
        measure(np.array([0.0, np.nan]))


@pytest.fixture
def data(write, tmp_path, said):
    audio.write(tmp_path / "a.wav", np.full(RATE, 0.5))
    (tmp_path / "b.wav").write_text("no audio")
    wavs = {"a-1": "a.wav", "a-2": "b.wav", "a-3": "gone.wav"}
    return write("test", *(said(key, 4, 1.0, wav=str(tmp_path / wav)) for key, wav in wavs.items()))


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_utterance_is_listened_to_once(data, tmp_path, jobs, monkeypatch):
    good, broken, gone = measure_set(data, tmp_path / "sound", jobs)
    assert (good["id"], good["seconds"], good["error"]) == ("a-1", 1.0, "")
    assert good["level"] == pytest.approx(-6.02, abs=0.01)
    assert "not readable as audio" in broken["error"] and "no such file" in gone["error"]
    monkeypatch.setattr(sound, "parallel", None)
    assert measure_set(data, tmp_path / "sound", jobs) == [good, broken, gone]


def test_what_a_cut_file_lacks_is_measured(write, tmp_path, said):
    audio.write(tmp_path / "a.wav", np.full(2 * RATE, 0.5))
    os.truncate(tmp_path / "a.wav", 44 + 2 * RATE)
    data = write("test", said("a-1", 4, 1.0, wav=str(tmp_path / "a.wav")))
    (row,) = measure_set(data, tmp_path / "sound", 1)
    assert (row["seconds"], row["missing"], row["error"]) == (1.0, 1.0, "")

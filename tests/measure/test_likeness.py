"""`fangyan.measure.likeness`: two recordings compared, by hand and on the command line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.encoders import Encoder, load_encoder
from fangyan.errors import DataError, UserError
from fangyan.measure.likeness import compare_recordings
from fangyan.measure.seqsim import seqsim


class Squares(Encoder):
    """A frame (x squared, x) for each sample x."""

    layers, frame_rate = ("b",), 16_000.0

    def encode(self, waves):
        return [[np.stack([wave**2, wave], 1) for wave in waves]]


def test_two_recordings_compared(sung):
    a, b = (sung["test"].parent / "wav" / f"{name}test-s03.wav" for name in ("cmn", "yue"))
    encoder = load_encoder("fbank")
    x, y = (encoder(audio.read(path))["fbank"] for path in (a, b))
    layer, found = compare_recordings("fbank", a, b)
    assert layer == "fbank" and found.frames == (len(x), len(y))
    assert (found.precision, found.recall, found.f1) == pytest.approx(seqsim(x, y), abs=1e-5)
    assert found.precision != found.recall
    _, turned = compare_recordings("fbank", b, a)
    assert (turned.precision, turned.recall) == pytest.approx((found.recall, found.precision), abs=1e-5)


def test_the_cosine_of_the_means_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.features.at_layer.load_encoder", lambda spec, **of: Squares())
    for name, samples in {"a": [0.5, 0.5], "b": [0.5, -0.5]}.items():
        audio.write(tmp_path / f"{name}.wav", np.array(samples))
    # Means (0.25, 0.5) and (0.25, 0): their cosine is 0.25 / sqrt(0.3125).
    layer, found = compare_recordings("fbank", tmp_path / "a.wav", tmp_path / "b.wav")
    assert layer == "b" and found.pooled == pytest.approx(0.25 / np.sqrt(0.3125), abs=1e-3)


def test_comparing_needs_two_recordings_and_prints_a_line(sung):
    a = str(sung["test"].parent / "wav" / "cmntest-s03.wav")
    line = CliRunner().invoke(cli, ["compare", a, a, "--encoder", "fbank"]).stdout
    assert line.startswith("SeqSim precision 1.0000, recall 1.0000, F1 1.0000; cosine of the mean frames ")
    assert line.count("\n") == 1 and "layer fbank, " in line
    with pytest.raises(UserError, match="test: one recording is expected here, got 24"):
        compare_recordings("fbank", sung["test"], sung["test"])


def test_samples_that_are_no_numbers_are_named_by_their_file(sung, tmp_path):
    bad, good = tmp_path / "bad.wav", Path(datadir.read(sung["test"])[0].wav)
    soundfile.write(bad, np.float32([0.1, np.nan] * 8_000), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"bad\.wav: samples are finite numbers, got others"):
        compare_recordings("fbank", good, bad)


def test_what_is_not_there_is_told_before_the_encoder_is_loaded(sung, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.features.at_layer.load_encoder", pytest.fail)
    wav = next((sung["test"].parent / "wav").glob("*.wav"))
    with pytest.raises(DataError, match="missing.wav: no such file"):
        compare_recordings("fbank", wav, tmp_path / "missing.wav")

"""Characters on time: from the peaks of CTC by hand, and what is told where none can be had."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fangyan.data import datadir
from fangyan.data.text import NormalForm
from fangyan.encoders import Encoder
from fangyan.errors import UserError
from fangyan.measure.explain.transcripts import Transcript
from fangyan.measure.units import characters
from fangyan.measure.units.characters import stretches_of
from fangyan.measure.units.stretches import Stretch

TOKENS = ["<blank>", "<unk>", "我", "吃", "<sos/eos>"]


class Peaky(Encoder):
    """An encoder whose last layer is the posteriors of its CTC, 10 frames a second: peaks are where it is told."""

    layers, frame_rate, device = ("layer00", "norm"), 10.0, "cpu"
    model = SimpleNamespace(ctc=SimpleNamespace(log_softmax=lambda output: output), token_list=TOKENS)

    def __init__(self, *peaks):
        self.peaks = peaks

    def output(self, frames):
        scores = np.full((frames, len(TOKENS)), -20, np.float32)
        scores[:, 0] = -0.1
        for frame, token in self.peaks:
            scores[frame, [0, token]] = -20, -0.1
        return scores

    def encode(self, waves):
        outputs = [self.output(20) for _ in waves]
        return [outputs, outputs]


def test_an_utterance_is_divided_midway_between_peaks():
    encoder = Peaky((2, 2), (12, 3))
    assert stretches_of(encoder, encoder.output(20), "我吃") == [
        Stretch("我", 0.35),
        Stretch("吃", 1.0),
    ]  # at 7
    assert stretches_of(encoder, encoder.output(20), "") == []
    assert stretches_of(encoder, Peaky().output(1), "我吃") == []  # more characters than frames


def test_characters_that_nobody_could_speak_so_fast_are_not_believed():
    encoder = Peaky((18, 2), (19, 3))
    assert len(stretches_of(encoder, encoder.output(20), "我吃")) == 2  # 0.1 s from one to the next
    encoder.frame_rate = 20.0
    assert stretches_of(encoder, encoder.output(20), "我吃") == []


def test_what_is_not_believed_is_counted(sung, monkeypatch, capsys):
    utterances = [u for u in datadir.read(sung["dev"]) if u.text == "我吃饭"]
    monkeypatch.setattr(characters, "load_encoder", lambda spec: Peaky((2, 2), (8, 3), (14, 1)))
    found = characters.find("espnet:x", utterances, Transcript("text", NormalForm()))
    assert {key: "".join(one.label for one in found[key]) for key in found} == {
        u.id: u.text for u in utterances
    }  # who is not known is looked for as <unk>
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(characters, "load_encoder", lambda spec: Peaky((17, 2), (18, 3), (19, 1)))
    monkeypatch.setattr(Peaky, "frame_rate", 50.0)
    assert characters.find("espnet:x", utterances, Transcript("text", NormalForm())) == {}
    assert "espnet:x: characters of 3 of 3 utterances cannot be believed" in capsys.readouterr().err


def test_a_model_that_writes_no_characters_is_told(tmp_path, monkeypatch):
    with pytest.raises(
        UserError, match="--align mfcc: a model with CTC that writes characters is needed, espnet:EXP"
    ):
        characters.transcript_of("mfcc")
    (tmp_path / "train.json").write_text(json.dumps({"target": "text"}))
    told_by = characters.transcript_of(f"espnet:{tmp_path}")
    assert told_by.column == "text"
    for tokens in (["<blank>", "<unk>"], ["<blank>", "▁ni", "hao"]):
        model = SimpleNamespace(ctc=object(), token_list=tokens)
        monkeypatch.setattr(
            characters, "load_encoder", lambda spec, model=model: SimpleNamespace(model=model)
        )
        with pytest.raises(UserError, match="--align espnet:x: has no CTC that writes characters"):
            characters.find("espnet:x", [], told_by)

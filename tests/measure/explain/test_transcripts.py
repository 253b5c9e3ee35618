import json

import numpy as np
import pytest

from fangyan.data.datadir import Utterance
from fangyan.data.text import NormalForm
from fangyan.encoders import Encoder
from fangyan.errors import DataError
from fangyan.features.at_layer import AtLayer
from fangyan.measure.explain.transcripts import Transcript, align, align_utterance, transcript


def test_the_form_is_what_the_model_was_trained_to_write(tmp_path):
    assert transcript(f"espnet:{tmp_path}").form == transcript("fbank").form == NormalForm()
    (tmp_path / "train.json").write_text('{"target": "text", "text_form": "script=s2t"}')
    assert transcript(f"espnet:{tmp_path}").form == NormalForm(script="s2t")


def test_the_column_is_what_the_model_was_trained_to_write(tmp_path):
    assert transcript(f"espnet:{tmp_path}/model.zip").column == "text_cmn"
    (tmp_path / "train.json").write_text(json.dumps({"target": "text"}))
    assert transcript(f"espnet:{tmp_path}").column == "text"
    assert transcript(f"espnet:{tmp_path}", "text_cmn").column == "text_cmn"
    assert transcript("fbank").column == transcript(f"random:{tmp_path}").column == ""


def test_a_transcript_is_in_normal_form_and_empty_without_a_column():
    utterance = Utterance("u", "", "佢食，飯。", "", "yue", "s", text_cmn="他吃饭。")
    assert Transcript("text_cmn", NormalForm()).of(utterance) == "他吃饭"
    assert Transcript("", NormalForm()).of(utterance) == ""


class Deaf(Encoder):
    layers, frame_rate = ("a", "b"), 50.0

    def encode(self, waves):
        raise DataError("too short")


def test_frames_are_l2_normalised_layer_by_layer():
    features = {"a": np.array([[3.0, 4.0]]), "b": np.array([[5.0]])}
    found = align(AtLayer(Deaf(), "a+b"), "u", features, "")
    np.testing.assert_allclose(found.frames, [[0.6, 0.8, 1.0]])
    np.testing.assert_allclose(align(AtLayer(Deaf(), "a"), "u", features, "").frames, [[0.6, 0.8]])
    assert (found.id, found.characters, list(found.peaks)) == ("u", "", [])


def test_an_utterance_that_cannot_be_encoded_is_named(sung):
    wav = str(sung["test"].parent / "wav" / "cmntest-s00.wav")
    with pytest.raises(DataError, match="cmntest-s00.wav: utterance u: too short"):
        align_utterance(
            AtLayer(Deaf()), Utterance("u", wav, "", "", "cmn", "s"), Transcript("", NormalForm())
        )

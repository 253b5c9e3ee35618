"""The text side of a joint space: whose texts it places and how, and what is told where its teacher is not here."""

import numpy as np
import pytest
import torch

from fangyan import encoders
from fangyan.encoders import load_encoder, teacher_identity
from fangyan.encoders.joint import JointSpace
from fangyan.encoders.text_side import TextSide, load_teacher, portable, teacher_of
from fangyan.errors import DataError, UserError


@pytest.fixture
def space() -> JointSpace:
    torch.manual_seed(0)
    return JointSpace(2, ("layer00", "norm"), 2).requires_grad_(False)


def test_a_text_side_takes_the_last_layer_of_its_teacher_with_its_prefix(space):
    class Teacher:
        prefix = "q: "

        def encode(self, items):
            lengths = [np.array([[float(len(self.prefix + item)), 0.0]], np.float32) for item in items]
            return [lengths, [one[:, ::-1].copy() for one in lengths]]

    side = TextSide(Teacher(), space)
    side.space.centre[:] = torch.tensor([0.0, 5.0])
    assert [v.tolist() for v in side.encode(["吃", "吃饭吃饭"])[0]] == [[[0.0, -1.0]], [[0.0, 1.0]]]
    side.prefix = ""
    assert side.encode(["吃饭吃饭吃饭"])[0][0].tolist() == [[0.0, 1.0]]


def test_a_teacher_of_another_size_is_told_at_once(space, tiny_sentence):
    with pytest.raises(DataError, match="has vectors of 2 numbers, got one of 32"):
        TextSide(load_teacher({"teacher": f"text:{tiny_sentence}"}, "exp/a", "cpu"), space)


def test_the_prefix_of_the_configuration_goes_before_the_own_one(tiny_sentence):
    settings = {"teacher": f"text:{tiny_sentence}"}
    assert load_teacher(settings, "exp/a", "cpu").prefix == ""
    assert load_teacher(settings | {"teacher_prefix": "query: "}, "exp/a", "cpu").prefix == "query: "
    with pytest.raises(DataError, match="exp/a: teacher_prefix is text, got 5"):
        load_teacher(settings | {"teacher_prefix": 5}, "exp/a", "cpu")


def test_a_folder_that_leaves_its_machine_is_named_and_looked_for_where_the_program_runs(
    tiny_sentence, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    told = portable({"teacher": f"text:{tiny_sentence}", "task": "align"})
    assert told == {"teacher": "text:./tiny", "task": "align"} == portable(told)
    with pytest.raises(UserError, match=f"a folder tiny of those who trained it: .* at {tmp_path}/tiny$"):
        load_teacher(told, "user/name", "cpu")
    (tmp_path / "tiny").symlink_to(tiny_sentence)
    assert load_teacher(told, "user/name", "cpu").modality == "text" and portable(told) == told


@pytest.mark.parametrize(
    "settings", [{}, {"teacher": "text:intfloat/multilingual-e5-small"}, {"teacher": None}]
)
def test_what_names_no_folder_stays(settings):
    assert portable(settings) == settings


@pytest.mark.parametrize("teacher", [None, "", 5])
def test_a_model_without_a_teacher_has_no_text_side(teacher):
    with pytest.raises(UserError, match="exp/a: this model has no text side"):
        teacher_of({"teacher": teacher}, "exp/a")


def test_texts_are_embedded_by_an_encoder_of_text_itself_and_by_none_of_sound(tiny_sentence):
    encoder = load_encoder(f"text:{tiny_sentence}", "cpu", "text")
    texts = ["我吃饭", "你", "我吃饭"] * 100
    found = encoder.embed_text(texts)
    assert (found.shape, found.dtype) == ((300, 32), np.float32)
    assert found[1] == pytest.approx(encoder("你")["sentence"][0], abs=1e-6)
    with pytest.raises(DataError, match="one at least, got none"):
        encoder.embed_text([])
    with pytest.raises(UserError, match="^this model has no text side: texts are for one of the task align"):
        load_encoder("fbank").embed_text(["你"])


READING = """
import numpy as np
from fangyan.encoders import Encoder

class Side(Encoder):
    layers, frame_rate = ("joint",), 0.0

    def encode(self, items):
        return [[np.ones((1, 2), np.float32) for item in items]]

def load(argument, device):
    return Side()

def load_text(argument, device):
    side = Side()
    side.modality = "text"
    return side
"""


def test_a_family_of_another_package_may_have_a_text_side(package):
    package("reading", "[fangyan.encoders]\nreading = reading\nmute = mute", READING)
    package("mute", "", READING.partition("def load_text")[0])
    assert load_encoder("reading", "cpu").modality == "speech"
    assert load_encoder("reading", "cpu", "text").modality == "text"
    assert encoders.teacher_of("reading") == "" and teacher_identity("reading") == {}
    with pytest.raises(UserError, match="takes speech, got text for it"):
        load_encoder("mute", "cpu", "text")
    with pytest.raises(UserError, match="^mute: this model has no text side"):
        encoders.teacher_of("mute")

"""The text side of a model that reads units: which layers it has, and what is no line of units."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fangyan.encoders.unit_side import UnitSide
from fangyan.errors import DataError


class Model:
    """Two layers of a frame for every two units: the first of the two, and twice that."""

    split, embedding = 1, SimpleNamespace(num_embeddings=6)

    def of_units(self, units, lengths):
        frames = units[:, ::2, None].float()
        return [frames, 2 * frames], lengths // 2


@pytest.fixture
def side():
    layers = ("layer00", "layer01", "norm")
    reset = []
    speech = SimpleNamespace(model=Model(), layers=layers, frame_rate=25.0, device="cpu")
    speech.reset_positions = lambda: reset.append(True)
    return UnitSide(speech)


def test_it_has_the_layers_of_the_shared_stack_and_as_many_frames_as_speech(side):
    assert (side.modality, side.layers, side.frame_rate) == ("text", ("layer01", "norm"), 25.0)
    entering, norm = side.encode(["0 1 2 3", "5 5", "4 1 0 3"])
    assert [x.tolist() for x in entering] == [[[0.0], [2.0]], [[5.0]], [[4.0], [0.0]]]
    assert [x.tolist() for x in norm] == [[[0.0], [4.0]], [[10.0]], [[8.0], [0.0]]]
    assert norm[0].dtype == np.float32 and torch.is_inference_mode_enabled() is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 6", "a text is units from 0 to 5, as fangyan text_units writes them, got '6'"),
        ("学生什么时候去机场", "got '学生什么时候去机场'"),
        ("1 -1", "got '-1'"),
        ("1 ²", "got '²'"),
        ("1 " + "1" * 5000, "a text is units from 0 to 5"),
        (" ", "a text is units, one at least, got none"),
    ],
)
def test_what_is_no_line_of_units_is_refused(side, text, message):
    with pytest.raises(DataError, match=message):
        side.encode(["1 2", text])

"""`fangyan.features.at_layer`: an encoder that gives one layer of another."""

import numpy as np
import pytest

from fangyan.encoders import Encoder
from fangyan.errors import UserError
from fangyan.features.at_layer import AtLayer


class Two(Encoder):
    """Two layers: each sample x of a wave, and (x squared, x)."""

    layers, frame_rate = ("a", "b"), 16_000.0

    def encode(self, waves):
        return [[wave[:, None] for wave in waves], [np.stack([wave**2, wave], 1) for wave in waves]]


WAVE = np.array([1, -1], np.float32)


def test_one_layer_of_several():
    encoder = AtLayer(Two(), "a")
    assert (str(encoder.layer), encoder.layers, encoder.frame_rate) == ("a", ("a",), 16_000)
    np.testing.assert_array_equal(encoder.encode([WAVE])[0][0], WAVE[:, None])


def test_the_rate_is_that_of_the_layer():
    class Subsampling(Two):
        def rate_of(self, layer):
            return {"a": 16_000.0, "b": 8_000.0}[layer]

    assert [AtLayer(Subsampling(), layer).frame_rate for layer in ("a", "b", "")] == [16_000, 8_000, 8_000]


def test_two_layers_are_concatenated_l2_normalised():
    found = AtLayer(Two(), "a+b").encode([WAVE, 2 * WAVE[:1]])[0]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found[0], [[1, half, half], [-1, half, -half]], atol=1e-6)
    np.testing.assert_allclose(found[1], [[1, 0.8**0.5, 0.2**0.5]], atol=1e-6)


def test_the_recommended_layer_comes_before_the_last():
    encoder = Two()
    assert AtLayer(encoder).layers == ("b",)
    encoder.recommended = "a"
    assert (AtLayer(encoder).layers, AtLayer(encoder, "b").layers) == (("a",), ("b",))


@pytest.mark.parametrize("layer", ["c", "a+c"])
def test_an_unknown_layer(layer):
    with pytest.raises(
        UserError, match=r"--layer \S+: no layer '.?' in this encoder: known are a, b, joined by"
    ):
        AtLayer(Two(), layer)

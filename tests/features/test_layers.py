"""`fangyan.features.layers`: names, order and concatenation of layers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError, UserError
from fangyan.features.layers import Layer, by_depth, concatenate

ORDER = ("conv", "blocks.9", "blocks.10", "after")


def random_set(seed: int, lengths, d: int = 4) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {str(n): chance.standard_normal((t, d)).astype(np.float32) for n, t in enumerate(lengths)}


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize(("text", "names"), [("a", ("a",)), ("a+b", ("a", "b"))])
def test_a_layer_is_read_and_written_alike(text, names):
    assert Layer.parse(text).names == names
    assert str(Layer.parse(text)) == f"{Layer.parse(text)}" == text


@pytest.mark.parametrize(("text", "name"), [("c", "c"), ("a+c", "c")])
def test_an_unknown_layer_is_answered_with_those_there_are(text, name):
    assert Layer.parse("b+a").check(["a", "b"], "here") == Layer(("b", "a"))
    with pytest.raises(UserError) as error:
        Layer.parse(text).check(["a", "b"], "feats/test")
    known = "known are a, b, joined by + to concatenate them"
    assert str(error.value) == f"--layer {text}: no layer {name!r} in feats/test: {known}"


@pytest.mark.parametrize("text", ["", "a+", "+a", "a++b"])
def test_what_has_not_the_form_of_a_layer_is_refused(text):
    with pytest.raises(
        UserError, match="a layer, or several joined by + to concatenate them".replace("+", "[+]")
    ):
        Layer.parse(text)


def test_layers_stand_by_the_depth_of_their_names():
    asked = ["after", "blocks.10", "blocks.9+after", "conv", "blocks.9", "blocks.9+blocks.10"]
    found = sorted(map(Layer.parse, asked), key=lambda layer: layer.depth(ORDER))
    expected = ["conv", "blocks.9", "blocks.9+blocks.10", "blocks.9+after", "blocks.10", "after"]
    assert list(map(str, found)) == expected


def test_the_recorded_order_comes_before_that_of_the_names():
    assert by_depth(["blocks.9", "after", "blocks.10", "conv"], ORDER) == list(ORDER)
    assert by_depth(["x.10", "after", "x.9", "conv"], ORDER) == ["conv", "after", "x.9", "x.10"]


def test_without_a_record_numbers_are_numbers():
    names = ["b.10.ff", "b.9.ff", "b.9.attention", "b", "b.10", "a", "b.09"]
    assert by_depth(names, ()) == ["a", "b", "b.09", "b.9.attention", "b.9.ff", "b.10", "b.10.ff"]


@given(st.sets(st.integers(0, 999)), st.sets(st.sampled_from(["norm", "input", "layer", "mfcc"])))
def test_padded_names_have_the_order_of_their_code_points(numbers, others):
    names = [*others, *(f"layer{n:03d}" for n in numbers)]
    assert by_depth(names, ()) == sorted(names)


def test_frames_of_one_layer_are_as_they_are():
    features = {"a": {"u": np.array([[3.0, 4]])}, "b": {"u": np.array([[2.0]])}}
    assert Layer.parse("a").of(features) is features["a"]
    np.testing.assert_allclose(Layer.parse("b+a").of(features)["u"], [[1, 0.6, 0.8]], atol=1e-6)


def test_concatenated_frames_by_hand():
    # (3, 4) has length 5, (0, 2) length 2; a frame of zeros stays one.
    layers = {
        "a": {"u": np.array([[3.0, 4], [0, 0]]), "v": np.array([[0, -7.0]])},
        "b": {"u": np.array([[5.0], [5]]), "v": np.array([[2.0]])},
    }
    found = concatenate(layers)
    assert list(found) == ["u", "v"] and {x.dtype for x in found.values()} == {np.dtype("float32")}
    np.testing.assert_allclose(found["u"], [[0.6, 0.8, 1], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(found["v"], [[0, -1, 1]], atol=1e-6)


@pytest.mark.parametrize("count", [2, 3])
def test_the_cosine_of_concatenated_frames_is_the_mean_of_the_cosines(count):
    layers = {f"layer{n}": random_set(20 + n, (5, 4), d=3 + 2 * n) for n in range(count)}
    found = concatenate(layers)
    cosines = [unit(x["0"]) @ unit(x["1"]).T for x in layers.values()]
    np.testing.assert_allclose(unit(found["0"]) @ unit(found["1"]).T, sum(cosines) / count, atol=1e-6)
    np.testing.assert_allclose(found["0"], np.hstack([unit(x["0"]) for x in layers.values()]), atol=1e-6)


def test_layers_that_do_not_fit_together_name_the_utterance():
    one, other = random_set(0, (3, 4)), random_set(1, (3, 5))
    with pytest.raises(DataError, match=r"utterance 1: .* the same number of frames, got 4 in a, 5 in b$"):
        concatenate({"a": one, "b": other})
    other["0"][1, 2] = np.inf
    with pytest.raises(DataError, match="utterance 0: features must be finite"):
        concatenate({"a": one, "b": other})

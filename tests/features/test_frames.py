"""`fangyan.features.frames`: what is taken for frames, and what they are L2-normalised."""

import math

import numpy as np
import pytest
import torch

from fangyan.errors import DataError
from fangyan.features.frames import checked, same_dimension, unit


def test_frames_are_named_by_utterance_or_place_and_of_the_nearest_precision():
    found = checked({"a": np.ones((2, 3), np.float16), "b": torch.ones(1, 3, dtype=torch.float64)})
    assert {key: x.dtype for key, x in found.items()} == {"a": torch.float32, "b": torch.float64}
    by_place = checked([[[1, 2]], np.array([[3, 4]], ">i2")])
    assert {key: x.tolist() for key, x in by_place.items()} == {0: [[1, 2]], 1: [[3, 4]]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((2, 2)) + 0j, "utterance b: features are real numbers, got complex128"),
        (np.ones((2, 2), "G"), "utterance b: features are real numbers, got "),
        (torch.ones(2, 2) + 0j, "utterance b: features are real numbers, got torch.complex64"),
        (np.ones((2, 2), object), "utterance b: features are real numbers, got object"),
        (np.array([["1", "2"]]), "utterance b: features are real numbers, got <U1"),
        ([[1, 2], [3]], "utterance b: .* got rows that differ"),
        (None, "utterance b: features are real numbers, got object"),
        (np.float64(1), r"utterance b: .* not empty, got \(\)"),
        (np.zeros((0, 2)), r"utterance b: .* not empty, got \(0, 2\)"),
        (np.zeros((2, 0)), r"utterance b: .* not empty, got \(2, 0\)"),
        (np.zeros(2), r"utterance b: .*\(frames, d\).* got \(2,\)"),
        (np.array([[1, math.nan]]), "utterance b: .* finite"),
        (np.array([[1, -math.inf]]), "utterance b: .* finite"),
        (np.ones((2, 3)), "utterance b: d must be 2 as in the first, got 3"),
    ],
)
def test_malformed_features_are_named(bad, message):
    with pytest.raises(DataError, match=message):
        checked({"a": np.ones((1, 2)), "b": bad})


def test_a_set_has_utterances_and_two_sets_one_dimension():
    with pytest.raises(DataError, match="needs utterances, got none"):
        checked({})
    same_dimension(2, 2)
    with pytest.raises(DataError, match=r"got 2 \(queries\) and 3 \(candidates\)"):
        same_dimension(2, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_l2_normalised_by_hand_however_long_or_short(dtype):
    frames = torch.tensor([[3.0, 4], [3e30, 4e30], [3e-30, 4e-30], [0, 0]], dtype=dtype)
    found = unit(frames)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, [[0.6, 0.8]] * 3 + [[0, 0]], atol=1e-7)


def test_squares_of_float64_may_leave_its_range():
    np.testing.assert_allclose(
        unit(torch.tensor([[3e200, 4e200], [3e-200, 4e-200]], dtype=torch.float64)), [[0.6, 0.8]] * 2
    )

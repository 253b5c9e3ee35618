"""`fangyan.measure.kernels`: loops in machine code, held to the same in numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.measure.kernels import compare, normalise

lengths = st.lists(st.integers(1, 20), min_size=1, max_size=5)


def compared(cosines, ends_a, ends_b, places_a=None, places_b=None):
    """Precision, recall and F1 as the kernel writes them into matrices; NaN where it wrote nothing."""
    places = [
        np.arange(len(ends) - 1) if given is None else np.array(given)
        for ends, given in ((ends_a, places_a), (ends_b, places_b))
    ]
    found = np.full((3, *(max(side) + 1 for side in places)), np.nan, np.float32)
    compare(np.asarray(cosines, np.float32), np.array(ends_a), np.array(ends_b), *places, *found)
    return found


def test_two_utterances_with_one():
    # Rows: two frames, then one; what lies beyond the last end is no frame of anybody.
    cosines = [[0.5, -1, 9], [0.25, 0, 9], [-0.5, -0.75, 9], [9, 9, 9]]
    precision, recall, f1 = compared(cosines, [0, 2, 3], [0, 2])
    np.testing.assert_array_equal(precision, [[0.375], [-0.5]])
    np.testing.assert_array_equal(recall, [[0.25], [-0.625]])
    # 2 * 0.375 * 0.25 / 0.625 and 2 * 0.3125 / -1.125
    np.testing.assert_allclose(f1, [[0.3], [-0.625 / 1.125]], rtol=1e-7)


@pytest.mark.parametrize(("cosine", "f1"), [(0, 0), (2, 1), (-2, -1)])
def test_no_mean_is_beyond_one_and_no_pole_is_met(cosine, f1):
    assert [scores.item() for scores in compared([[cosine]], [0, 1], [0, 1])] == [np.sign(cosine)] * 2 + [f1]


def test_where_precision_and_recall_differ_in_sign_f1_is_nothing():
    # The best of both rows is 0.5 and -0.25: 0.125; of the columns 0.5, -1 and -1: -0.5.
    found = compared([[0.5, -1, -1], [-0.25, -1, -1]], [0, 2], [0, 3])
    np.testing.assert_array_equal(found.ravel(), [0.125, -0.5, 0])


def test_results_are_written_where_their_utterances_belong():
    precision, *_ = compared([[0.5, 0.25], [-0.5, 0]], [0, 1, 2], [0, 1, 2], places_a=[2, 0], places_b=[1, 0])
    nothing = np.nan
    np.testing.assert_array_equal(precision, [[0, -0.5], [nothing, nothing], [0.25, 0.5]])


@given(lengths, lengths, st.integers(0, 100))
def test_the_slow_way_gives_the_same(rows, columns, seed):
    ends_a, ends_b = np.cumsum([0, *rows]), np.cumsum([0, *columns])
    cosines = np.random.default_rng(seed).uniform(-1, 1, (ends_a[-1] + 3, ends_b[-1] + 2)).astype(np.float32)
    precision, recall, _ = compared(cosines, ends_a, ends_b)
    for i in range(len(rows)):
        for j in range(len(columns)):
            part = cosines[ends_a[i] : ends_a[i + 1], ends_b[j] : ends_b[j + 1]].astype(float)
            assert precision[i, j] == np.float32(part.max(1).mean())
            assert recall[i, j] == np.float32(part.max(0).mean())


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1, 5e37])
def test_a_frame_has_length_one_however_long_it_was(scale):
    frames = (np.array([[3, 4], [0, 0], [-1, 0]]) * scale).astype(np.float32)
    units = np.empty_like(frames)
    normalise(frames, units)
    np.testing.assert_allclose(units, [[0.6, 0.8], [0, 0], [-1, 0]], atol=0.05 if scale < 1e-40 else 1e-7)

"""`fangyan.measure.kernels`: loops in machine code, held to the same in numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.measure.kernels import means_of_best, normalise

lengths = st.lists(st.integers(1, 20), min_size=1, max_size=5)


def best(cosines, ends_a, ends_b):
    precision, recall = (np.full((len(ends_a) - 1, len(ends_b) - 1), np.nan) for _ in range(2))
    means_of_best(np.asarray(cosines, np.float32), np.array(ends_a), np.array(ends_b), precision, recall)
    return precision, recall


def test_two_utterances_with_one():
    # Rows: two frames, then one; what lies beyond the last end is no frame of anybody.
    precision, recall = best([[0.5, -1, 9], [0.25, 0, 9], [-0.5, -0.75, 9], [9, 9, 9]], [0, 2, 3], [0, 2])
    np.testing.assert_array_equal(precision, [[0.375], [-0.5]])
    np.testing.assert_array_equal(recall, [[0.25], [-0.625]])


@given(lengths, lengths, st.integers(0, 100))
def test_the_slow_way_gives_the_same(rows, columns, seed):
    ends_a, ends_b = np.cumsum([0, *rows]), np.cumsum([0, *columns])
    cosines = np.random.default_rng(seed).uniform(-1, 1, (ends_a[-1] + 3, ends_b[-1] + 2)).astype(np.float32)
    precision, recall = best(cosines, ends_a, ends_b)
    for i in range(len(rows)):
        for j in range(len(columns)):
            part = cosines[ends_a[i] : ends_a[i + 1], ends_b[j] : ends_b[j + 1]].astype(float)
            assert precision[i, j] == pytest.approx(part.max(1).mean(), abs=1e-12)
            assert recall[i, j] == pytest.approx(part.max(0).mean(), abs=1e-12)


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1, 5e37])
def test_a_frame_has_length_one_however_long_it_was(scale):
    frames = (np.array([[3, 4], [0, 0], [-1, 0]]) * scale).astype(np.float32)
    units = np.empty_like(frames)
    normalise(frames, units)
    np.testing.assert_allclose(units, [[0.6, 0.8], [0, 0], [-1, 0]], atol=0.05 if scale < 1e-40 else 1e-7)

"""`fangyan.search.frame_codecs`: what each form stores, by hand, and what comes out again."""

import numpy as np
import pytest

from fangyan.errors import DataError, UserError
from fangyan.search import frame_codecs
from fangyan.search.frame_codecs import CODEBOOK, FORMS, find_codec, form_of, pool


def degrees(frames):
    return np.rad2deg(np.arctan2(frames[:, 1], frames[:, 0]))


def test_half_precision_is_stored_as_it_is(turned):
    stored = find_codec("f16", 2).encode(turned(30, 60))
    assert stored.tobytes() == turned(30, 60).astype("<f2").tobytes()
    assert find_codec("f16", 2).decode(stored).dtype == np.float32


def test_int8_counts_levels_of_the_largest_number():
    # 0.6 / 0.8 x 127 = 95.25; -0.28 / 0.96 x 127 = -37.04
    frames = np.array([[0.6, 0.8], [-0.28, 0.96], [0, 0]], np.float32)
    codec = find_codec("int8", 2)
    assert codec.encode(frames).tolist() == [[95, 127], [-37, 127], [0, 0]]
    assert codec.encode(frames).dtype.itemsize * codec.width == 2
    assert codec.decode(codec.encode(frames)).tolist() == [[95, 127], [-37, 127], [0, 0]]


def test_pq_stores_the_place_of_the_nearest_quadruple(tmp_path):
    book = np.full((2, 256, 4), 9, np.float32)
    book[0, 7], book[0, 8], book[1, 3] = [0, 0, 0, 1], [1, 0, 0, 0], [0.5, 0, 0, 0]  # d = 5 is filled up to 8
    (tmp_path / CODEBOOK).write_bytes(book.tobytes())
    codec = find_codec("pq", 5, tmp_path)
    stored = codec.encode(np.array([[0, 0, 0.1, 0.9, 0.4], [0.9, 0.1, 0, 0, 0.4]], np.float32))
    assert stored.tolist() == [[7, 3], [8, 3]] and codec.width == 2
    assert codec.decode(stored).tolist() == [[0, 0, 0, 1, 0.5], [1, 0, 0, 0, 0.5]]


def test_pq_learns_the_same_from_the_same_frames(monkeypatch):
    monkeypatch.setattr(frame_codecs, "FEWEST", 300)
    frames = np.random.default_rng(0).standard_normal((600, 6)).astype(np.float32)
    frames /= np.linalg.norm(frames, axis=1, keepdims=True)
    codec = find_codec("pq", 6)
    one, two = codec.learn(frames), codec.learn(frames)
    assert one.shape == (2, 256, 4) and np.array_equal(one, two) and not one[1, :, 2:].any()
    with pytest.raises(DataError, match=r"--frames pq: it learns from 300 frames at least, got 299: .* int8"):
        codec.learn(frames[:299])


@pytest.mark.parametrize("found", [None, b"", b"1234"])
def test_a_codebook_that_is_missing_or_cut_short(tmp_path, found):
    if found is not None:
        (tmp_path / CODEBOOK).write_bytes(found)
    with pytest.raises(
        DataError, match=r"codebook.f32: 4096 bytes, as d = 3 needs, got [04]: make the index"
    ):
        find_codec("pq", 3, tmp_path)


def test_those_that_are_most_alike_are_pooled_in_the_order_of_the_first(turned):
    assert degrees(pool(turned(90, 0, 92, 4), 2)) == pytest.approx([91, 2], abs=1e-4)
    assert degrees(pool(turned(90, 0, 92, 4, 2.5), 2)) == pytest.approx([91, 0, 3.25], abs=1e-4)  # 5 / 2: 3
    assert degrees(pool(turned(0, 10, 90), 3)) == pytest.approx(
        [30.5965], abs=1e-3
    )  # atan(1.17365 / 1.98481)
    assert degrees(pool(turned(70), 4)) == pytest.approx([70])
    np.testing.assert_allclose(np.linalg.norm(pool(turned(*range(9)), 2), axis=1), 1, atol=1e-6)


def test_frames_of_zeros_are_pooled_to_zeros():
    assert pool(np.zeros((5, 2), np.float32), 2).tolist() == [[0, 0]] * 3


def test_long_recordings_are_pooled_in_windows(turned, monkeypatch):
    monkeypatch.setattr(frame_codecs, "WINDOW", 2)
    assert degrees(pool(turned(0, 2, 0, 2, 50), 2)) == pytest.approx([1, 1, 50], abs=1e-4)


def test_pooled_frames_are_half_precision():
    assert find_codec("pool:3", 4).times == 3 and find_codec("pool:3", 4).file == find_codec("f16", 4).file


@pytest.mark.parametrize(
    "name", ["", "f32", "F16", "pool", "pool:", "pool:1", "pool:0", "pool:-2", "pool:2.5"]
)
def test_unknown_forms(name):
    assert form_of(name) is None
    with pytest.raises(UserError, match=rf"^--frames {name}: known are f16, int8, pq, and pool:N"):
        find_codec(name, 4)


@pytest.mark.parametrize("name", ["pool:02", "pool:2\n", "pool:２", "int8 ", "pq:8"])
def test_what_is_nearly_a_form_is_none(name):
    assert form_of(name) is None


def test_no_file_is_of_two_widths():
    assert {form.file: form.dtype for form in FORMS.values()} == {
        "frames.f16": np.dtype("<f2"),
        "frames.i1": np.dtype("i1"),
        "frames.pq": np.dtype("u1"),
    }

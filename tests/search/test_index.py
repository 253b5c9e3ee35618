"""`fangyan.search.index`: the files on disk, and what is left when a write is cut short."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fangyan.errors import DataError, UserError
from fangyan.search.index import ENTRIES, MEANS, ROWS, Index, create, mean, sole_writer

FRAMES = "frames.f16"


@pytest.fixture
def two(tmp_path, settings, entry, turned):
    """An index of two recordings."""
    index = create(tmp_path, settings)
    index.append([(entry("a", "cmn"), turned(0, 90), -1), (entry("b", "yue"), turned(90), -1)])
    return index


@pytest.fixture(params=["f16", "int8", "pq", "pool:2"])
def form(request, tmp_path, settings):
    """What makes an index of each form; the codebook of pq has a centroid for each direction of a circle."""
    angles = np.linspace(0, 2 * np.pi, 256, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles], 1)[None]
    book = circle if request.param == "pq" else None
    return lambda: create(tmp_path, replace(settings, frames=request.param), book)


def test_what_was_appended_is_read_again(two, tmp_path, entry, turned):
    two.append([(entry("c", "方言"), turned(45, 45, 45), -1)])
    for index in (two, Index(tmp_path)):
        assert [index.entry(n).id for n in range(len(index))] == ["a", "b", "c"]
        assert [e.variety for e in index.entries()] == ["cmn", "yue", "方言"]
        assert [len(index.frames(n)) for n in range(3)] == [2, 1, 3]
        np.testing.assert_allclose(index.frames(2), turned(45, 45, 45), atol=5e-4)
        np.testing.assert_allclose(index.means, turned(45, 90, 45), atol=1e-6)


def test_the_bytes_are_those_that_are_stated(two, tmp_path):
    # 3 frames of d = 2 in half precision, 2 means in single, 2 rows of 3 numbers
    assert two.sizes() | {ENTRIES: 0} == {FRAMES: 12, MEANS: 16, ROWS: 48, ENTRIES: 0}
    assert all((tmp_path / name).stat().st_size == size for name, size in two.sizes().items())


def test_every_form_is_added_to_and_read_again(form, tmp_path, entry, turned):
    index, due = form(), turned(0, 2, 90, 92)
    index.append([(entry("a"), due, -1), (entry("b"), turned(45), -1)])
    Index(tmp_path).append([(entry("c"), due[::-1], -1)])
    index = Index(tmp_path)
    frames, lengths = index.units([2, 1])
    assert lengths.tolist() == [2 if index.settings.frames == "pool:2" else 4, 1]
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, atol=1e-6)
    for row, spoken in enumerate([due, turned(45), due[::-1]]):
        found = index.frames(row)
        assert found.dtype == np.float32 and (found @ spoken.T).max(0).min() > np.cos(np.deg2rad(2))
    np.testing.assert_allclose(index.means, turned(46, 45, 46), atol=1e-6)  # of the frames as they were given


def test_in_every_form_a_write_cut_short_leaves_no_trace(form, tmp_path, entry, turned):
    index = form()
    index.append([(entry("a"), turned(0, 90), -1)])
    name = index.codec.file
    before = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(before + b"torn")
    again = Index(tmp_path)
    again.append([(entry("b"), turned(45), -1)])
    assert (tmp_path / name).read_bytes()[: len(before)] == before
    assert (tmp_path / name).stat().st_size == again.sizes()[name]
    np.testing.assert_allclose(Index(tmp_path).frames(1), turned(45), atol=0.02)


def test_an_index_of_format_1_is_one_of_half_precision_and_stays_what_it_is(two, tmp_path, entry, turned):
    text = json.dumps({"spec": "nobody", "identity": {}, "layer": "layer", "dimension": 2, "format": 1})
    (tmp_path / "index.json").write_text(text)
    index = Index(tmp_path)
    assert (index.settings.frames, len(index), index.codec.file) == ("f16", 2, FRAMES)
    index.append([(entry("c"), turned(45), -1)])
    np.testing.assert_allclose(Index(tmp_path).frames(2), turned(45), atol=5e-4)
    assert (tmp_path / "index.json").read_text() == text


def test_an_index_of_half_precision_has_the_bytes_it_always_had(two, tmp_path, turned):
    frames = np.concatenate([turned(0, 90), turned(90)])
    assert (tmp_path / FRAMES).read_bytes() == frames.astype("<f2").tobytes()


@pytest.mark.parametrize("frames", ["f8", 5, None, "pool:1"])
def test_settings_with_frames_of_no_form(two, tmp_path, frames):
    values = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(values | {"frames": frames}))
    with pytest.raises(
        DataError, match=f"index.json: not the settings of an index: frames {frames}: the index"
    ):
        Index(tmp_path)


def test_a_replaced_recording_is_live_no_more(two, tmp_path, entry, turned):
    two.append([(entry("a", size=2), turned(10), 0)])
    assert Index(tmp_path).live.tolist() == [1, 2] and len(Index(tmp_path)) == 3


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-1, 1, width=32)))
def test_a_mean_has_length_1_or_0(frames):
    found = mean(frames)
    sums = frames.astype(float).sum(0)
    assert np.allclose(np.linalg.norm(found), 1) or not sums.any()
    assert found @ sums == pytest.approx(np.linalg.norm(sums))


@pytest.mark.parametrize("torn", [FRAMES, MEANS, ENTRIES, ROWS])
def test_a_write_that_was_cut_short_leaves_no_trace(two, tmp_path, entry, turned, monkeypatch, torn):
    before = {name: (tmp_path / name).read_bytes() for name in two.sizes()}
    write = Index._write

    def killed(self, name, data):
        if name == torn:
            write(self, name, data[: len(data) // 2])
            raise KeyboardInterrupt
        write(self, name, data)

    monkeypatch.setattr(Index, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        two.append([(entry("c"), turned(1, 2, 3), -1)])
    monkeypatch.setattr(Index, "_write", write)
    again = Index(tmp_path)
    assert [e.id for e in again.entries()] == ["a", "b"]
    assert again.means.shape == (2, 2) and len(again.frames(1)) == 1
    again.append([(entry("d"), turned(7), -1)])
    assert [e.id for e in Index(tmp_path).entries()] == ["a", "b", "d"]
    for name, content in before.items():
        assert (tmp_path / name).read_bytes().startswith(content)
        assert (tmp_path / name).stat().st_size == again.sizes()[name]


def test_a_reader_keeps_what_it_opened_while_another_adds(two, tmp_path, entry, turned):
    reader = Index(tmp_path)
    two.append([(entry("c"), turned(1), -1)])
    assert len(reader) == 2 and reader.means.shape == (2, 2)


@pytest.mark.parametrize("name", [FRAMES, MEANS, ENTRIES])
def test_a_file_that_lacks_bytes_is_damage(two, tmp_path, name):
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{name}: \d+ bytes at least, as rows says, got \d+: .* damaged"):
        Index(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match="got 0: the index is damaged: remove its folder and make it again"):
        Index(tmp_path)


def test_malformed_files_are_named(two, tmp_path, settings):
    rows = (tmp_path / ROWS).read_bytes()
    (tmp_path / ROWS).write_bytes(rows[24:] + rows[:24])
    with pytest.raises(DataError, match="rows: every row ends after the one before, the index is damaged"):
        Index(tmp_path)
    (tmp_path / ROWS).write_bytes(rows)
    lines = (tmp_path / ENTRIES).read_bytes()
    (tmp_path / ENTRIES).write_bytes(b"?" + lines[1:])
    with pytest.raises(DataError, match=r"entries.jsonl:1: an entry is one JSON object"):
        Index(tmp_path).entry(0)
    with pytest.raises(DataError, match="an entry is one JSON object"):
        list(Index(tmp_path).entries())


@pytest.mark.parametrize("text", ["", "[]", '{"spec": "fbank"}'])
def test_settings_that_are_none(two, tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(DataError, match="index.json: not the settings of an index"):
        Index(tmp_path)


def test_no_index_and_one_of_another_format(two, tmp_path):
    with pytest.raises(DataError, match="no index there: make one with `fangyan index`"):
        Index(tmp_path / "elsewhere")
    values = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(values | {"format": 99}))
    with pytest.raises(DataError, match="an index of format 1 to 2, got 99: make it again"):
        Index(tmp_path)


def test_one_writer_at_a_time(tmp_path):
    refused = pytest.raises(UserError, match="another process adds to this index; let it finish first")
    with sole_writer(tmp_path / "x"), refused, sole_writer(tmp_path / "x"):
        pass
    with sole_writer(tmp_path / "x"):
        pass

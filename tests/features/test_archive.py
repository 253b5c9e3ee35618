import resource
import shutil
from io import BytesIO
from pathlib import Path

import kaldiio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import UserError
from fangyan.features.archive import Archive, entry

INPUTS = {"encoder": {"family": "fbank"}, "data": "ab"}
BATCHES = [["我1", "b"], ["c"], ["d", "a", "e"]]


def matrix(key: str, layer: int) -> np.ndarray:
    """(T, 2) float32; T and content follow from the id."""
    return np.full((ord(key[0]) % 5 + 1, 2), 100 * layer + ord(key[0]), np.float32)


def fill(archive: Archive) -> None:
    """Appends the batches that the archive lacks."""
    for batch in BATCHES[len(archive) :]:
        archive.append(batch, [(f"l{n}", [entry(key, matrix(key, n)) for key in batch]) for n in (0, 1)])


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_bytes_are_kaldis(tmp_path):
    expected = b"a \0BFM \4" + b"\2\0\0\0\4\1\0\0\0" + np.float32([1.5, -2]).tobytes()
    assert b"".join(entry("a", np.array([[1.5], [-2]]))) == expected
    kaldiio.save_ark(vector := BytesIO(), {"v": np.float32([1.5, -2, 3])})
    assert b"".join(entry("v", np.array([1.5, -2, 3]))) == vector.getvalue()
    turned, stream = np.arange(6.0).reshape(3, 2).T, BytesIO()
    kaldiio.save_ark(stream, {"我": turned.astype(np.float32)})
    assert b"".join(entry("我", turned)) == stream.getvalue()


def test_a_finished_archive_is_in_the_order_of_its_batches_and_its_index_by_id(tmp_path):
    archive = Archive(tmp_path / "part", INPUTS)
    fill(archive)
    archive.finish(tmp_path / "home", INPUTS)
    assert sorted(content(tmp_path)) == [
        "home/.done",
        "home/.journal",
        *(f"home/l{n}/feats.{kind}" for n in (0, 1) for kind in ("ark", "scp")),
    ]
    for n in (0, 1):
        in_order = dict(kaldiio.load_ark(str(tmp_path / f"home/l{n}/feats.ark")))
        by_id = kaldiio.load_scp(str(tmp_path / f"home/l{n}/feats.scp"))
        assert list(in_order) == [key for batch in BATCHES for key in batch]
        assert list(by_id) == ["a", "b", "c", "d", "e", "我1"]
        for key in by_id:
            assert np.array_equal(by_id[key], matrix(key, n)) and np.array_equal(in_order[key], by_id[key])


def test_batches_come_back_as_they_were_appended(tmp_path):
    fill(Archive(tmp_path / "a", INPUTS))
    copy = Archive(tmp_path / "b", INPUTS)
    for batch in Archive(tmp_path / "a", INPUTS).batches():
        copy.append(*batch)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert [*copy.ids()] == [key for batch in BATCHES for key in batch]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "archive"
    fill(Archive(folder, INPUTS))
    return folder


@settings(deadline=None)
@given(st.data())
def test_whatever_a_crash_leaves_behind_the_rest_is_written_again(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("crash") / "archive"
    for name, right in content(whole).items():
        end = data.draw(st.integers(0, len(right)), name)
        tail = data.draw(st.sampled_from([right[end:], b"", b"\0" * 40, b"x\n", b"{}\n"]), "tail")
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(right[:end] + tail)
    archive = Archive(folder, INPUTS)
    fill(archive)
    archive.finish(folder.parent / "home", INPUTS)
    arks = {name: right for name, right in content(whole).items() if name.endswith("ark")}
    assert {name: (folder.parent / "home" / name).read_bytes() for name in arks} == arks
    assert sorted(kaldiio.load_scp(str(folder.parent / "home/l0/feats.scp"))) == [
        "a",
        "b",
        "c",
        "d",
        "e",
        "我1",
    ]


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_line_that_lacks_only_its_end_does_not_count(whole, tmp_path, lines):
    shutil.copytree(whole, tmp_path / "a")
    kept = (whole / ".journal").read_bytes().splitlines(keepends=True)[: lines + 1]
    (tmp_path / "a/.journal").write_bytes(b"".join(kept)[:-1])
    assert len(Archive(tmp_path / "a", INPUTS)) == lines - 1
    fill(Archive(tmp_path / "a", INPUTS))
    assert content(tmp_path / "a") == content(whole)


def test_a_flipped_bit_ends_what_is_whole(whole, tmp_path):
    fill(Archive(tmp_path / "a", INPUTS))
    ark = tmp_path / "a/l1/feats.ark"
    content_before = bytearray(ark.read_bytes())
    position = content_before.index(b"c \0B") + 20
    content_before[position] ^= 1
    ark.write_bytes(content_before)
    assert len(Archive(tmp_path / "a", INPUTS)) == 1
    fill(Archive(tmp_path / "a", INPUTS))
    assert content(tmp_path / "a") == content(whole)


def test_other_inputs_begin_anew_and_looking_changes_nothing(whole, tmp_path):
    fill(Archive(tmp_path / "a", {"encoder": "another"}))
    (tmp_path / "a/l1/feats.ark").open("ab").write(b"being written")
    before = content(tmp_path / "a")
    archive = Archive(tmp_path / "a", INPUTS)
    assert len(archive) == 0 and len(Archive(tmp_path / "a", {"encoder": "another"})) == 3
    assert content(tmp_path / "a") == before
    fill(archive)
    assert content(tmp_path / "a") == content(whole)


def test_a_second_process_that_appends_is_noticed(tmp_path):
    def batch(key):
        return [key], [("l0", [entry(key, matrix(key, 0))])]

    one = Archive(tmp_path / "a", INPUTS)
    one.append(*batch("a"))
    Archive(tmp_path / "a", INPUTS).append(*batch("b"))
    with pytest.raises(UserError, match=r"a: another process writes there too"):
        one.append(*batch("b"))
    assert [*Archive(tmp_path / "a", INPUTS).ids()] == ["a", "b"]


def test_a_full_disk_is_told_and_then_gone_on_with(whole, tmp_path):
    archive = Archive(tmp_path / "a", INPUTS)
    archive.append(BATCHES[0], [(f"l{n}", [entry(k, matrix(k, n)) for k in BATCHES[0]]) for n in (0, 1)])
    room, limit = (tmp_path / "a/l0/feats.ark").stat().st_size + 5, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*a'$"):
            fill(archive)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    again = Archive(tmp_path / "a", INPUTS)
    assert len(again) == 1
    fill(again)
    assert content(tmp_path / "a") == content(whole)

"""`fangyan.search.varieties`: the varieties of all recordings, from the file and from what it lacks."""

import numpy as np
import pytest

from fangyan.search import varieties
from fangyan.search.index import Index, create


@pytest.fixture
def three(tmp_path, settings, entry, turned):
    """An index of three recordings."""
    index = create(tmp_path, settings)
    index.append([(entry(f"{n}", name), turned(n), -1) for n, name in enumerate(["yue", "", "yue"])])
    return index


def of_rows(index):
    names, codes = varieties.read(index)
    return [str(names[code]) for code in codes]


def test_with_a_file_or_without_they_are_the_same(three):
    assert of_rows(three) == ["yue", "", "yue"]
    varieties.extend(three)
    assert of_rows(three) == ["yue", "", "yue"]


def test_what_the_file_has_is_not_read_again(three, tmp_path, entry, turned, monkeypatch):
    varieties.extend(three)
    three.append([(entry("d", "cmn"), turned(1), -1), (entry("e", "yue"), turned(2), -1)])
    read, asked = Index.entries, []
    monkeypatch.setattr(Index, "entries", lambda self, first: asked.append(first) or read(self, first))
    assert of_rows(Index(tmp_path)) == ["yue", "", "yue", "cmn", "yue"] and asked == [3]
    varieties.extend(Index(tmp_path))
    assert of_rows(Index(tmp_path)) == ["yue", "", "yue", "cmn", "yue"] and asked == [3, 3, 5]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no archive"),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: np.savez(path, names=np.array(["x"])),
        lambda path: np.savez(path, names=np.array(["x"]), codes=np.array([0, 1], np.int32)),
        lambda path: np.savez(path, names=np.array(["x"]), codes=np.array([-1], np.int32)),
        lambda path: np.savez(path, names=np.array([0]), codes=np.array([0], np.int32)),
        lambda path: np.savez(path, names=np.array(["x"]), codes=np.zeros(4, np.int32)),
        lambda path: np.savez(path, names=np.array(["x"], object), codes=np.zeros(3, np.int32)),
    ],
)
def test_a_file_that_is_none_of_this_index_is_passed_over_and_made_anew(three, tmp_path, damage):
    varieties.extend(three)
    damage(tmp_path / varieties.FILE)
    assert of_rows(three) == ["yue", "", "yue"]
    varieties.extend(three)
    assert np.load(tmp_path / varieties.FILE)["codes"].tolist() == [0, 1, 0]

"""`fangyan.search.joining`: several indexes as one, without encoding anything again."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from fangyan.errors import UserError
from fangyan.search import joining, nearest
from fangyan.search.index import Index, create
from fangyan.search.joining import join
from fangyan.search.records import Entry


@pytest.fixture
def parts(tmp_path, settings, entry, turned):
    """An index of a and b, where b was replaced, and one of b, as it was, and c."""
    first, second = (create(folder(tmp_path, name), settings) for name in ("first", "second"))
    first.append([(entry("a", "cmn"), turned(0, 90), -1), (entry("b", "yue"), turned(90), -1)])
    first.append([(replace(entry("b", "yue"), mtime_ns=7), turned(45, 45), 1)])
    second.append([(entry("b", "yue"), turned(90), -1), (entry("c", "hak"), turned(10, 20, 30), -1)])
    return [first.folder, second.folder]


def folder(home, name):
    (home / name).mkdir()
    return home / name


def test_each_recording_is_there_once_as_its_newest_file_was(parts, tmp_path, turned):
    whole = tmp_path / "whole"
    added = join(whole, parts)
    assert (added.new, added.known) == (3, 1)
    index = Index(whole)
    assert [entry.id for entry in index.entries()] == ["a", "b", "c"]
    np.testing.assert_allclose(index.frames(1), turned(45, 45), atol=5e-4)
    np.testing.assert_allclose(index.means, turned(45, 45, 20), atol=1e-6)
    ((hit, *_),) = nearest(index, [turned(20)])
    assert hit.entry.id == "c"


def test_the_other_way_round_the_older_file_is_replaced(parts, tmp_path, turned):
    added = join(tmp_path / "whole", parts[::-1])
    index = Index(tmp_path / "whole")
    assert (added.new, added.known) == (4, 0)
    assert [index.entry(int(row)).id for row in index.live] == ["c", "a", "b"]
    np.testing.assert_allclose(index.frames(3), turned(45, 45), atol=5e-4)


def test_again_nothing_is_added(parts, tmp_path):
    whole = tmp_path / "whole"
    join(whole, parts[:1])
    assert (join(whole, parts).new, join(whole, parts).new) == (1, 0)
    assert len(Index(whole)) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("layer", "norm", "second: of another layer than .*first"),
        ("identity", {"files": "1"}, "second: of another encoder than"),
        ("frames", "int8", "second: of another frames than"),
    ],
)
def test_what_is_not_alike_is_not_joined(tmp_path, settings, entry, turned, field, value, message):
    made = [folder(tmp_path, name) for name in ("first", "second")]
    for place, of in zip(made, (settings, replace(settings, **{field: value})), strict=True):
        create(place, of).append([(entry(place.name), turned(0), -1)])
    with pytest.raises(UserError, match=message):
        join(tmp_path / "whole", made)
    assert not (tmp_path / "whole/index.json").exists()


def test_quadruples_that_were_learnt_apart_are_told(tmp_path, settings, entry, turned):
    chance = np.random.default_rng(0)
    made = [folder(tmp_path, name) for name in ("first", "second")]
    for place in made:
        create(place, replace(settings, frames="pq"), chance.standard_normal((1, 256, 4)))
    with pytest.raises(UserError, match="second: its quadruples are others than those that .*first"):
        join(tmp_path / "whole", made)


def test_an_index_is_not_joined_to_itself(parts):
    with pytest.raises(UserError, match="first: an index cannot be joined to itself"):
        join(parts[0], parts)


def test_entries_are_in_memory_a_batch_at_a_time(tmp_path, settings, entry, turned, monkeypatch):
    """Those of ten million recordings would be gigabytes."""
    import gc
    import weakref

    class Watched(Entry):
        pass

    made = weakref.WeakSet()

    def parse(self, row, line):
        one = Watched(**json.loads(line))
        made.add(one)
        return one

    part = create(folder(tmp_path, "part"), settings)
    for n in range(40):
        part.append([(entry(f"{n}"), turned(n), -1)])
    monkeypatch.setattr(Index, "_parse", parse)
    monkeypatch.setattr(joining, "AT_ONCE", 4)
    kept = []
    monkeypatch.setattr(
        Index,
        "append_stored",
        lambda *a, f=Index.append_stored: (f(*a), gc.collect(), kept.append(len(made))),
    )
    assert join(tmp_path / "whole", [part.folder]).new == 40
    assert len(kept) == 10 and max(kept) <= 9


@pytest.mark.parametrize("write", range(8))
def test_killed_at_any_write_and_run_again_it_has_the_same_bytes(parts, tmp_path, monkeypatch, write):
    due, out = tmp_path / "due", tmp_path / "whole"
    join(due, parts)
    whole, count = Index._write, itertools.count()

    def torn(self, name, data):
        if next(count) == write:
            whole(self, name, data[: len(data) // 2])
            raise KeyboardInterrupt
        whole(self, name, data)

    monkeypatch.setattr(Index, "_write", torn)
    with pytest.raises(KeyboardInterrupt):
        join(out, parts)
    monkeypatch.undo()
    join(out, parts)
    for file in ("index.json", "frames.f16", "means.f32", "entries.jsonl", "rows", "varieties.npz"):
        assert (out / file).read_bytes() == (due / file).read_bytes(), file

"""`fangyan.search.memory`: an index in memory answers as the one on disk, in single precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.measure.seqsim import seqsim
from fangyan.search import nearest
from fangyan.search.index import create
from fangyan.search.memory import MemoryIndex


def spoken(*keys: str) -> list[Utterance]:
    return [Utterance(key, f"/{key}.wav", "", "", "yue", key) for key in keys]


def test_it_answers_as_the_index_on_disk(tmp_path, settings, entry, turned):
    said = {"a": turned(0, 90), "b": turned(45), "c": turned(50, 40), "d": turned(-90)}
    disk, memory = create(tmp_path, settings), MemoryIndex(spoken(*said), {k: 3 * x for k, x in said.items()})
    disk.append([(entry(key), frames, -1) for key, frames in said.items()])
    assert (len(memory), memory.dimension, memory.live.tolist()) == (4, 2, [0, 1, 2, 3])
    np.testing.assert_allclose(memory.means, disk.means, atol=1e-3)
    for found, wanted in zip(memory.units([2, 0]), disk.units([2, 0]), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-3)
    (ours,), (theirs,) = (nearest(index, [turned(10, 80)], top=3, cut=3) for index in (memory, disk))
    assert [hit.entry.id for hit in ours] == [hit.entry.id for hit in theirs]
    assert [hit.f1 for hit in ours] == pytest.approx([hit.f1 for hit in theirs], abs=1e-3)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_uncut_it_is_seqsim_with_each(seed, lengths):
    chance = np.random.default_rng(seed)
    query, *frames = (chance.standard_normal((t, 3)).astype(np.float32) for t in (4, *lengths))
    features = {f"{n}": x for n, x in enumerate(frames)}
    (hits,) = nearest(MemoryIndex(spoken(*features), features), [query], top=len(frames), cut=len(frames))
    wanted = {key: seqsim(query, x) for key, x in features.items()}
    assert [hit.f1 for hit in hits] == sorted((hit.f1 for hit in hits), reverse=True)
    for hit in hits:
        assert (hit.precision, hit.recall, hit.f1) == pytest.approx(wanted[hit.entry.id], abs=1e-6)


def test_among_no_rows_nothing_is_found(turned):
    index = MemoryIndex(spoken("a"), {"a": turned(0)})
    assert nearest(index, [turned(0), turned(9)], rows=np.array([], np.int64)) == [[], []]


def test_malformed_frames_are_named(turned):
    with pytest.raises(DataError, match="utterance b: d must be 2 as in the first, got 3"):
        MemoryIndex(spoken("a", "b"), {"a": turned(0), "b": np.ones((1, 3))})

"""`fangyan.search.places`: what a dict of places would know, in sorted runs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fangyan.search.index import NOTHING
from fangyan.search.places import PLACED, Places, placed
from fangyan.search.records import Entry


def at(wav: str, start: float = 0.0, mtime_ns: int = 0) -> Entry:
    return Entry("id", wav, start, None, "", "", "", 1, mtime_ns)


def test_the_newest_row_of_a_place_and_nothing_of_another():
    known = Places()
    known.put(placed([at("/a.wav"), at("/b.wav"), at("/a.wav", 1.5), at("/a.wav", mtime_ns=7)], 10))
    keys = placed([at("/a.wav"), at("/a.wav", 1.5), at("/c.wav"), at("/\udce9 \n.wav")])["key"]
    found = known.find(keys)
    assert found["row"].tolist() == [13, 12, NOTHING, NOTHING]
    assert found["mtime_ns"].tolist() == [7, 0, 0, 0]


def test_a_place_takes_32_bytes():
    assert PLACED.itemsize == 32


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=9), max_size=20))
def test_as_a_dict(batches):
    known, due, row = Places(), {}, 0
    for batch in batches:
        known.put(placed([at(f"/{n}.wav") for n in batch], row))
        due |= {n: row + k for k, n in enumerate(batch)}
        row += len(batch)
    keys = placed([at(f"/{n}.wav") for n in range(31)])["key"]
    assert known.find(keys)["row"].tolist() == [due.get(n, NOTHING) for n in range(31)]
    assert len(known._runs) <= 1 + np.log2(max(row, 1))

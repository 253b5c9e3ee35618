"""Where the recordings of an index lie, and as of when: 32 bytes each, so that those of millions are in memory.

A place is known by 128 bits that stand for it. What is put in is sorted; such runs are merged as they grow, each at
least twice as long as the next, so that there are few to look into.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np

from fangyan.search.index import NOTHING
from fangyan.search.records import Entry

PLACED = np.dtype([("key", "S16"), ("row", "<i8"), ("mtime_ns", "<i8")])
"""Of a place its key, the newest row there, and the time of its file."""


def placed(entries: Iterable[Entry], first: int = 0) -> np.ndarray:
    """(n,) `PLACED` of entries, the first of which is at the row ``first``."""
    return np.array([(_key(e), row, e.mtime_ns) for row, e in enumerate(entries, first)], PLACED)


class Places:
    """The newest recording at each place."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def put(self, newer: np.ndarray) -> None:
        """Takes (n,) `PLACED` in; of one place the last counts."""
        self._runs.append(_last_of_each(newer))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(_last_of_each(np.concatenate([older, newer])))

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) `PLACED` of what is at (n,) ``keys``; the row is `NOTHING` where nothing is."""
        found = np.zeros(len(keys), PLACED)
        found["key"], found["row"] = keys, NOTHING
        for run in filter(len, self._runs):  # older first: the newest stays
            at = np.minimum(np.searchsorted(run["key"], keys), len(run) - 1)
            here = run["key"][at] == keys
            found[here] = run[at[here]]
        return found


def _last_of_each(runs: np.ndarray) -> np.ndarray:
    """Sorted by key; of equal ones the last."""
    ordered = runs[np.argsort(runs["key"], kind="stable")]
    last = np.ones(len(ordered), bool)
    last[:-1] = ordered["key"][1:] != ordered["key"][:-1]
    return ordered[last]


def _key(entry: Entry) -> bytes:
    """The 128 bits; what Python writes of a place has no two meanings."""
    return blake2b(ascii(entry.place).encode(), digest_size=PLACED["key"].itemsize).digest()

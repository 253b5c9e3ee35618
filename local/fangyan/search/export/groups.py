"""What is exported of an index: its fields, and the recordings that none replaces, a group in memory at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import batched
from math import ceil

import numpy as np

from fangyan.files import fingerprint
from fangyan.progress import track_iterable
from fangyan.search import AT_ONCE, Entry, Index
from fangyan.search.index import ENTRIES, ROWS, SETTINGS

FIELDS: dict[str, type] = {
    "id": str,
    "wav": str,
    "start": float,
    "end": float,
    "variety": str,
    "text": str,
    "text_cmn": str,
}
"""What is said of each recording, fields of `Entry`; ``end`` may be None."""


@dataclass(frozen=True)
class Group:
    """Some recordings, in the order of the index.

    ``first``: how many stand before it; ``frames``: (sum of T, d) float32, L2-normalised, end to end; ``lengths``: T of
    each, (n,); ``means``: (n, d).
    """

    first: int
    entries: tuple[Entry, ...]
    frames: np.ndarray
    lengths: np.ndarray
    means: np.ndarray

    def fields(self) -> list[dict[str, str | float | None]]:
        """The `FIELDS` of each recording."""
        return [{name: getattr(entry, name) for name in FIELDS} for entry in self.entries]

    def split(self) -> list[np.ndarray]:
        """The (T, d) frames of each recording."""
        return np.split(self.frames, np.cumsum(self.lengths)[:-1])


def groups(index: Index) -> Iterator[Group]:
    """The recordings of an index, `AT_ONCE` of them at a time."""
    number = ceil(len(index.live) / AT_ONCE)
    parts = enumerate(batched(index.live_entries(), AT_ONCE))
    for n, group in track_iterable(parts, number, "export", "groups"):
        rows, entries = zip(*group, strict=True)
        frames, lengths = index.units(rows)
        if not (frames.isfinite().all() and frames.any(1).all()):
            index.check_frames(rows)
        yield Group(n * AT_ONCE, entries, frames.numpy(), lengths.numpy(), index.means_at(rows))


def inputs(index: Index) -> dict[str, str]:
    """What a folder is made from that an index is exported to, as `fangyan.files.produce` takes it."""
    return {"exported": fingerprint(*(index.folder / name for name in (SETTINGS, ROWS, ENTRIES)))}

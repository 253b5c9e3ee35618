"""Indexes copied together: what each machine has made of a part of the recordings, as one to be searched and mined."""

from collections.abc import Sequence
from itertools import batched, compress
from pathlib import Path

import numpy as np

from fangyan.errors import UserError
from fangyan.progress import Progress
from fangyan.search.building import Added, extend_derived
from fangyan.search.index import NOTHING, SETTINGS, Index, create, sole_writer
from fangyan.search.places import Places, placed
from fangyan.search.records import Entry

AT_ONCE = 1024
"""Recordings that are copied at a time, and lost at most where the work is killed."""
ALIKE = {"identity": "encoder", "layer": "layer", "dimension": "dimension", "frames": "frames"}
"""Settings that all parts share, and what a message calls them."""


def join(folder: Path, parts: Sequence[Path]) -> Added:
    """What became of the recordings of the indexes ``parts`` in the index ``folder``, which they make if need be.

    A recording that is in several is copied from the first, or from the one whose file is newer. `UserError` where they
    are not of one encoder, layer and form of frames, and for a part that is the whole.
    """
    opened = [Index(part) for part in parts]
    for part in opened:
        if part.folder.resolve() == folder.resolve():
            raise UserError(f"{part.folder}: an index cannot be joined to itself: name it with --index alone")
    with sole_writer(folder):
        whole = Index(folder) if (folder / SETTINGS).exists() else None
        for part in opened:
            _check_alike(whole or opened[0], part)
        whole = whole or create(folder, opened[0].settings, opened[0].codec.codebook)
        known, added = _places(whole), Added()
        with Progress("join", sum(len(part.live) for part in opened), "recordings") as bar:
            for part in opened:
                for records in batched(part.live_entries(), AT_ONCE):
                    _copy(part, records, whole, known, added)
                    bar.update(len(records))
        extend_derived(whole)
    return added


def _check_alike(first: Index, part: Index) -> None:
    """`UserError` where what is kept of recordings cannot be kept in one index."""
    a, b = (vars(index.settings) for index in (first, part))
    if other := [what for name, what in ALIKE.items() if a[name] != b[name]]:
        told = " and ".join(other)
        raise UserError(f"{part.folder}: of another {told} than {first.folder}: indexes of one are joined")
    learnt = [index.codec.codebook for index in (first, part)]
    if learnt[0] is not None and not np.array_equal(*learnt):
        raise UserError(
            f"{part.folder}: its quadruples are others than those that {first.folder} has learnt: make parts that are "
            "to be joined with --frames f16, int8 or pool:N"
        )


def _places(index: Index) -> Places:
    """What is at each place."""
    known, row = Places(), 0
    for entries in batched(index.entries(), AT_ONCE):
        known.put(placed(entries, row))
        row += len(entries)
    return known


def _copy(
    part: Index, records: Sequence[tuple[int, Entry]], whole: Index, known: Places, added: Added
) -> None:
    """Appends to ``whole`` those ``records`` of ``part`` that it lacks, or of which it has an older file."""
    here = placed(entry for _, entry in records)
    there = known.find(here["key"])
    newer = (there["row"] == NOTHING) | (there["mtime_ns"] < here["mtime_ns"])
    added.known += int((~newer).sum())
    if newer.any():
        rows, entries = zip(*compress(records, newer), strict=True)
        here = here[newer]
        here["row"] = np.arange(len(whole), len(whole) + len(rows))
        stored = [part.stored(row) for row in rows]
        whole.append_stored(entries, stored, part.means_at(rows), there["row"][newer])
        known.put(here)
        added.new += len(rows)

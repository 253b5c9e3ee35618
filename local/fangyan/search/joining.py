"""Indexes copied together: what each machine has made of a part of the recordings, as one to be searched and mined."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import batched
from pathlib import Path

import numpy as np

from fangyan.errors import UserError
from fangyan.progress import Progress
from fangyan.search import cells, varieties
from fangyan.search.building import Added
from fangyan.search.index import NOTHING, SETTINGS, Index, create, sole_writer
from fangyan.search.records import Entry

AT_ONCE = 1024
"""Recordings that are copied at a time, and lost at most where the work is killed."""
type Known = dict[tuple, tuple[int, Entry]]
"""The newest row and entry of each place."""


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
        known: Known = {entry.place: (row, entry) for row, entry in enumerate(whole.entries())}
        added = Added()
        with Progress("join", sum(map(len, opened)), "recordings") as bar:
            for part in opened:
                for rows in batched(part.live.tolist(), AT_ONCE):
                    _copy(part, rows, whole, known, added)
                    bar.update(len(rows))
                bar.update(len(part) - len(part.live))
        varieties.extend(whole)
        cells.extend(whole)
    return added


def _check_alike(first: Index, part: Index) -> None:
    """`UserError` where what is kept of recordings cannot be kept in one index."""
    a, b = (replace(index.settings, spec="", format=0) for index in (first, part))
    learnt = [index.codec.codebook for index in (first, part)]
    if a != b:
        names = [
            name
            for name in ("identity", "layer", "dimension", "frames")
            if getattr(a, name) != getattr(b, name)
        ]
        what = " and ".join("encoder" if name == "identity" else name for name in names)
        raise UserError(f"{part.folder}: of another {what} than {first.folder}: indexes of one are joined")
    if learnt[0] is not None and not np.array_equal(*learnt):
        raise UserError(
            f"{part.folder}: its quadruples are others than those that {first.folder} has learnt: make parts that are "
            "to be joined with --frames f16, int8 or pool:N"
        )


def _copy(part: Index, rows: Sequence[int], whole: Index, known: Known, added: Added) -> None:
    """Appends to ``whole`` those of the ``rows`` of ``part`` that it lacks, or of which it has an older file."""
    chosen, entries, replaces = [], [], []
    for row in rows:
        entry = part.entry(row)
        there, old = known.get(entry.place, (NOTHING, None))
        if old and old.mtime_ns >= entry.mtime_ns:
            added.known += 1
            continue
        known[entry.place] = (len(whole) + len(chosen), entry)
        chosen.append(row)
        entries.append(entry)
        replaces.append(there)
    if chosen:
        whole.append_stored(entries, [part.stored(row) for row in chosen], part.means[chosen], replaces)
        added.new += len(chosen)

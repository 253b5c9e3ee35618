"""Search by voice, or by a typed sentence: which of many recordings say what a query says, in whatever variety.

A first cut takes the recordings whose means have the highest cosine with that of the query, by FAISS: exact among up
to 100,000 recordings, of more in the nearest cells alone (`fangyan.search.cells`); SeqSim of all frames ranks them. A
mean is that of L2-normalised frames. It needs no statistics of the index, so that adding to it changes nothing that is
there; centred or whitened means found no more of what SeqSim puts first. Of 2,820 recordings of the embedded corpus a
cut of 100 has the best one by SeqSim for 97 % of the queries, one of 500 for all.

A typed sentence is looked for among vectors of its own space, one a recording: in an index of the layer ``joint``.

An index of one hour takes 3600 x frames a second x d x 2 bytes: 17 MB at 25 frames a second and d = 96, 46 MB at
d = 256; less in the other forms of `fangyan.search.frame_codecs`. Of that a search reads the frames of the first cut
alone, and the means of up to 100,000 recordings, 4 d bytes each, or the cells it looks into.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING

import faiss
import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.errors import UserError, known_names
from fangyan.features.embedding import frames_of, unique_recordings
from fangyan.features.frames import checked, same_dimension, unit
from fangyan.progress import track
from fangyan.search import cells
from fangyan.search.building import Added, add
from fangyan.search.index import Index, mean
from fangyan.search.records import Entry
from fangyan.search.varieties import read as read_varieties

if TYPE_CHECKING:
    from fangyan.measure.seqsim import SeqSim
    from fangyan.search.memory import MemoryIndex

__all__ = ["Added", "Entry", "Hit", "Index", "add", "nearest", "odd_scores", "search", "search_texts"]

SHORTLIST = 500
"""Recordings that the first cut leaves: to score them takes a tenth of a second."""

AT_ONCE = 512
"""Recordings whose frames are in memory at a time."""

type Searchable = Index | MemoryIndex
"""What is searched; its recordings are known by their row."""


@dataclass(frozen=True)
class Hit:
    """A recording that answers a query: SeqSim of the query with it, and the cosine of their means."""

    entry: Entry | Utterance
    f1: float
    precision: float
    recall: float
    cosine: float


def search(
    folder: Path,
    queries: Sequence[Path],
    top: int = 10,
    cut: int = SHORTLIST,
    varieties: Sequence[str] = (),
    spec: str = "",
    distinct: bool = False,
) -> dict[str, list[Hit]]:
    """The ``top`` hits of each query, best first, by its id; a query that cannot be encoded is reported.

    ``queries``: what `features.embedding.find_recordings` takes; ``cut``: of so many recordings SeqSim is computed;
    ``varieties``: to find nothing else; ``spec``: where the encoder of the index lies now. ``distinct``: neither the
    query itself nor a recording that is in the index twice. `UserError` for a variety that it lacks.
    """
    index = Index(folder)
    rows = _rows(index, varieties)
    utterances = unique_recordings(queries)
    frames = dict(frames_of(index.settings.encoder(spec), utterances, "search"))
    encoded = [utterance for utterance in utterances if utterance.id in frames]
    tracked = partial(track, title="search", unit="queries")
    hits = nearest(index, [frames[u.id] for u in encoded], cut if distinct else top, cut, rows, tracked)
    if distinct:
        hits = [_distinct(found, _place(u))[:top] for u, found in zip(encoded, hits, strict=True)]
    return {u.id: found for u, found in zip(encoded, hits, strict=True)}


def search_texts(
    folder: Path,
    texts: Sequence[str],
    top: int = 10,
    varieties: Sequence[str] = (),
    spec: str = "",
    distinct: bool = False,
) -> dict[str, list[Hit]]:
    """The ``top`` hits of each typed sentence, best first, by the sentence, as `search` gives those of recordings.

    `UserError` where the encoder of the index has no text side, and for an index of another layer than ``joint``.
    """
    index = Index(folder)
    rows = _rows(index, varieties)
    vectors = index.text_side(spec).embed_text(texts)[:, None]
    cut = max(top, SHORTLIST) if distinct else top  # of one vector each the first cut is the ranking
    hits = nearest(index, [*vectors], cut, cut, rows)
    if distinct:
        hits = [_distinct(found)[:top] for found in hits]
    return dict(zip(texts, hits, strict=True))


def nearest(
    index: Searchable,
    queries: Sequence[np.ndarray],
    top: int = 10,
    cut: int = SHORTLIST,
    rows: np.ndarray | None = None,
    tracked: Callable[[list], Iterable] = iter,
) -> list[list[Hit]]:
    """The ``top`` of the recordings at ``rows`` (None: all) that are most like each query, (T, d) frames, best first.

    ``tracked``: what tells how many queries are answered, as they are passed on by it.
    `DataError` for frames that are not finite or of another d.
    """
    units = [unit(frames).numpy() for frames in checked(queries).values()]
    same_dimension(units[0].shape[1], index.dimension)
    rows = index.live if rows is None else rows
    if not len(rows):
        return [[] for _ in units]
    cuts, cosines = first_cut(index, np.stack([mean(frames) for frames in units]), cut, rows)
    for near in cuts:
        index.means_at(near)  # whole, or it is told
    return [
        _hits(index, *found, rerank(index, frames, found[0]), top)
        for frames, *found in tracked(list(zip(units, cuts, cosines, strict=True)))
    ]


def first_cut(
    index: Searchable, means: np.ndarray, cut: int, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The ``cut`` of sorted ``rows`` whose means are nearest each of (n, d) ``means``, and the cosines: (n, cut) both.

    All of many rows are compared where the cells that are looked into hold fewer than the cut.
    """
    queries, cut = means.astype(np.float32), min(cut, len(rows))
    if len(rows) > cells.FLAT and index.cells:
        found = cells.nearest(index.cells, index.means, queries, cut, rows)
        if all(len(near) == cut for near in found):
            cosines = [index.means[near] @ query for near, query in zip(found, queries, strict=True)]
            return np.stack(found), np.stack(cosines)
    vectors = index.means if len(rows) == len(index) else index.means[rows]
    cosines, places = faiss.knn(queries, vectors, cut, metric=faiss.METRIC_INNER_PRODUCT)
    return rows[places], cosines


def rerank(index: Searchable, frames: np.ndarray, rows: np.ndarray) -> "SeqSim[np.ndarray]":
    """SeqSim of a query's (T, d) L2-normalised frames with those of each of ``rows``, (n,) each."""
    import torch

    from fangyan.measure.seqsim import SeqSim, seqsim_with

    query = torch.from_numpy(frames)
    parts = [seqsim_with(query, *index.units(part)) for part in batched(rows.tolist(), AT_ONCE)]
    found = SeqSim(*(torch.cat(scores).numpy() for scores in zip(*parts, strict=True)))
    index.check_frames(rows[odd_scores(found)])
    return found


def odd_scores(found: "SeqSim[np.ndarray]") -> np.ndarray:
    """Where SeqSim is what damaged frames have: not finite, or exactly 0, as that of silence."""
    precision = np.asarray(found.precision)
    return ~np.isfinite(precision) | (precision == 0)


def _hits(
    index: Searchable, rows: np.ndarray, cosines: np.ndarray, scores: "SeqSim[np.ndarray]", top: int
) -> list[Hit]:
    """The ``top`` of a first cut, best first; of equal ones the first in the index."""
    return [
        Hit(
            index.entry(int(rows[n])),
            *(float(x[n]) for x in (scores.f1, scores.precision, scores.recall, cosines)),
        )
        for n in np.lexsort((rows, -scores.f1))[:top]
    ]


def _distinct(hits: Sequence[Hit], query: tuple = ()) -> list[Hit]:
    """The hits but for the recording at the place of the query, and for further ones of the same recording."""
    of_place: dict[tuple, Hit] = {}
    for hit in hits:
        of_place.setdefault(_place(hit.entry), hit)
    of_place.pop(query, None)
    return list(of_place.values())


def _place(entry: Entry | Utterance) -> tuple:
    return os.path.realpath(entry.wav), entry.start, entry.end


def _rows(index: Index, varieties: Sequence[str]) -> np.ndarray:
    """The rows to search: those of the varieties, or all that were not replaced."""
    live = index.live
    if not len(live):
        raise UserError(f"{index.folder}: an index without recordings: add some with `fangyan index`")
    if not varieties:
        return live
    names, codes = read_varieties(index)
    of_row = codes[live]
    there = {str(names[code]) for code in np.unique(of_row)}
    for variety in varieties:
        if variety not in there:
            known = sorted(there - {""})
            advice = known_names(variety, known) if known else "none, it was made without a data directory"
            raise UserError(f"--variety {variety}: not among the varieties of this index: {advice}")
    return live[np.isin(of_row, np.flatnonzero(np.isin(names, varieties)))]

"""The means of a large index in cells, of which a first cut looks into the nearest: an inverted file of FAISS.

``cells.faiss``: a byte for each number of a mean, in about sqrt(N) cells by k-means. It is derived from the
means, never the truth: `extend` makes it when an index has more than `FLAT` recordings, adds what came later, and makes
it anew when the size asks for twice as many cells. Recordings that it lacks are compared one by one, and so are all
where it cannot be read, or is of other means, as when one of the two files is from a backup: after what FAISS writes
stands a `_fingerprint`. A search maps it from disk, and computes the cosines of what it finds again from the means.
"""

import sys
from collections.abc import Iterator
from hashlib import sha256
from itertools import count, takewhile
from math import ceil, log2, sqrt
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING

import faiss
import numpy as np

from fangyan.files import atomic
from fangyan.progress import track
from fangyan.rounding import percent

if TYPE_CHECKING:
    from fangyan.search.index import Index

FILE = "cells.faiss"
FLAT = 100_000
"""Recordings that are compared one by one: all of them take some hundredths of a second."""
LAG = 10_000
"""Recordings that the cells may lack before they are written anew, which takes a second for each million."""
BLOCK = 65_536
"""Means that are in memory at a time."""
LEARNT, ROUNDS = 64, 10
"""Means for each cell that k-means sees, and its iterations."""
SPARE = 2
"""Means for each of the cut whose cosine is computed again: a byte a number leaves their order uncertain."""
ASKED, NEAREST, ENOUGH = 100, 500, 0.98
"""Recall is that of the `NEAREST` recordings of `ASKED`; so many cells are looked into that it is `ENOUGH` ..."""
MOST = 1 / 4
"""... but no larger share of all: of 200,000 means of 384 numbers an eighth has 97 %, and is 0.9 ms quicker."""
TOLD = 1000
"""Means that tell whether the cells are of these."""


def extend(index: "Index") -> None:
    """Writes the cells of a large index where they lack more than `LAG` of it; prints the recall of new ones."""
    if len(index) <= FLAT:
        return
    number = 2 ** int(log2(sqrt(len(index))) + 0.5)
    cells = read(index)
    if cells is None or cells.nlist != number:
        cells = _made(index, number)
    elif len(index) - cells.ntotal <= LAG:
        return
    else:
        cells = faiss.read_index(str(index.folder / FILE))  # in memory, to be added to
        _fill(cells, index.means)
    with atomic(index.folder / FILE) as temporary:
        faiss.write_index(cells, str(temporary))
        with temporary.open("ab") as stream:
            stream.write(_fingerprint(index.means[: cells.ntotal]))


def read(index: "Index") -> faiss.IndexIVF | None:
    """The cells of an index, mapped from disk; None where there are none, or, as is told, not those of its means."""
    path: Path = index.folder / FILE
    if not path.exists():
        return None
    try:
        cells = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
    except RuntimeError:
        return None
    fitting = isinstance(cells, faiss.IndexIVF) and cells.d == index.dimension and cells.ntotal <= len(index)
    if fitting and _last_bytes(path) == _fingerprint(index.means[: cells.ntotal]):
        return cells
    print(
        f"{path}: not made from the means of this index, or by an earlier version: all recordings are compared one "
        "by one until `fangyan index` makes it anew",
        file=sys.stderr,
    )
    return None


def _fingerprint(means: np.ndarray) -> bytes:
    """Of means at equal distances, the last among them: means are appended, so others differ to the end."""
    rows = np.linspace(0, len(means) - 1, min(len(means), TOLD)).astype(int)
    return sha256(means[rows].tobytes()).digest()


def _last_bytes(path: Path) -> bytes:
    """As many as a fingerprint has."""
    with path.open("rb") as stream:
        stream.seek(-sha256().digest_size, SEEK_END)
        return stream.read()


def nearest(
    cells: faiss.IndexIVF, means: np.ndarray, queries: np.ndarray, cut: int, rows: np.ndarray
) -> list[np.ndarray]:
    """For each of (n, d) ``queries`` up to ``cut`` of the sorted ``rows`` of (N, d) ``means``, nearest first.

    The fewer rows there are, the more cells are looked into, so that as many of the rows are seen.
    """
    among = np.zeros(cells.ntotal, bool)
    among[rows[rows < cells.ntotal]] = True
    chosen = faiss.IDSelectorBitmap(np.packbits(among, bitorder="little"))
    probes = min(cells.nlist, ceil(cells.nprobe * cells.ntotal / max(1, among.sum())))
    how = faiss.SearchParametersIVF(sel=chosen, nprobe=probes)
    _, near = cells.search(queries, SPARE * cut, params=how)
    rest = rows[rows >= cells.ntotal]
    return [
        _best(means, query, np.concatenate([found[found >= 0], rest]), cut)
        for query, found in zip(queries, near, strict=True)
    ]


def _best(means: np.ndarray, query: np.ndarray, rows: np.ndarray, cut: int) -> np.ndarray:
    return rows[np.argsort(-(means[rows] @ query), kind="stable")[:cut]]


def _made(index: "Index", number: int) -> faiss.IndexIVF:
    """New cells of all recordings, with the number of those to look into."""
    means = index.means
    kind = faiss.ScalarQuantizer.QT_8bit
    cells = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(index.dimension), index.dimension, number, kind, faiss.METRIC_INNER_PRODUCT, False
    )
    cells.cp.niter, cells.cp.max_points_per_centroid = ROUNDS, LEARNT
    sample = np.random.default_rng(0).choice(len(means), min(len(means), LEARNT * number), replace=False)
    cells.train(np.array(means[np.sort(sample)]))
    _fill(cells, means)
    recall = _choose_probes(cells, means)
    print(
        f"{index.folder / FILE}: {number:,} cells of {len(means):,} recordings, of which a search looks into "
        f"{cells.nprobe:,}: there are {percent(recall)} % of the {NEAREST} nearest of {ASKED} recordings",
        file=sys.stderr,
    )
    return cells


def _fill(cells: faiss.IndexIVF, means: np.ndarray) -> None:
    """Adds the means that the cells lack."""
    for start in track(range(cells.ntotal, len(means), BLOCK), "cells", "blocks"):
        cells.add(np.array(means[start : start + BLOCK]))


def _choose_probes(cells: faiss.IndexIVF, means: np.ndarray) -> float:
    """The recall of as few cells as have enough, or of the most; sets ``nprobe`` to their number."""
    queries = np.array(means[:: len(means) // ASKED][:ASKED])
    _, due = faiss.knn(queries, means, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)
    rows = np.arange(len(means))
    recall = 0.0
    for probes in _numbers(cells.nlist):
        cells.nprobe = probes
        found = nearest(cells, means, queries, NEAREST, rows)
        recall = float(np.mean([np.isin(a, b).mean() for a, b in zip(due, found, strict=True)]))
        if recall >= ENOUGH:
            break
    return recall


def _numbers(cells: int) -> Iterator[int]:
    """1, 2, 4 ... up to the most cells to look into."""
    return takewhile(lambda n: n <= max(1, cells * MOST), (2**n for n in count()))

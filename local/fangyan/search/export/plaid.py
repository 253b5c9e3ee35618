"""An index as PLAID (Santhanam et al. 2022), in the folder that fast-plaid opens.

Each frame is the nearest of some 16 sqrt(frames) centroids by k-means, and what is left of it, `BITS` bits a number. A
search takes the recordings with frames at the centroids nearest to those of the query, and ranks them by MaxSim: the
sum over the query's frames of their best cosine, T times SeqSim precision.

A folder
- ``centroids.npy``: (k, d) half precision, L2-normalised; ``bucket_cutoffs.npy``, ``bucket_weights.npy``: between which
  values a number of what is left falls, and what it becomes again; ``avg_residual.npy``, ``cluster_threshold.npy``: how
  much is left in the mean of each dimension, and of three quarters of the frames at most
- of each chunk i of recordings ``i.codes.npy``, the centroid of each frame; ``i.residuals.npy``, (frames, d / 2) bytes,
  the first of two numbers in the upper half, each half from its lowest bit on; ``doclens.i.json``, ``i.metadata.json``
- ``ivf.npy``, ``ivf_lengths.npy``: of each centroid the recordings with a frame there
- ``metadata.db``: a row of `FIELDS` for each recording, numbered from 0 in the order of the index
- ``metadata.json``, ``plan.json``: how much there is

It is written without that package, whose builds each need another PyTorch. In memory are `SAMPLE` bytes of frames to
learn from, a group of recordings, the codes of a chunk, and 8 bytes for each frame's place in the inverted file.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import batched
from math import log2, sqrt
from pathlib import Path
from typing import Self

import faiss
import numpy as np

from fangyan.errors import UserError
from fangyan.files import produce
from fangyan.search.export.groups import FIELDS, Group, groups, inputs
from fangyan.search.index import Index

BITS = 4
"""Bits that a number of what is left takes; two of them are a byte."""
SEED, ROUNDS = 0, 4
"""Of k-means, and its iterations: more of them hardly move the centroids of PLAID."""
SAMPLE = 1 << 28
"""Bytes of frames that k-means sees: those of recordings drawn by chance."""
PART = 1 << 13
"""Frames that are encoded at a time, and of which it is learnt what centroids leave."""
CHUNK = 32
"""Groups of recordings in a chunk."""
WIDTH = 8
"""Numbers of which d is a multiple: fast-plaid packs so many at a time."""
FLIPPED = np.array([int(f"{n:04b}"[::-1], 2) for n in range(1 << BITS)], np.uint8)
"""Each half of a byte with its bits the other way round."""
SQL = {str: "TEXT", float: "REAL"}


def write(index: Index, out: Path) -> None:
    """Writes the folder ``out``, whole or not at all, unless it is there.

    `UserError` for an index without recordings, and of a d that PLAID cannot pack.
    """
    if index.dimension % WIDTH:
        raise UserError(
            f"{index.folder}: PLAID packs {WIDTH} numbers at a time, and frames of this index have {index.dimension}: "
            "take --to qdrant or parquet"
        )
    if not len(index.live):
        raise UserError(f"{index.folder}: an index without recordings: add some with `fangyan index`")
    produce(out, {"plaid": BITS} | inputs(index), lambda folder: _build(index, folder))


@dataclass(frozen=True)
class Codec:
    """How a frame becomes a centroid and a byte for two numbers; see the files of these names."""

    centroids: np.ndarray
    bucket_cutoffs: np.ndarray
    bucket_weights: np.ndarray
    avg_residual: np.ndarray
    cluster_threshold: np.ndarray

    @classmethod
    def learn(cls, frames: np.ndarray, number: int) -> Self:
        """Of (n, d) L2-normalised float32 ``frames`` ``number`` centroids, or n where that is less."""
        number = min(number, len(frames))
        unlimited = {"min_points_per_centroid": 1, "max_points_per_centroid": len(frames)}
        means = faiss.Kmeans(frames.shape[1], number, niter=ROUNDS, seed=SEED, spherical=True, **unlimited)
        means.train(frames)
        centroids = means.centroids.astype(np.float16).astype(np.float32)
        some = frames[np.random.default_rng(SEED).permutation(len(frames))[:PART]]
        left = some - centroids[nearest(centroids, some)]
        levels = 1 << BITS
        inner = np.quantile(left, np.arange(1, levels) / levels).astype(np.float32)
        middle = np.quantile(left, (np.arange(levels) + 0.5) / levels).astype(np.float32)
        far = np.quantile(np.linalg.norm(left, axis=1), [0.75]).astype(np.float32)
        return cls(centroids, inner, middle, np.abs(left).mean(0), far)

    def encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The centroid of each of (n, d) frames, int64, and (n, d / 2) bytes of what is left of it."""
        parts = [self._encode(frames[n : n + PART]) for n in range(0, len(frames), PART)]
        codes, packed = zip(*parts, strict=True)
        return np.concatenate(codes), np.concatenate(packed)

    def _encode(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        codes = nearest(self.centroids, frames)
        halves = FLIPPED[np.searchsorted(self.bucket_cutoffs, frames - self.centroids[codes])]
        return codes, halves[:, ::2] << BITS | halves[:, 1::2]

    def save(self, folder: Path) -> None:
        """A file for each field."""
        for name, value in vars(self).items():
            np.save(folder / f"{name}.npy", value.astype(np.float16) if name == "centroids" else value)


@dataclass(frozen=True)
class Encoded:
    """A group: the centroid of each frame and the bytes of what is left of it, T of each recording."""

    codes: np.ndarray
    residuals: np.ndarray
    lengths: list[int]


def nearest(centroids: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The centroid of the highest inner product with each of (n, d) frames, (n,) int64."""
    return faiss.knn(frames, centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)[1][:, 0]


def _build(index: Index, folder: Path) -> None:
    total = _count(index)
    codec = Codec.learn(_sample(index), 1 << int(log2(16 * sqrt(total))))
    codec.save(folder)
    places: list[np.ndarray] = []
    with closing(_table(folder)) as table:
        encoded = (_encoded(codec, group, table, places, len(index.live)) for group in groups(index))
        chunks = [*_write_chunks(encoded, folder)]
        table.commit()
    _write_inverted_file(np.concatenate(places), len(codec.centroids), len(index.live), folder)
    much = {"num_chunks": len(chunks), "nbits": BITS}
    _write_json(folder / "plan.json", much)
    much |= {"num_documents": len(index.live), "num_embeddings": total}
    more = {"num_partitions": len(codec.centroids), "avg_doclen": total / len(index.live)}
    _write_json(folder / "metadata.json", much | more | {"compress_only": False})


def _count(index: Index) -> int:
    """The frames of the recordings that none replaces."""
    return int(np.diff(index.rows["frames"], prepend=0)[index.live].sum())


def _sample(index: Index) -> np.ndarray:
    """L2-normalised frames of recordings drawn by chance, `SAMPLE` bytes at most: all there are, or one at least."""
    due = max(1, SAMPLE // (4 * index.dimension))
    found, size = [], 0
    for row in np.random.default_rng(SEED).permutation(index.live):
        found.append(index.frames(row)[: due - size])
        size += len(found[-1])
        if size == due:
            break
    return np.concatenate(found)


def _encoded(
    codec: Codec, group: Group, table: sqlite3.Connection, places: list[np.ndarray], total: int
) -> Encoded:
    """A group as it is kept; its fields are added to the ``table``, the places of its frames to ``places``.

    A place is centroid x total + number of the recording.
    """
    row = f"INSERT INTO METADATA VALUES (?{', ?' * len(FIELDS)})"
    table.executemany(row, ([n, *said.values()] for n, said in enumerate(group.fields(), group.first)))
    codes, residuals = codec.encode(group.frames)
    numbers = np.repeat(group.first + np.arange(len(group.lengths)), group.lengths)
    places.append(np.unique(codes * total + numbers))
    return Encoded(codes, residuals, group.lengths.tolist())


def _table(folder: Path) -> sqlite3.Connection:
    """The table of fields as fast-plaid's filters read it."""
    table = sqlite3.connect(folder / "metadata.db")
    columns = ", ".join(f'"{name}" {SQL[kind]}' for name, kind in FIELDS.items())
    table.execute(f'CREATE TABLE METADATA ("_subset_" INTEGER PRIMARY KEY, {columns})')
    return table


def _write_chunks(encoded: Iterator[Encoded], folder: Path) -> Iterator[int]:
    """Writes `CHUNK` groups at a time; the frames of each chunk."""
    offset = 0
    for n, some in enumerate(batched(encoded, CHUNK)):
        codes = np.concatenate([one.codes for one in some])
        lengths = [length for one in some for length in one.lengths]
        np.save(folder / f"{n}.codes.npy", codes)
        np.save(folder / f"{n}.residuals.npy", np.concatenate([one.residuals for one in some]))
        _write_json(folder / f"doclens.{n}.json", lengths)
        much = {"num_documents": len(lengths), "num_embeddings": len(codes), "embedding_offset": offset}
        _write_json(folder / f"{n}.metadata.json", much)
        offset += len(codes)
        yield len(codes)


def _write_inverted_file(places: np.ndarray, centroids: int, total: int, folder: Path) -> None:
    """Of each centroid the numbers of its recordings, in order, and how many they are."""
    places.sort()
    lengths = np.bincount(places // total, minlength=centroids).astype(np.int32)
    np.save(folder / "ivf.npy", places % total)
    np.save(folder / "ivf_lengths.npy", lengths)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")

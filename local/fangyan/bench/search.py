"""Search by a first cut and SeqSim of what it leaves, against SeqSim of everything, both of one index on disk.

Features are random: this is about time. What the first cut loses depends on the encoder, and is measured with one. Of a
joint space an index has one vector a recording, and what a sentence asks is one vector, too. Means of random frames
have no neighbours: those of the index in cells lie along a few directions, on some further than on others.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.bench.benchmark import SEED, Benchmark, Data, Set, Size, seconds, sets
from fangyan.encoders.choice import JOINT
from fangyan.features.frames import unit
from fangyan.search import SHORTLIST, cells, nearest
from fangyan.search.index import NOTHING, Index, create
from fangyan.search.records import Entry, Settings

DIMENSION = 256
FOLD = 125
"""Recordings of the index for each utterance of `Size`: 10,000, of some 9 hours."""
QUERIES = 5
VECTORS, JOINT_DIMENSION = 1250, 384
"""Recordings of an index of vectors for each utterance of `Size`, 100,000 in all; the width of a small E5."""
BLOCK, FRAMES, WIDTH = 2500, 25, 96
"""Recordings of an index in cells for each utterance of `Size`, 200,000 in all; frames of each; their width."""
DIRECTIONS, SPREAD, NOISE = 32, 0.6, 0.2
"""Directions of its means; how far frames stray from the mean along them, and elsewhere."""


def recordings(size: Size, device: str) -> Data:
    """A folder that is there as long as its object, the index in it, and queries."""
    folder = TemporaryDirectory(prefix="fangyan.bench.")
    index = create(Path(folder.name), Settings("random", {}, "layer", DIMENSION))
    queries, candidates = sets(DIMENSION, size.utterances)
    frames = [unit(x).numpy() for x in candidates]
    for part in range(FOLD):
        entries = [_entry(f"{part:03}-{n:03}") for n in range(len(frames))]
        index.append([(entry, x, NOTHING) for entry, x in zip(entries, frames, strict=True)])
    return folder, index, queries[:QUERIES]


def vectors(size: Size, device: str) -> Data:
    """A folder as of `recordings`, its index of one vector a recording, and the (1, d) vector of a sentence."""
    folder = TemporaryDirectory(prefix="fangyan.bench.")
    index = create(Path(folder.name), Settings("random", {}, JOINT, JOINT_DIMENSION))
    chance = np.random.default_rng(SEED)
    for part in range(size.utterances):
        found = chance.standard_normal((VECTORS, 1, JOINT_DIMENSION)).astype(np.float32)
        found /= np.linalg.norm(found, axis=2, keepdims=True)
        index.append([(_entry(f"{part:03}-{n:04}"), x, NOTHING) for n, x in enumerate(found)])
    return folder, index, chance.standard_normal((1, JOINT_DIMENSION)).astype(np.float32)


def clustered(size: Size, device: str) -> Data:
    """A folder as of `recordings`, its index of so many that their means lie in cells, and the frames of a query."""
    folder = TemporaryDirectory(prefix="fangyan.bench.")
    index = create(Path(folder.name), Settings("random", {}, "layer", WIDTH))
    chance = np.random.default_rng(SEED)
    directions = chance.standard_normal((DIRECTIONS, WIDTH)) / np.sqrt(np.arange(1, DIRECTIONS + 1))[:, None]
    shape = BLOCK, FRAMES
    strays = SPREAD * chance.standard_normal((*shape, DIRECTIONS)) @ directions
    strays += NOISE * chance.standard_normal((*shape, WIDTH))
    for part in range(size.utterances):
        found = (chance.standard_normal((BLOCK, 1, DIRECTIONS)) @ directions + strays).astype(np.float32)
        found /= np.linalg.norm(found, axis=2, keepdims=True)
        index.append([(_entry(f"{part:03}-{n:04}"), x, NOTHING) for n, x in enumerate(found)])
    cells.extend(index)
    return folder, index, index.frames(0)


def in_cells(folder: TemporaryDirectory, index: Index, query: np.ndarray) -> float:
    """What a search takes, in ms: the first cut in cells, and SeqSim of what it leaves."""
    return 1000 * seconds(nearest, index, [query])


def milliseconds(folder: TemporaryDirectory, index: Index, sentence: np.ndarray) -> float:
    """What a search for a sentence takes, of its vector, as `fangyan.search.search_texts` makes it."""
    return 1000 * seconds(nearest, index, [sentence], 10, 10)


def product(folder: TemporaryDirectory, index: Index, sentence: np.ndarray) -> float:
    """What the product of all vectors with that of the sentence takes, in ms, and no more."""
    return 1000 * seconds(np.matmul, index.means, sentence[0])


def cut(folder: TemporaryDirectory, index: Index, queries: Set) -> float:
    """Queries a second with the first cut."""
    return len(queries) / seconds(nearest, index, queries, 10, SHORTLIST)


def exhaustive(folder: TemporaryDirectory, index: Index, queries: Set) -> float:
    """Queries a second without it."""
    return len(queries) / seconds(nearest, index, queries, 10, len(index))


def _entry(key: str) -> Entry:
    return Entry(key, f"/{key}.wav", 0.0, None, "", "", "", 0, 0)


BENCHMARKS = (
    Benchmark(
        "search_vs_exhaustive",
        "queries/s",
        value=cut,
        baseline=exhaustive,
        baseline_name="SeqSim of the whole index",
        data=recordings,
        devices=("cpu",),
    ),
    Benchmark(
        "text_search",
        "ms",
        value=milliseconds,
        baseline=product,
        baseline_name="product with all vectors",
        data=vectors,
        devices=("cpu",),
    ),
    Benchmark(
        "search_in_cells",
        "ms",
        value=in_cells,
        baseline=product,
        baseline_name="product with all means",
        data=clustered,
        devices=("cpu",),
    ),
)

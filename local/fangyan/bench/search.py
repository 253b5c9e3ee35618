"""Search by a first cut and SeqSim of what it leaves, against SeqSim of everything, both of one index on disk.

Features are random: this is about time. What the first cut loses depends on the encoder, and is measured with one.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from fangyan.bench.benchmark import Benchmark, Data, Set, Size, seconds, sets
from fangyan.features.frames import unit
from fangyan.search import SHORTLIST, nearest
from fangyan.search.index import NOTHING, Entry, Index, Settings, create

DIMENSION = 256
FOLD = 125
"""Recordings of the index for each utterance of `Size`: 10,000, of some 9 hours."""
QUERIES = 5


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
)

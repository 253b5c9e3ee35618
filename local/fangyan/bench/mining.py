"""The neighbours of recordings as mining finds them, against SeqSim with everything on the other side."""

from dataclasses import replace
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.bench.benchmark import Benchmark, Data, Size, seconds
from fangyan.bench.search import QUERIES, recordings
from fangyan.mining import CUT, K
from fangyan.mining.banks import STRETCH, Bank
from fangyan.mining.nearest import Block, neighbours

PART = 8
"""Of the recordings that search is measured with: all frames of the one side are in memory at once."""
ASKED = Block(0, 0, QUERIES)
"""The first recordings of the source."""


def banks(size: Size, device: str) -> Data:
    """A folder that is there as long as its object; as both sides all of the index in it, of which nothing overlaps."""
    folder, index, _ = recordings(replace(size, utterances=max(1, size.utterances // PART)), device)
    rows = np.arange(len(index))
    sides = []
    for side in range(2):
        stretches = np.zeros(len(index), STRETCH)
        stretches["file"], stretches["end"] = 2 * rows + side, 1.0
        sides.append(Bank(index, rows, stretches, ""))
    return folder, tuple(sides)


def cut(folder: TemporaryDirectory, sides: tuple[Bank, Bank]) -> float:
    """Recordings a second, by SeqSim with what a first cut leaves."""
    return QUERIES / seconds(neighbours, sides, ASKED, K, CUT)


def exhaustive(folder: TemporaryDirectory, sides: tuple[Bank, Bank]) -> float:
    """Recordings a second, by SeqSim with all."""
    return QUERIES / seconds(neighbours, sides, ASKED, K, len(sides[1]))


BENCHMARKS = (
    Benchmark(
        "mine_vs_exhaustive",
        "recordings/s",
        value=cut,
        baseline=exhaustive,
        baseline_name="SeqSim with the whole other side",
        data=banks,
        devices=("cpu",),
    ),
)

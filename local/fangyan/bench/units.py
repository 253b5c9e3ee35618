"""Speed and memory of units: frames to units against the product that it contains, and memory as speech gets more.

Frames are those of random utterances, centroids random ones of the same width: neither changes how long it takes.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from fangyan.bench.benchmark import SEED, Benchmark, Data, Size, seconds, sets
from fangyan.bench.dump import Clips, clips
from fangyan.bench.memory import resident
from fangyan.data import datadir
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError
from fangyan.units import assign

DIMENSION, UNITS = 256, 500
GIGA = 1e9

type Utterances = list[np.ndarray]


def utterances(size: Size, device: str) -> Data:
    """A model of units, and the (T, d) frames of utterances."""
    chance = np.random.default_rng(SEED)
    model = UnitModel("mfcc", "mfcc", chance.standard_normal((UNITS, DIMENSION), np.float32))
    return model, [frames.numpy() for frames in sets(DIMENSION, size.utterances)[0]]


def check(model: UnitModel, speech: Utterances) -> None:
    """Raises `DataError` where a unit is not that of the nearest centroid, as torch measures distances."""
    for frames in speech[:3]:
        nearest = torch.cdist(torch.from_numpy(frames), torch.from_numpy(model.centroids)).argmin(1)
        if not np.array_equal(model.assign(frames), nearest.numpy()):
            raise DataError("units are not those of the nearest centroids")


def rate(work: Callable[[np.ndarray], object], speech: Utterances) -> float:
    """GFLOP/s of the products of all frames with all centroids, whatever else ``work`` does with an utterance."""

    def every() -> None:
        for frames in speech:
            work(frames)

    return 2 * sum(map(len, speech)) * DIMENSION * UNITS / GIGA / seconds(every)


def product(model: UnitModel, speech: Utterances) -> float:
    """The `rate` of the bare product, into memory that is there."""
    room = np.empty((max(map(len, speech)), UNITS), np.float32)
    return rate(lambda frames: np.matmul(frames, model.centroids.T, room[: len(frames)]), speech)


def peak_memory(times: int, speech: Clips) -> float:
    """MiB at the peak of a process of its own that writes the column of units of each of the clips so many times."""
    with TemporaryDirectory(prefix="fangyan-bench-") as folder:
        copies = [replace(clip, id=f"{clip.id}-{n}") for clip in speech for n in range(times)]
        datadir.write(Path(folder) / "data", copies)
        chance = np.random.default_rng(SEED)
        UnitModel("mfcc", "mfcc", chance.standard_normal((UNITS, 39), np.float32)).save(Path(folder))
        command = [sys.executable, "-m", "fangyan.bench.units", folder, f"{folder}/data"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


BENCHMARKS = (
    Benchmark(
        "units_vs_product",
        "GFLOP/s",
        value=lambda model, speech: rate(model.assign, speech),
        baseline=product,
        baseline_name="product with all centroids",
        data=utterances,
        check=check,
        devices=("cpu",),
    ),
    Benchmark(
        "units_memory_1x_10x",
        "MiB",
        value=lambda speech: peak_memory(10, speech),
        baseline=lambda speech: peak_memory(1, speech),
        baseline_name="at a tenth of the speech",
        data=lambda size, device: (clips(size.utterances),),
        devices=("cpu",),
        once=True,
    ),
)

if __name__ == "__main__":
    assign.BLOCK_SECONDS = 60.0  # so that there are several even of the lesser
    assign.assign(Path(sys.argv[1]), [Path(sys.argv[2])])
    print(resident("VmHWM") / 2**20)

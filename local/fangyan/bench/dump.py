"""Speed and memory of `features.dump`: what it costs to read, pack and write around an encoder, and what it gains.

Seconds of speech a second. The encoders are those of ``conf/train`` with random weights, the speech is noise of 2 to
5 s in files: neither changes how long it takes. An archive of all layers is written, and begun anew each time.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fangyan.bench.benchmark import SEED, Benchmark, seconds
from fangyan.bench.memory import resident
from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders.espnet import ESPnetEncoder
from fangyan.errors import DataError
from fangyan.features import dump
from fangyan.features.archive import Archive
from fangyan.features.pipeline import BATCH_SECONDS, ENCODED_SECONDS, batches, extract
from fangyan.files import ROOT
from fangyan.training.espnet_task import sketch

SHORTEST, LONGEST = 2.0, 5.0
TOLERANCE = 1e-3
"""Of features, which are of the order of 1: sums of other batches are rounded otherwise."""

type Clips = list[Utterance]


@cache
def encoder(name: str) -> ESPnetEncoder:
    """The encoder of ``conf/train/<name>.yaml`` with random weights, on the CPU."""
    torch.manual_seed(SEED)
    return ESPnetEncoder(
        sketch(ROOT / f"conf/train/{name}.yaml", ["<blank>", "a", "<sos/eos>"], "cpu"), "cpu"
    )


@cache
def _folder() -> TemporaryDirectory:
    return TemporaryDirectory(prefix="fangyan-bench-")  # of this process, removed when it ends


@cache
def clips(count: int) -> Clips:
    """Utterances of noise, their lengths uniform from `SHORTEST` to `LONGEST` seconds."""
    chance, made = np.random.default_rng(SEED), []
    for n in range(count):
        samples = chance.normal(0, 0.1, int(chance.uniform(SHORTEST, LONGEST) * audio.SAMPLE_RATE))
        wav = Path(_folder().name) / f"n{n:04}.wav"
        audio.write(wav, samples)
        made.append(Utterance(wav.stem, str(wav), "", wav.stem, "cmn", "s", len(samples) / audio.SAMPLE_RATE))
    return made


def dumped(name: str, speech: Clips, out: Path) -> None:
    """Writes the features of all layers to ``out/dumped``, by way of `fangyan.features.dump`."""
    archive = Archive(out / "shard", {})
    extract(encoder(name), batches(speech, BATCH_SECONDS), archive, "dump")
    archive.finish(out / "dumped", {})


def one_by_one(name: str, speech: Clips, out: Path, at_least: float = 0.0) -> None:
    """Writes the features of all layers to ``out/alone``: each clip is read, encoded and written by itself.

    ``at_least``: seconds to which a clip is padded.
    """
    from kaldiio import WriteHelper

    with ExitStack() as stack:
        writers = {}
        for layer in encoder(name).layers:
            place = out / "alone" / layer / "feats"
            place.parent.mkdir(parents=True)
            writers[layer] = stack.enter_context(WriteHelper(f"ark,scp:{place}.ark,{place}.scp"))
        for clip in speech:
            wave = audio.read(clip.wav)
            wave = np.pad(wave, (0, max(0, int(at_least * audio.SAMPLE_RATE) - len(wave))))
            for layer, features in encoder(name)(wave).items():
                writers[layer](clip.id, features)


def forward(name: str, speech: Clips, out: Path) -> None:
    """Runs the bare model on all clips, which lie in memory, in batches of like length."""
    with torch.inference_mode():
        for batch, lengths in _packed(len(speech)):
            encoder(name).model.encode(batch, lengths)


@cache
def _packed(count: int) -> list[tuple[Tensor, Tensor]]:
    """Padded batches (B, N) and their lengths."""
    grouped = batches(clips(count), ENCODED_SECONDS["cpu"])
    waves = [[torch.from_numpy(audio.read(clip.wav)) for clip in batch] for batch in grouped]
    return [(pad_sequence(batch, batch_first=True), torch.tensor([*map(len, batch)])) for batch in waves]


def rate(work: Callable[..., None], name: str, speech: Clips) -> float:
    """Seconds of speech a second."""
    with TemporaryDirectory(dir=_folder().name) as out:
        return sum(clip.duration for clip in speech) / seconds(work, name, speech, Path(out))


def check(name: str, speech: Clips) -> None:
    """Raises `DataError` if a clip that is encoded by itself has other features."""
    with TemporaryDirectory(dir=_folder().name) as out:
        for work in (dumped, one_by_one):
            work(name, speech, Path(out))
        for layer in encoder(name).layers:
            ours, theirs = (dump.read_features(Path(out) / by, layer) for by in ("dumped", "alone"))
            for key in theirs:
                same_shape = ours[key].shape == theirs[key].shape
                if not (same_shape and np.allclose(ours[key], theirs[key], atol=TOLERANCE)):
                    raise DataError(f"{name}, {layer}: {key} has other features in a batch than alone")


def peak_memory(times: int, speech: Clips) -> float:
    """MiB at the peak of a process of its own that dumps the fbank features of each of the clips so many times."""
    with TemporaryDirectory(dir=_folder().name) as folder:
        copies = [replace(clip, id=f"{clip.id}-{n}") for clip in speech for n in range(times)]
        datadir.write(Path(folder) / "data", copies)
        command = [sys.executable, "-m", "fangyan.bench.dump", f"{folder}/data", f"{folder}/feats"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def _speed(
    row: str, baseline: Callable[..., None], baseline_name: str, name: str, count: int, **settings
) -> Benchmark:
    """A row that compares a dump with ``baseline``, of ``count`` clips by the encoder ``name``."""
    return Benchmark(
        row,
        "s/s",
        partial(rate, dumped),
        partial(rate, baseline),
        baseline_name,
        data=lambda size, device: (name, clips(min(count, size.utterances))),
        devices=("cpu",),
        **settings,
    )


BENCHMARKS = (
    _speed("dump_vs_forward", forward, "bare forward", "e_branchformer_base", 40),
    _speed("dump_vs_one_by_one", one_by_one, "one by one", "e_branchformer_base", 40, check=check),
    _speed("dump_vs_one_by_one_small", one_by_one, "one by one", "e_branchformer", 80, check=check),
    _speed(
        "dump_vs_one_by_one_padded_whisper",
        partial(one_by_one, at_least=30.0),
        "one by one, padded to 30 s",
        "whisper_tiny",
        10,
    ),
    Benchmark(
        "dump_memory_1x_10x",
        "MiB",
        partial(peak_memory, 10),
        partial(peak_memory, 1),
        "at a tenth of the utterances",
        data=lambda size, device: (clips(size.utterances),),
        devices=("cpu",),
        once=True,
    ),
)

if __name__ == "__main__":
    dump.dump("fbank", [Path(sys.argv[1])], Path(sys.argv[2]))
    print(resident("VmHWM") / 2**20)

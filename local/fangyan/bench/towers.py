"""The audio tower of a speech LLM: what a dump costs beside its bare forward, and what loading it costs in memory.

The dump is of a tower of Qwen3-ASR, a third as deep, with random weights, against the same utterances of noise as
features that lie in memory. The load is of a checkpoint of Voxtral's kind whose language model is 20 times as large as
the tower: a file with holes where the weights would be, of which nothing but the tower may be read.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fangyan.bench.benchmark import SEED, Benchmark
from fangyan.bench.dump import Clips, clips, rate
from fangyan.bench.memory import ENVIRONMENT, MARK, resident
from fangyan.data import audio
from fangyan.encoders.huggingface import TransformersEncoder
from fangyan.encoders.pretrained import quiet
from fangyan.features.archive import Archive
from fangyan.features.pipeline import BATCH_SECONDS, batches, extract

CLIPS = 8
TOWER = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 16, "num_attention_heads": 12}
LANGUAGE = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 10, "vocab_size": 32000}


@cache
def encoder() -> TransformersEncoder:
    """The tower of Qwen3-ASR in a third of its depth, with random weights, on the CPU."""
    from transformers import Qwen3ASREncoderConfig, Qwen3ASRFeatureExtractor
    from transformers.models.qwen3_asr.modeling_qwen3_asr import Qwen3ASREncoder

    torch.manual_seed(SEED)
    config = Qwen3ASREncoderConfig()
    config.encoder_layers //= 3
    return TransformersEncoder(Qwen3ASREncoder(config), Qwen3ASRFeatureExtractor(), "cpu")


def dumped(speech: Clips, out: Path) -> None:
    """Writes the features of all layers to ``out/dumped``, by way of `fangyan.features.dump`."""
    archive = Archive(out / "shard", {})
    extract(encoder(), batches(speech, BATCH_SECONDS), archive, "dump")
    archive.finish(out / "dumped", {})


def forward(speech: Clips, out: Path) -> None:
    """Runs the bare tower on all clips, whose features lie in memory."""
    with torch.inference_mode():
        for args, named in _inputs(len(speech)):
            encoder().model(*args, **named)


@cache
def _inputs(count: int) -> list[tuple[tuple, dict]]:
    waves = [audio.read(clip.wav) for clip in clips(count)]
    return [encoder().arguments([encoder().features(wave)]) for wave in waves]


def write_sparse(model: Any, folder: Path) -> None:
    """Writes a checkpoint of a ``model`` without numbers: names and shapes, and holes (zeros) in place of weights."""
    model.config.save_pretrained(folder)
    header, end = {}, 0
    for name, tensor in model.state_dict().items():
        size = 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": [*tensor.shape], "data_offsets": [end, end + size]}
        end += size
    described = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(described).to_bytes(8, "little") + described)
        file.truncate(8 + len(described) + end)


def write_voxtral(folder: Path) -> int:
    """Writes a checkpoint of Voxtral's kind into ``folder``; the bytes of the weights of its tower."""
    from transformers import VoxtralConfig, VoxtralForConditionalGeneration, WhisperFeatureExtractor

    text = LANGUAGE | {"model_type": "llama", "num_attention_heads": 32, "num_key_value_heads": 8}
    config = VoxtralConfig(audio_config=TOWER | {"model_type": "voxtral_encoder"}, text_config=text)
    config.architectures = ["VoxtralForConditionalGeneration"]
    with torch.device("meta"):
        model = VoxtralForConditionalGeneration(config)
    write_sparse(model, folder)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    return sum(4 * weight.numel() for weight in model.get_encoder(modality="audio").state_dict().values())


def loading_memory(folder: Path) -> float:
    """MiB at the peak of loading the encoder in ``folder``, beside what was resident when torch had been imported."""
    from fangyan.encoders.huggingface import load

    load(f"{_small(folder)}", "cpu")  # what only the first load imports
    MARK.write_text("5")
    before = resident("VmRSS")
    kept = load(f"{folder}", "cpu")
    return (resident("VmHWM") - before) / 2**20 if kept else 0.0


def _small(folder: Path) -> Path:
    """A checkpoint of the same kind with weights of next to no size, beside ``folder``."""
    from transformers import AutoModel, VoxtralConfig, WhisperFeatureExtractor

    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    both = ({**sizes, "num_attention_heads": 2, "model_type": kind} for kind in ("voxtral_encoder", "llama"))
    config = VoxtralConfig(**dict(zip(("audio_config", "text_config"), both, strict=True)))
    small = folder.with_name(f"{folder.name}-small")
    with quiet():
        AutoModel.from_config(config).save_pretrained(small)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(small)
    return small


def in_own_process(folder: Path, size: int) -> float:
    """`loading_memory` in MiB, measured by a fresh process."""
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", "fangyan.bench.towers", f"{folder}"]
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


@cache
def _checkpoint() -> tuple[TemporaryDirectory, Path, int]:
    home = TemporaryDirectory(prefix="fangyan-bench-")  # of this process, removed when it ends
    folder = Path(home.name) / "voxtral"
    folder.mkdir()
    return home, folder, write_voxtral(folder)


BENCHMARKS = (
    Benchmark(
        "tower_dump_vs_forward",
        "s/s",
        lambda speech: rate(lambda _, *rest: dumped(*rest), "", speech),
        lambda speech: rate(lambda _, *rest: forward(*rest), "", speech),
        "bare forward",
        data=lambda size, device: (clips(min(CLIPS, size.utterances)),),
        devices=("cpu",),
    ),
    Benchmark(
        "tower_load_memory",
        "MiB",
        in_own_process,
        lambda folder, size: size / 2**20,
        "weights of the tower",
        data=lambda size, device: _checkpoint()[1:],
        obstacle=lambda: "" if os.access(MARK, os.W_OK) else f"it needs {MARK} of Linux",
        devices=("cpu",),
        once=True,
    ),
)

if __name__ == "__main__":
    print(loading_memory(Path(sys.argv[1])))

"""The tiny models of `tower_models` are built in one process, and each is loaded in another, as its first model.

``python tower_process.py FOLDER NAME...`` prints a line of JSON for each name. A process here is forked from one that
has imported torch and what of transformers is common to all models (`COMMON`), but the module of none: what the first
import of such a module does (on the wrong device, say) it does anew in each process.
"""

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import torch
import tower_models
import transformers

import fangyan.encoders.huggingface  # noqa: F401 (common to all)
from fangyan.encoders import load_encoder
from fangyan.errors import DataError

COMMON = "modeling_utils feature_extraction_sequence_utils processing_utils audio_utils conversion_mapping"
COMMON += " models.auto.modeling_auto models.auto.feature_extraction_auto generation.utils masking_utils"
COMMON += " modeling_layers image_processing_utils video_processing_utils convert_slow_tokenizer"
COMMON += " tokenization_utils_sentencepiece tokenization_utils_tokenizers"

EARLY = re.compile(r"transformers\.models\.(?!auto)\w+\.modeling_")
"""What each process is to import by itself."""
LENGTHS = (16_000, 9_001, 20_479, 16_000)


def noise(samples: int) -> np.ndarray:
    """So many samples, always the same."""
    return np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)


def build_all(names: list[str], home: Path) -> dict[str, str]:
    """Writes each model into ``home``; name -> the traceback of one that could not be built."""
    troubles = {}
    for name in names:
        try:
            build(name, home / name)
        except Exception:
            troubles[name] = traceback.format_exc()
    return troubles


def build(name: str, folder: Path) -> None:
    """Writes the model whole and its encoder alone, and what its own forward gives: ``reference.npz``."""
    model = tower_models.build(name, folder / "whole", folder / "alone")
    from fangyan.encoders import towers

    encoder = model.get_submodule(towers.find(folder / "whole").path)
    wave = noise(16_000 * (30 if hasattr(encoder, "embed_positions") else 2))
    states = own_forward(encoder, tower_models.extractor(name), wave)
    np.savez(folder / "reference.npz", *[x[0] if x.ndim > 2 else x for x in states], wave=wave)


def own_forward(encoder, extractor, wave: np.ndarray) -> list[np.ndarray]:
    """The hidden states as transformers tells them, of what its extractor makes of a wave; none if it tells none."""
    asked = {"sampling_rate": 16_000, "padding": True, "return_attention_mask": True, "return_tensors": "pt"}
    takes = signature(extractor.__call__).parameters
    made = extractor([wave], **{key: value for key, value in asked.items() if key in takes})
    features = made[extractor.model_input_names[0]]
    mask = next((value for key, value in made.items() if key.endswith("mask")), torch.ones(1))
    taken = signature(encoder.forward).parameters
    fits = mask.shape[-1] in features.shape and not hasattr(encoder, "embed_positions")
    names = ["input_features_mask", "feature_lens", *(["attention_mask", "padding_mask"] if fits else [])]
    given = {name: mask for name in names if name in taken}
    if "audio_mel_mask" in taken:
        given["audio_mel_mask"] = ~mask.bool()
    if "feature_lens" in taken:
        features, given["feature_lens"] = features[0], mask.sum(1)
    with torch.inference_mode():
        found = encoder(features, **given, output_hidden_states=True)
    return [x.numpy() for x in found.hidden_states or ()]


def load(folder: Path) -> dict:
    """What is found of the encoder in each form of the model."""
    encoders = {form: load_encoder(f"hf:{folder / form}", "cpu") for form in ("whole", "alone")}
    found = {form: examine(encoder, folder / "reference.npz") for form, encoder in encoders.items()}
    return {**found, "long": encode_long(encoders["whole"]), "meta": [*made_on_meta()]}


def examine(encoder, reference: Path) -> dict:
    """What an encoder says of itself, and how far its features are from those alone and from the reference."""
    waves = [noise(samples) for samples in LENGTHS]
    together = encoder.encode(waves)
    alone = [encoder.encode([wave]) for wave in waves]
    pairs = [(x, together[at][n]) for n, layers in enumerate(alone) for at, (x,) in enumerate(layers)]
    return {
        "layers": encoder.layers,
        "rate": encoder.frame_rate,
        "recommended": encoder.recommended,
        "rates": [(len(x[2]) - len(x[1])) / (LENGTHS[2] - LENGTHS[1]) * 16_000 for x in together],
        "leak": max(distance(one, other) for one, other in pairs),
        "flat": min(float(x.std()) for x, _ in pairs),
        "difference": from_reference(encoder, reference),
    }


def encode_long(encoder) -> float | str:
    """The frames a second of 41 seconds, or the sentence that refuses them."""
    try:
        return len(encoder.encode([noise(41 * 16_000)])[-1][0]) / 41
    except DataError as error:
        return str(error)


def from_reference(encoder, reference: Path) -> float:
    """How far the layers are from the hidden states, of which transformers replaces the last by what is normalised."""
    held = np.load(reference)
    states = [held[name] for name in held.files if name != "wave"]
    layers = [x for (x,) in encoder.encode([held["wave"]])]
    near = [
        min(distance(x[: len(state)], state[: len(x)]) for x in layers[at:])
        for at, state in enumerate(states[:-1])
    ]
    return max(near, default=-1.0)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, relative to the largest number; infinite where that is no number, or shapes differ."""
    if one.shape != other.shape or not np.isfinite(one).all():
        return float("inf")
    return float(np.abs(one - other).max() / np.abs(one).max())


def made_on_meta() -> Iterator[str]:
    """Tensors of modules that were made while a model was sketched, and so hold nothing."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if isinstance(value, torch.Tensor) and value.device.type == "meta":
                yield f"{module.__name__}.{name}"


def in_child(work: Callable[[], dict | None]) -> dict:
    """What ``work`` gives in a process of its own, or the traceback that it ended in."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            told = work()
        except BaseException:
            told = {"trouble": traceback.format_exc()}
        with os.fdopen(writing, "w") as out:
            json.dump(told or {}, out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        found = json.load(told)
    os.wait()
    return found


if __name__ == "__main__":
    for module in COMMON.split():
        import_module(f"transformers.{module}")
    early = [name for name in sys.modules if EARLY.search(name)]
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    home, *names = sys.argv[1:]
    troubles = in_child(partial(build_all, names, Path(home)))
    for name in names:
        found = (
            {"trouble": troubles[name]} if name in troubles else in_child(partial(load, Path(home) / name))
        )
        print(json.dumps({"name": name, "early": early, **found}), flush=True)

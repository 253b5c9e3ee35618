"""Encoders: waveforms in, features of every layer out; one protocol for all of them.

SPEC names an encoder: ``espnet:<experiment folder or packed zip>``, ``random:<the same>`` (its architecture with
untrained weights), ``fbank`` and ``mfcc``. A family is one module with ``load(argument, device)`` and
``files(argument)``; it is imported when a SPEC names it, so that heavy libraries load late.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import numpy as np

from fangyan.errors import UserError
from fangyan.files import fingerprint


class Encoder(ABC):
    """Features of every layer of 16 kHz mono waveforms.

    ``layers``: their names, in depth order and sorted by name alike; ``frame_rate``: feature frames per second.
    """

    layers: tuple[str, ...]
    frame_rate: float

    @abstractmethod
    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32, for a batch of (N,) float32 waveforms in [-1, 1].

        T depends on the utterance alone: padding is removed and does not change the features.
        """

    def __call__(self, wave: np.ndarray) -> dict[str, np.ndarray]:
        """Layer name -> (T, d) float32 of one waveform."""
        return {layer: features[0] for layer, features in zip(self.layers, self.encode([wave]), strict=True)}


FAMILIES = {
    "espnet": ("fangyan.encoders.espnet", {"trained": True}),
    "random": ("fangyan.encoders.espnet", {"trained": False}),
    "fbank": ("fangyan.encoders.spectral", {"kind": "fbank"}),
    "mfcc": ("fangyan.encoders.spectral", {"kind": "mfcc"}),
}
FORMS = "espnet:<experiment folder or model.zip>, random:<the same>, fbank, mfcc"


def load_encoder(spec: str, device: str | None = None) -> Encoder:
    """The encoder that ``spec`` names, ready on ``device``; `UserError` with the known forms for any other.

    ``device`` None: a GPU if there is one.
    """
    module, argument, options = _family(spec)
    return module.load(argument, device or best_device(), **options)


def best_device() -> str:
    """``cuda`` if there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def identity(spec: str) -> dict[str, str]:
    """What decides the features of an encoder: its family and the content of the files it loads."""
    module, argument, _ = _family(spec)
    return {"family": spec.partition(":")[0], "files": fingerprint(*module.files(argument))}


def _family(spec: str) -> tuple[ModuleType, str, dict]:
    name, _, argument = spec.partition(":")
    if name not in FAMILIES:
        raise UserError(f"unknown encoder {spec!r}: known forms are {FORMS}")
    module, options = FAMILIES[name]
    return import_module(module), argument, options

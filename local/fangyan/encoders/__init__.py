"""Encoders: waveforms or strings in, features of every layer out; one protocol for all of them.

A SPEC names an encoder (`fangyan.encoders.families`). A family is one module with ``load(argument, device)``,
``files(argument)`` and ``facts(argument)``; it is imported when a SPEC names it, so that heavy libraries load late.

Another package adds a family by an entry point of the group ``fangyan.encoders`` that names such a module. It is asked
for by ``--encoder loud:ARGUMENT`` (or just ``loud``) after this in its pyproject.toml and in loud_speech/fangyan.py::

    [project.entry-points."fangyan.encoders"]
    loud = "loud_speech.fangyan"

    class Loudness(Encoder):
        layers, frame_rate = ("loudness",), 100.0

        def encode(self, waves):
            frames = [wave[: len(wave) // 160 * 160].reshape(-1, 160) for wave in waves]
            return [[(x**2).mean(1, keepdims=True) for x in frames]]

    def load(argument, device):
        return Loudness()

One of text says ``modality = "text"`` in its class, and `encode` gets strings.
``files(argument)``, the files whose content decides the features, is for an encoder that reads any, and
``facts(argument)`` gives what is known of one before its weights are read (`fangyan.encoders.facts`). The version of
the package counts too: features are made again when it or the files change.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from itertools import batched
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fangyan.encoders import hub
from fangyan.encoders.choice import Choice, of_frames
from fangyan.encoders.families import ESPNET_FILES, FAMILIES, FORMS, spec_of
from fangyan.encoders.naming import check_names
from fangyan.errors import DataError, UserError, known_names, nearest
from fangyan.files import fingerprint
from fangyan.registry import Registry

type Modality = Literal["speech", "text"]
type Item = np.ndarray | str
"""What an encoder is given: a (N,) float32 waveform in [-1, 1], 16 kHz mono, or a string."""


NO_TEXT_SIDE = "this model has no text side: texts are for one of the task align, llm:MODEL or text:MODEL"
TEXTS = 256
"""Texts that are encoded at once."""


class Encoder(ABC):
    """Features of every layer of waveforms or strings.

    ``modality``: what it takes. ``layers``: their names, shallow first, which is their order everywhere.
    ``frame_rate``: feature frames per second at the last layer, 0 for text. ``recommended``: the layer to compare
    utterances at, if its development set or those who published the encoder say one, and ``reason``, which of them.
    ``prefix``: what an encoder of text puts before each string; it may be set. ``note``: what else its features depend
    on, if anything, which `load_encoder` tells on stderr.
    """

    modality: Modality = "speech"
    layers: tuple[str, ...]
    frame_rate: float
    recommended: str = ""
    reason: str = "recommended by its makers"
    prefix: str = ""
    note: str = ""

    @property
    def deepest(self) -> str:
        """The last layer that is one of frames, which is what a model recognises by."""
        return of_frames(self.layers)[-1]

    def rate_of(self, layer: str) -> float:
        """Feature frames a second at a layer; few encoders subsample between layers."""
        return self.frame_rate

    def text_side(self) -> "Encoder":
        """What encodes texts into the space of this encoder's layer ``joint``; one of text is so itself.

        `UserError` for an encoder of speech that has no such space.
        """
        if self.modality != "text":
            raise UserError(NO_TEXT_SIDE)
        return self

    @cached_property
    def _texts(self) -> "Encoder":
        return self.text_side()

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        """(n, d) float32, where each text lies by `text_side`, loaded when it is first asked for; n >= 1.

        `DataError` for a text that is too long, or for none.
        """
        if not texts:
            raise DataError("texts to embed: one at least, got none")
        side = self._texts
        at = side.layers.index(side.recommended or side.layers[-1])
        found = [side.encode_finite(batch)[at] for batch in batched(texts, TEXTS)]
        return np.concatenate([vector for batch in found for vector in batch])

    @abstractmethod
    def encode(self, items: Sequence[Item]) -> list[list[np.ndarray]]:
        """``[layer][item]`` -> (T, d) float32, for a batch of items of its modality.

        T depends on the item alone: padding is removed and does not change the features. `DataError` for an item that
        is too short or too long.
        """

    def encode_finite(self, items: Sequence[Item]) -> list[list[np.ndarray]]:
        """What `encode` gives; `DataError` where that are not all finite numbers."""
        found = self.encode(items)
        for layer, features in zip(self.layers, found, strict=True):
            if not all(np.isfinite(matrix).all() for matrix in features):
                raise DataError(f"features are finite numbers, got others of this encoder at {layer}")
        return found

    def __call__(self, item: Item) -> dict[str, np.ndarray]:
        """Layer name -> (T, d) float32 of one item, all finite."""
        return {
            name: features[0] for name, features in zip(self.layers, self.encode_finite([item]), strict=True)
        }


class SomeLayers(Encoder):
    """An encoder of whose layers only some are wanted; `UserError` for one that it has not."""

    def __init__(self, encoder: Encoder, wanted: Sequence[str]) -> None:
        if unknown := sorted(set(wanted) - set(encoder.layers)):
            raise UserError(f"--layer {unknown[0]}: {known_names(unknown[0], encoder.layers)}")
        self.encoder, self.modality, self.frame_rate = encoder, encoder.modality, encoder.frame_rate
        self.layers = tuple(layer for layer in encoder.layers if layer in wanted)

    def rate_of(self, layer: str) -> float:
        """Feature frames a second at a layer."""
        return self.encoder.rate_of(layer)

    def encode(self, items: Sequence[Item]) -> list[list[np.ndarray]]:
        """``[layer][item]`` -> (T, d) float32."""
        found = dict(zip(self.encoder.layers, self.encoder.encode(items), strict=True))
        return [found[layer] for layer in self.layers]


REGISTRY = Registry("encoder", "fangyan.encoders", {name: of.module for name, of in FAMILIES.items()})


def load_encoder(spec: str, device: str | None = None, modality: Modality = "speech") -> Encoder:
    """The encoder that ``spec`` names, ready on ``device``; `UserError` with the known forms for any other.

    ``device`` None: a GPU if there is one. ``modality``: what it will be given; `UserError` where it takes another. A
    model of speech that was trained towards an encoder of text takes both: its SPEC names two encoders, whose layers
    ``joint`` are of one space.
    """
    check_spec(spec)
    name, _, argument = spec.partition(":")
    module, options = family(name)
    texts = modality == "text" and has_text_sides(name)
    load = module.load_text if texts else module.load
    encoder = load(argument, device or best_device(), **options)
    check_names(spec, encoder.layers)
    if encoder.modality != modality:
        raise UserError(
            f"encoder {spec} takes {encoder.modality}, got {modality} for it: texts are for encoders of text "
            "(dump --column), recordings for those of speech"
        )
    if encoder.note:
        print(f"{spec}: {encoder.note}", file=sys.stderr)
    return encoder


def recommended(spec: str) -> Choice:
    """The layer that the encoder of ``spec`` is to be compared at, as far as its files say one, without loading it."""
    name, _, argument = spec.partition(":")
    module = _without_weights(name)
    return module.recommended(argument) if hasattr(module, "recommended") else Choice()


def check_spec(spec: str) -> None:
    """`UserError` for a SPEC of no known family, or whose argument is no model here and no id of the Hub.

    It loads nothing and asks nobody, so that a mistake is told before work begins. Families of other packages are
    trusted with their argument.
    """
    name, argument = read_spec(spec)
    finding = finder(name)
    if finding and Path(argument).exists():
        finding.files(argument)


def read_spec(spec: str) -> tuple[str, str]:
    """The family of a SPEC and its argument; `UserError` for an unknown one, no path, no id, and no encoder of it.

    Files that are lacking in a folder do not matter.
    """
    name, colon, argument = spec.partition(":")
    if name not in REGISTRY:
        known = ", ".join([FORMS, *REGISTRY.installed()])
        raise UserError(f"unknown encoder {name!r}{_guess(spec)}: known forms are {known}")
    if colon and name in FAMILIES and not FAMILIES[name].argument:
        raise UserError(f"encoder {name} takes no argument, got {spec}")
    finding = finder(name)
    if finding and not (argument and Path(argument).exists()):
        word = argument and "/" not in argument and finding.__name__ == ESPNET_FILES
        hub.check_id(f"./{argument}" if word else argument)  # no model of ESPnet has an id of one word
    if hasattr(finding, "check"):
        finding.check(argument)
    return name, argument


def _guess(spec: str) -> str:
    """A question for what has the form of a path or an id without its family, or nearly the name of one."""
    if Path(spec).exists() or spec.startswith("exp/") or spec.endswith(".zip"):
        return f", did you mean {spec_of(Path(spec))}?"
    if spec.count("/") == 1 and ":" not in spec:
        return f", did you mean hf:{spec}?"
    near = nearest(spec.partition(":")[0], [*FAMILIES, *REGISTRY.installed()])
    return f", did you mean {near}?" if near else ""


def best_device() -> str:
    """``cuda`` if there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def identity(spec: str) -> dict[str, str]:
    """What decides the features of an encoder: its family and the content of the files it loads.

    For a family of another package, its version as well, and its argument in place of files if it names none. What
    decides those of texts besides: `teacher_identity`.
    """
    name = spec.partition(":")[0]
    found = {"family": name, "files": fingerprint(*files(spec))}
    return found if name in FAMILIES else found | {"version": version(name)}


def version(name: str) -> str:
    """The version of the package that a family is of; empty for one of ours."""
    return "" if name in FAMILIES else REGISTRY.installed()[name].dist.version


def has_text_sides(name: str) -> bool:
    """Whether models of speech of a family may have a text side."""
    return FAMILIES[name].text_side if name in FAMILIES else hasattr(family(name)[0], "load_text")


def teacher_identity(spec: str) -> dict[str, dict[str, str]]:
    """``teacher``: what decides the features of texts beside the files of a model of speech; empty where these do."""
    teacher = teacher_of(spec) if has_text_sides(spec.partition(":")[0]) else ""
    return {"teacher": identity(teacher)} if teacher else {}


def teacher_of(spec: str) -> str:
    """The SPEC of the encoder of text that a model of speech was trained towards; empty where it reads them itself.

    `UserError` for a model without a text side.
    """
    name, _, argument = spec.partition(":")
    if not has_text_sides(name):
        raise UserError(f"{spec}: {NO_TEXT_SIDE}")
    module = _without_weights(name)
    return module.teacher(argument) if hasattr(module, "teacher") else ""


def files(spec: str) -> list[Path | str]:
    """The files that an encoder loads, or what stands for their content: names in the Hub's cache, its argument."""
    check_spec(spec)
    name, _, argument = spec.partition(":")
    module = _without_weights(name)
    return module.files(argument) if hasattr(module, "files") else [argument]


def finder(name: str) -> Any:
    """The module that finds the files of a family without loading them; None where there is none."""
    known = FAMILIES[name].finder if name in FAMILIES else ""
    return import_module(known) if known else None


def _without_weights(name: str) -> Any:
    """What knows the files of a family, without torch where that can be: so what is up to date is seen at once."""
    return finder(name) or family(name)[0]


def family(name: str) -> tuple[Any, Mapping[str, Any]]:
    """The module (or what else an entry point names) with ``load`` and ``files``, and the options of ``load``."""
    return REGISTRY.load(name), FAMILIES[name].options if name in FAMILIES else {}

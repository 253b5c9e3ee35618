"""Layers of encoders: their names, their order, and the frames of several as one.

A layer is asked for by its name, or as ``a+b``: the L2-normalised frames of a and b, end to end. So each of them weighs
the same, however long its frames are: the cosine of two such frames is the mean of the layers' cosines (where no layer
has a frame of zero length).

The order is by depth, as ``Encoder.layers`` has it. A dump records it, and tables list layers in it; names alone tell
it only where there is no record (`by_depth`).
"""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fangyan.errors import DataError, UserError, known_names

if TYPE_CHECKING:
    from fangyan.features.frames import FrameSet

SEPARATOR = "+"


@dataclass(frozen=True)
class Layer:
    """A layer of an encoder, or several whose frames are concatenated."""

    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Layer":
        """The layer that is written ``layer03``, or ``layer03+layer04`` for two; `UserError` for what has a gap."""
        names = tuple(text.split(SEPARATOR))
        if not all(names):
            raise UserError(f"--layer {text}: a layer, or several joined by {SEPARATOR} to concatenate them")
        return cls(names)

    def __str__(self) -> str:
        return SEPARATOR.join(self.names)

    def check(self, known: Sequence[str], where: object) -> "Layer":
        """The layer itself; `UserError` where one of its names is not ``known``. ``where`` has the known ones."""
        for name in self.names:
            if name not in known:
                raise UserError(
                    f"--layer {self}: no layer {name!r} in {where}: {known_names(name, known)}, joined by "
                    f"{SEPARATOR} to concatenate them"
                )
        return self

    def depth(self, order: Sequence[str]) -> tuple[int, ...]:
        """What sorts layers shallow first, by the ``order`` of their names."""
        return tuple(map(order.index, self.names))

    def of[Key: Hashable](self, features: Mapping[str, Mapping[Key, np.ndarray]]) -> Mapping[Key, np.ndarray]:
        """The (T, d) frames of each utterance at this layer, of those by layer and utterance; see `concatenate`."""
        if len(self.names) == 1:
            return features[self.names[0]]
        return concatenate({name: features[name] for name in self.names})


def layer_name(layer: Layer | str) -> str:
    """What a layer is called in a sentence: ``layer04``, but ``layer norm``, which does not say what it is."""
    return name if (name := str(layer)).startswith("layer") else f"layer {name}"


def concatenate[Key: Hashable](layers: "Mapping[str, FrameSet]") -> dict[Key, np.ndarray]:
    """The frames of several layers as one, each L2-normalised: utterance id -> (T, sum of the layers' d) float32.

    ``layers``: layer -> (T, d) by utterance id, d of its own, the same ids. `DataError` names the utterance whose
    layers differ in T, or that is malformed (`fangyan.features.frames.checked`).
    """
    import torch

    from fangyan.features.frames import checked, unit

    frames = {name: checked(features) for name, features in layers.items()}
    joined = {}
    for key in next(iter(frames.values())):
        parts = {name: unit(of_layer[key]) for name, of_layer in frames.items()}
        if len(set(map(len, parts.values()))) > 1:
            found = ", ".join(f"{len(part)} in {name}" for name, part in parts.items())
            raise DataError(
                f"utterance {key}: layers to concatenate must have the same number of frames, got {found}"
            )
        joined[key] = torch.cat(list(parts.values()), 1).numpy()
    return joined


def by_depth(names: Iterable[str], recorded: Sequence[str]) -> list[str]:
    """The names of layers in the order that was recorded; then those without record, with numbers as numbers."""
    places = {name: n for n, name in enumerate(recorded)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), _natural(name)))


def _natural(name: str) -> list:
    """What sorts ``blocks.9`` before ``blocks.10``, and equally padded numbers as code points do."""
    parts = re.split(r"([0-9]+)", name)  # text and numbers in turn
    return [(int(part), part) if n % 2 else part for n, part in enumerate(parts)]

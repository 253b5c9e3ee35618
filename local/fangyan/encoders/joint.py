"""A space that utterances and texts share: frames of an encoder pooled and projected, texts by a frozen encoder.

``joint`` is the layer of both sides: one L2-normalised frame, whose cosines compare an utterance with a text, or with
another utterance. The encoder of text is no part of the model: `fangyan.encoders.text_side`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, normalize

from fangyan.errors import DataError, known_names

POOLINGS = ("mean", "attention")
WEIGHTED = "weighted"
"""In place of the name of a layer: all of them, weighed."""


class JointSpace(nn.Module):
    """Layers of an encoder -> (B, D) L2-normalised vectors in the space of an encoder of text.

    ``layers``: the names of the layers that it will be given; ``layer``: which of them is pooled (the last by default),
    or ``weighted``: the sum of all, each normalised, weighed by a softmax that is learnt. ``pooling``: the ``mean`` of
    the frames, or their ``attention`` mean by weights that a small network gives each frame. A linear layer then takes
    ``size`` to the ``teacher_size`` of the text encoder. ``centre`` (D,): what is taken from each text before it is
    normalised, since the cosines of many text encoders all lie close together; ``whitening`` (D, D): what it is then
    multiplied by, with ``whiten``: sentences that are nearly alike in most directions are told apart by the others.
    ``depth``: the highest block whose layer is asked for by its name.
    """

    def __init__(
        self,
        size: int,
        layers: Sequence[str],
        teacher_size: int,
        pooling: str = "mean",
        layer: str = "",
        whiten: bool = False,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise DataError(f"pooling {pooling!r}: {known_names(pooling, POOLINGS)}")
        chosen = layer or layers[-1]
        if chosen not in (*layers, WEIGHTED):
            raise DataError(f"layer {chosen!r}: {known_names(chosen, [*layers, WEIGHTED])}")
        at = len(layers) if chosen == WEIGHTED else layers.index(chosen)
        self.place, self.depth = (-1, 0) if chosen == layers[-1] else (at, at)
        self.mix = nn.Parameter(torch.zeros(len(layers))) if chosen == WEIGHTED else None
        self.attend = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1))
        if pooling == "mean":
            self.attend = None
        self.project = nn.Linear(size, teacher_size)
        self.register_buffer("centre", torch.zeros(teacher_size))
        self.register_buffer("whitening", torch.eye(teacher_size) if whiten else None)

    def frames(self, layers: Sequence[Tensor]) -> Tensor:
        """(B, T, d): what of the layers, each (B, T, d), is pooled."""
        if self.mix is None:
            return layers[self.place]
        normed = torch.stack([layer_norm(layer, layer.shape[-1:]) for layer in layers])
        return torch.einsum("l,lbtd->btd", self.mix.softmax(0), normed)

    def forward(self, layers: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """(B, D) of ``layers``, (B, T, d) each, with padding after ``lengths`` (B,)."""
        return self.pool(self.frames(layers), lengths)

    def pool(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """(B, D) of what `frames` gives, (B, T, d)."""
        outside = torch.arange(frames.shape[1], device=lengths.device) >= lengths[:, None]
        scores = frames.new_zeros(frames.shape[:2]) if self.attend is None else self.attend(frames)[..., 0]
        weights = scores.masked_fill(outside, -torch.inf).softmax(1)
        return normalize(self.project(torch.einsum("bt,btd->bd", weights, frames)), dim=-1)

    def texts(self, vectors: Tensor) -> Tensor:
        """(B, D) of the (B, D) vectors that the teacher gives texts."""
        centred = vectors - self.centre
        return normalize(centred if self.whitening is None else centred @ self.whitening, dim=-1)

    def of_each(self, layers: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """(1, D) float32 of each utterance, of its frames ``[layer][utterance]`` without padding."""
        device = self.centre.device

        def vector(frames: Sequence[np.ndarray]) -> np.ndarray:
            given = [torch.from_numpy(layer).to(device)[None] for layer in frames]
            return self(given, torch.tensor([len(frames[0])], device=device)).float().cpu().numpy()

        return [vector(frames) for frames in zip(*layers, strict=True)]

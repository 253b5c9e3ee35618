"""What can be told of an encoder of transformers before its weights are fetched: its layers, its size, its limits."""

from dataclasses import dataclass

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import bounds
from fangyan.errors import UserError


@dataclass(frozen=True)
class Facts:
    """Of an encoder: what it is, what its features are like, what it costs."""

    model_type: str
    """What transformers calls the type of the encoder, not that of the model around it."""
    layers: tuple[str, ...]
    frame_rate: float
    """Of the last layer, a second."""
    width: int
    """Numbers in a frame of the last layer."""
    recommended: str
    """The layer that its makers say utterances are to be compared at, or nothing."""
    parameters: int
    """Of the encoder; four bytes each in memory."""
    download: int
    """Bytes of the files that are fetched, or read here."""
    batched: bool
    """Whether utterances of unlike length are encoded together."""
    longest: float | None
    """Seconds that it hears at once, None for any length."""


def facts(spec: str) -> Facts:
    """The facts of ``hf:...``, of which at most settings and the index of the weights are downloaded."""
    family, _, argument = spec.partition(":")
    if family != "hf":
        raise UserError(f"facts without weights are known of hf:<Hub id or folder>, got {spec or 'nothing'}")
    from fangyan.encoders import huggingface, pretrained

    model, extractor, download = pretrained.sketch(argument)
    parameters = sum(weight.numel() for weight in model.parameters())
    encoder = huggingface.assemble(argument, model, extractor, "cpu")
    *_, (frames,) = encoder.encode([np.zeros(SAMPLE_RATE, np.float32)])
    most = encoder.heard.stop - 1
    return Facts(
        model.config.model_type,
        encoder.layers,
        encoder.frame_rate,
        frames.shape[1],
        encoder.recommended,
        parameters,
        download,
        getattr(encoder, "masked", True),
        None if most >= bounds.ENDLESS - 1 else most / SAMPLE_RATE,
    )

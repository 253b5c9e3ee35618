"""What can be told of an encoder before its weights are fetched or read: its layers, its size, its limits.

A family whose encoders have weights has a function ``facts(argument, **options)`` that gives `Facts`; one that reads
no files is simply loaded. Of a model of the Hub settings, card and the index of the weights are downloaded at most.
"""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, Modality, bounds, family, hub, read_spec
from fangyan.encoders.hub import Listing
from fangyan.errors import UserError

CARD = "README.md"
"""The model card, in whose front matter the licence stands."""


@dataclass(frozen=True)
class Facts:
    """Of an encoder: what it is, what its features are like, what it costs; None for what only its weights can tell."""

    model_type: str
    """What its library calls the type of the encoder, not that of the model around it; else its family."""
    layers: tuple[str, ...] = ()
    frame_rate: float | None = None
    """Of the last layer, a second; 0 for an encoder of text."""
    width: int | None = None
    """Numbers in a frame of the last layer."""
    batched: bool | None = None
    """Whether items of unlike length are encoded together."""
    longest: float | None = None
    """Seconds (of text: tokens) that it takes at once, infinite for any length."""
    recommended: str = ""
    """The layer that utterances are to be compared at, as far as its makers or its development set say one."""
    modality: Modality = "speech"
    parameters: int | None = None
    """Of the encoder; four bytes each in memory."""
    licence: str = ""
    """As its model card says; empty where it says nothing."""
    files: Listing = field(default_factory=Listing)
    """What it is read from."""

    @property
    def download(self) -> int:
        """Bytes of the files that are to be downloaded."""
        return sum(self.files.sizes[name] for name in self.files.absent)


def facts(spec: str) -> Facts:
    """The facts of the encoder that ``spec`` names; `UserError` for an unknown one, and where nothing can be told."""
    name, argument = read_spec(spec)
    module, options = family(name)
    if hasattr(module, "facts"):
        return module.facts(argument, **options)
    if hasattr(module, "files") and module.files(argument):
        raise UserError(
            f"encoder {spec}: its package has no `facts`, so that only loading it tells what it is"
        )
    return measure(module.load(argument, "cpu", **options), name, parameters=0)


def measure(encoder: Encoder, model_type: str, width: int | None = None, **others: Any) -> Facts:
    """The facts of an encoder that is there; a second (or a letter) is encoded where its ``width`` is not known."""
    if width is None:
        item = "a" if encoder.modality == "text" else np.zeros(SAMPLE_RATE, np.float32)
        *_, (frames,) = encoder.encode([item])
        width = frames.shape[1]
    return Facts(
        model_type,
        encoder.layers,
        encoder.frame_rate,
        width,
        getattr(encoder, "masked", None),
        longest(getattr(encoder, "heard", None)),
        encoder.recommended,
        encoder.modality,
        **others,
    )


def longest(heard: range | None) -> float | None:
    """The most seconds within a range of samples, infinite where there is no limit."""
    if heard is None:
        return None
    return inf if heard.stop >= bounds.ENDLESS else (heard.stop - 1) / SAMPLE_RATE


def licence(argument: str, folder: Path) -> str:
    """What the card of a model, in ``folder`` or fetched, says of the licence; empty where it says nothing."""
    from huggingface_hub import ModelCard

    try:
        home = folder if (folder / CARD).exists() or Path(argument).exists() else hub.locate(argument, [CARD])
        said = ModelCard((home / CARD).read_text(encoding="utf-8")).data.to_dict()
    except Exception:  # of whatever kind: any text may stand there, or the Hub be out of reach
        return ""
    words = [said.get(name) for name in ("license", "license_name")]
    return " ".join(word for word in words if isinstance(word, str) and word.isprintable())

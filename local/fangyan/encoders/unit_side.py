"""The text side of a pre-trained model: texts as units, as its shared stack reads them.

A text is the line of a column of units, ``0 0 18 18 5``: what speech of it would be. It enters where frames of speech
enter the shared stack, so the layers are those of speech from there on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fangyan.encoders import Encoder
from fangyan.encoders.blocks import in_batches
from fangyan.errors import DataError, shown

if TYPE_CHECKING:
    from fangyan.encoders.espnet import ESPnetEncoder

DIGITS = 10
"""A longer word is no unit: Python itself reads no number of thousands of digits."""


class UnitSide(Encoder):
    """Texts as units of a model of speech, at the layers of its shared stack; frames come as often as of speech."""

    modality = "text"

    def __init__(self, speech: "ESPnetEncoder") -> None:
        self.speech, self.model = speech, speech.model
        self.frame_rate, self.layers = speech.frame_rate, speech.layers[self.model.split :]

    def encode(self, items: Sequence[str]) -> list[list[np.ndarray]]:
        """``[layer][text]`` -> (T, d) float32; `DataError` for what is no line of units."""
        with torch.inference_mode():
            return in_batches([self._units(item) for item in items], False, self._forward)

    def _units(self, item: str) -> Tensor:
        """(U,) the units of a text."""
        k = self.model.embedding.num_embeddings
        for word in item.split():
            if not (word.isascii() and word.isdigit() and len(word) <= DIGITS and int(word) < k):
                raise DataError(
                    f"a text is units from 0 to {k - 1}, as fangyan text_units writes them, got {shown(word)!r}"
                )
        if not item.split():
            raise DataError("a text is units, one at least, got none")
        return torch.tensor([*map(int, item.split())], device=self.speech.device)

    def _forward(self, units: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Every layer of texts of equal length, (B, T, d) each, and the frames of each."""
        self.speech.reset_positions()
        lengths = torch.tensor([len(text) for text in units], device=self.speech.device)
        return self.model.of_units(torch.stack([*units]), lengths)

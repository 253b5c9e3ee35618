"""An encoder at one of its layers: what recordings are compared, searched and explained by."""

from collections.abc import Sequence

import numpy as np

from fangyan.encoders import Encoder
from fangyan.features.layers import Layer


class AtLayer(Encoder):
    """An encoder that gives one layer of another: its recommended one, else its last, or ``a+b``, two concatenated."""

    def __init__(self, encoder: Encoder, layer: str = "") -> None:
        """`UserError` for a ``layer`` that the encoder lacks."""
        self.encoder = encoder
        chosen = layer or encoder.recommended or encoder.layers[-1]
        self.layer = Layer.parse(chosen).check(encoder.layers, "this encoder")
        self.layers, self.frame_rate = (chosen,), encoder.frame_rate

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[0][utterance]`` -> (T, d) float32."""
        features = zip(self.encoder.layers, self.encoder.encode(waves), strict=True)
        by_layer = {name: dict(enumerate(frames)) for name, frames in features}
        return [list(self.layer.of(by_layer).values())]

"""An encoder at one of its layers: what recordings are compared, searched and explained by."""

import sys
from collections.abc import Iterable, Sequence

import numpy as np

from fangyan.encoders import Encoder, Item, Modality, check_spec, load_encoder
from fangyan.encoders.choice import Choice
from fangyan.encoders.layer_names import known_layers
from fangyan.errors import UserError, known_names
from fangyan.features.layers import Layer, layer_name


class AtLayer(Encoder):
    """An encoder that gives one layer of another: its recommended one, else its last, or ``a+b``, two concatenated."""

    def __init__(self, encoder: Encoder, layer: str = "") -> None:
        """`UserError` for a ``layer`` that the encoder lacks."""
        self.encoder, self.modality = encoder, encoder.modality
        chosen = layer or encoder.recommended or encoder.deepest
        self.reason = "" if layer else encoder.reason if encoder.recommended else "its last"
        self.layer = Layer.parse(chosen).check(encoder.layers, "this encoder")
        self.layers, self.frame_rate = (chosen,), encoder.rate_of(self.layer.names[0])

    def __str__(self) -> str:
        """``layer04``, or ``layer04, chosen on dev`` where nobody asked for it."""
        return ", ".join(filter(None, (layer_name(self.layer), self.reason)))

    def encode(self, items: Sequence[Item]) -> list[list[np.ndarray]]:
        """``[0][item]`` -> (T, d) float32."""
        features = zip(self.encoder.layers, self.encoder.encode(items), strict=True)
        by_layer = {name: dict(enumerate(frames)) for name, frames in features}
        return [list(self.layer.of(by_layer).values())]


def check_asked(spec: str, layer: str) -> None:
    """`UserError` for a SPEC that names nothing, or a ``layer`` (empty: any) in no form of one, or unknown."""
    check_spec(spec)
    if layer:
        check_layers(spec, [Layer.parse(layer)])


def check_layers(spec: str, layers: Iterable[Layer]) -> None:
    """`UserError` for layers that the encoder of ``spec`` has not, as far as that is known before it is loaded."""
    layers = list(layers)
    if known := known_layers(spec) if layers else ():
        for layer in layers:
            layer.check(known, spec)


def check_each(spec: str, names: Sequence[str]) -> None:
    """The same of the names of layers that are taken one by one, for work that joins none."""
    known = known_layers(spec) if names else ()
    for name in names:
        if known and name not in known:
            raise UserError(f"--layer {name}: no layer of {spec}: {known_names(name, known)}")


def load_at_layer(spec: str, layer: str = "", modality: Modality = "speech") -> AtLayer:
    """The encoder that ``spec`` names at a layer; on stderr which one and why, where none was asked for."""
    check_asked(spec, layer)
    encoder = AtLayer(load_encoder(spec, modality=modality), layer)
    if not layer:
        report_choice(spec, Choice(str(encoder.layer), encoder.reason))
    return encoder


def report_choice(spec: str, choice: Choice) -> None:
    """Prints on stderr the layer that is taken because nobody asked for one, and why it is that one."""
    if choice.layer:
        told = ", ".join(filter(None, (layer_name(choice.layer), choice.reason)))
    else:
        told = "the layer that it recommends, else its last"
    print(f"{spec}: {told} (--layer names another)", file=sys.stderr)

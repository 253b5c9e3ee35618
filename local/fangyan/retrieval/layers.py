"""Which layers are scored: of one bank each by itself, of several a layer of each, ``layer04|norm``."""

from collections.abc import Sequence
from functools import partial

from fangyan.errors import DataError, UserError
from fangyan.files import made_from
from fangyan.layers import Layer
from fangyan.retrieval.sides import Bank

APART = "|"
"""Between the names of the layers of several banks."""

type Layers = tuple[Layer, ...]
"""A layer of each bank."""


def layers_to_score(banks: Sequence[Bank], wanted: Sequence[str] = ()) -> dict[str, Layers]:
    """What is scored by its name in the tables, shallow first: what is ``wanted``, or all layers of the first bank.

    A layer of the first bank goes with the layer of the same name where the same encoder made both banks, else with the
    last one of the other; ``layer04|norm`` says which. Where nothing is wanted, layers of other dimensions are left
    out. `UserError` for unknown layers, `DataError` where dimensions differ.
    """
    chosen = [_parse(banks, layer) for layer in wanted]
    if not chosen:
        candidates = [_matched(banks, Layer.parse(name)) for name in banks[0].layers]
        chosen = [layers for layers in candidates if len(set(_dimensions(banks, layers))) == 1] or candidates
    for layers in chosen:
        _check_dimensions(banks, layers)
    return {_name(banks, layers): layers for layers in sorted(chosen, key=partial(_depth, banks))}


def _depth(banks: Sequence[Bank], layers: Layers) -> list[tuple[int, ...]]:
    return [layer.depth(bank.layers) for bank, layer in zip(banks, layers, strict=True)]


def _parse(banks: Sequence[Bank], wanted: str) -> Layers:
    parts = wanted.split(APART)
    if len(parts) not in (1, len(banks)):
        raise UserError(
            f"--layer {wanted}: a layer of {banks[0].home}, or joined by {APART} one of each folder of features "
            f"({len(banks)})"
        )
    layers = tuple(Layer.parse(part) for part in parts)
    for bank, layer in zip(banks, layers, strict=False):
        layer.check(bank.layers, bank.home)
    return layers if len(layers) == len(banks) else _matched(banks, layers[0])


def _matched(banks: Sequence[Bank], layer: Layer) -> Layers:
    """A layer of the first bank with its counterpart in each of the others."""
    first, *others = banks
    counterparts = (layer if _same_layer(first, b, layer) else Layer.parse(b.layers[-1]) for b in others)
    return (layer, *counterparts)


def _same_layer(a: Bank, b: Bank, layer: Layer) -> bool:
    """Whether one encoder made the layer in both banks."""
    encoders = [(made_from(bank.home) or {}).get("encoder") for bank in (a, b)]
    return None not in encoders and len(set(map(str, encoders))) == 1 and set(layer.names) <= set(b.layers)


def _name(banks: Sequence[Bank], layers: Layers) -> str:
    first, *others = zip(banks, layers, strict=True)
    same = all(layer == first[1] and _same_layer(first[0], bank, layer) for bank, layer in others)
    return str(layers[0]) if same else APART.join(map(str, layers))


def _dimensions(banks: Sequence[Bank], layers: Layers) -> list[int]:
    """d of the layer of each bank; of one bank there is nothing to compare, so it is not read."""
    if len(banks) == 1:
        return [0]
    return [bank.dimension(layer) for bank, layer in zip(banks, layers, strict=True)]


def _check_dimensions(banks: Sequence[Bank], layers: Layers) -> None:
    found = _dimensions(banks, layers)
    if len(set(found)) > 1:
        got = ", ".join(
            f"{d} in {bank.home / str(layer)}" for d, bank, layer in zip(found, banks, layers, strict=True)
        )
        raise DataError(
            f"layers to compare must lie in one space, so have one dimension, got {got}: choose layers that were "
            f"trained into one space (--layer 'a{APART}b')"
        )

"""Which layers are scored: of one bank each by itself, of several a layer of each, ``layer04|norm``."""

from collections.abc import Sequence
from functools import partial

from fangyan.errors import DataError, UserError
from fangyan.features.layers import Layer
from fangyan.files import made_from
from fangyan.measure.retrieval.sides import Bank

APART = "|"
"""Between the names of the layers of several banks."""

type Layers = tuple[Layer, ...]
"""A layer of each bank."""


def layers_to_score(banks: Sequence[Bank], wanted: Sequence[str] = ()) -> dict[str, Layers]:
    """What is scored by its name in tables, shallow first: what is ``wanted``, or all layers of the first bank.

    A layer of the first bank goes with the layer of its name where one encoder made both banks, else with the last one
    of the other; ``layer04|norm`` is of layer04 of the first and norm of the other. Where nothing is wanted, layers of
    other dimensions are left out. `UserError` for unknown layers, `DataError` where dimensions differ.
    """
    chosen = [_parse(banks, layer) for layer in wanted] or _comparable(banks)
    return {_name(banks, layers): layers for layers in sorted(chosen, key=partial(_depth, banks))}


def _depth(banks: Sequence[Bank], layers: Layers) -> list[tuple[int, ...]]:
    return [layer.depth(bank.layers) for bank, layer in zip(banks, layers, strict=True)]


def _parse(banks: Sequence[Bank], wanted: str) -> Layers:
    layers = tuple(map(Layer.parse, wanted.split(APART)))
    if len(layers) not in (1, len(banks)):
        raise UserError(
            f"--layer {wanted}: a layer of {banks[0].home}, or joined by {APART} one of each folder of features "
            f"({len(banks)})"
        )
    for bank, layer in zip(banks, layers, strict=False):
        layer.check(bank.layers, bank.home)
    found = layers if len(layers) == len(banks) else _match(banks, layers[0])
    if not _same_dimension(banks, found):
        raise _apart(banks, found)
    return found


def _comparable(banks: Sequence[Bank]) -> list[Layers]:
    """Every layer of the first bank that can be compared with its counterparts."""
    candidates = [_match(banks, Layer.parse(name)) for name in banks[0].layers]
    found = [layers for layers in candidates if _same_dimension(banks, layers)]
    if not found:
        raise _apart(banks, candidates[0])
    return found


def _match(banks: Sequence[Bank], layer: Layer) -> Layers:
    """A layer of the first bank with its counterpart in each of the others."""
    first, *others = banks
    return (
        layer,
        *(layer if _same_layer(first, other, layer) else Layer.parse(other.layers[-1]) for other in others),
    )


def _same_layer(a: Bank, b: Bank, layer: Layer) -> bool:
    """Whether one encoder made the layer in both banks."""
    encoder, other = ((made_from(bank.home) or {}).get("encoder") for bank in (a, b))
    return encoder is not None and encoder == other and set(layer.names) <= set(b.layers)


def _name(banks: Sequence[Bank], layers: Layers) -> str:
    first, *others = zip(banks, layers, strict=True)
    same = all(layer == first[1] and _same_layer(first[0], bank, layer) for bank, layer in others)
    return str(layers[0]) if same else APART.join(map(str, layers))


def _same_dimension(banks: Sequence[Bank], layers: Layers) -> bool:
    first, *others = zip(banks, layers, strict=True)
    return all(bank.dimension(layer) == first[0].dimension(first[1]) for bank, layer in others)


def _apart(banks: Sequence[Bank], layers: Layers) -> DataError:
    """What to tell of layers of several dimensions."""
    places = zip(banks, layers, strict=True)
    found = ", ".join(f"{bank.dimension(layer)} in {bank.home / str(layer)}" for bank, layer in places)
    return DataError(
        f"layers to compare must lie in one space, so have one dimension, got {found}: choose layers that were trained "
        f"into one space (--layer 'a{APART}b')"
    )

"""Mean scores of each layer, and the layer that they choose by the rule of `fangyan.encoders.choice`.

Whatever else is reported of the encoder (mean-pooled scores, CER, the pronunciation control) is read off at that layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from fangyan.encoders.choice import choose_layer
from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Pair, table_of
from fangyan.tables import read_rows

AVERAGED = ("recall_at_1", "recall_at_5", "mrr", "chance")


@dataclass(frozen=True)
class Mean:
    """The unweighted mean over ordered pairs of varieties."""

    recall_at_1: float
    recall_at_5: float
    mrr: float
    chance: float
    pairs: int
    fewest: int  # queries of the smallest and of the largest pair
    most: int


def by_layer(pairs: Sequence[Pair]) -> dict[str, Mean]:
    """The mean over ordered pairs of each layer, in the order of ``pairs``: of ``pairs.tsv`` shallow first."""
    layers: dict[str, list[Pair]] = {}
    for pair in pairs:
        layers.setdefault(pair.layer, []).append(pair)
    return {layer: _mean(members) for layer, members in layers.items()}


def chosen_on(retrieval: Path) -> str:
    """The layer that the rule chooses on a development set, from its folder of `fangyan.measure.retrieval`."""
    path = table_of(retrieval, "pairs.tsv")
    layer = choose_layer(read_rows(path, Pair))
    if layer is None:
        raise DataError(f"{path}:2: a layer is chosen by the rows, got none: run the stage measure again")
    return layer


def _mean(pairs: Sequence[Pair]) -> Mean:
    scores = {name: fmean(getattr(pair, name) for pair in pairs) for name in AVERAGED}
    return Mean(**scores, pairs=len(pairs), fewest=min(p.n for p in pairs), most=max(p.n for p in pairs))

"""Which layer of an encoder is reported: chosen on a development set, so that test scores have no say in it.

It is the layer with the highest mean R@1 (SeqSim, over ordered pairs of varieties). Ties go to the higher mean MRR,
then to the shallower layer; means count as equal to five digits, since the files carry six. Whatever else is reported
of the encoder (mean-pooled scores, CER, the pronunciation control) is read off at the same layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Pair, table_of
from fangyan.tables import read_rows

DIGITS = 5
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


def choose_layer(pairs: Sequence[Pair]) -> str | None:
    """The layer that the rule chooses by the scores of a development set; None without scores."""
    means = by_layer(pairs)
    return max(means, key=lambda layer: _merit(means[layer]), default=None)


def chosen_on(retrieval: Path) -> str:
    """The layer that the rule chooses on a development set, from its folder of `fangyan.measure.retrieval`."""
    path = table_of(retrieval, "pairs.tsv")
    layer = choose_layer(read_rows(path, Pair))
    if layer is None:
        raise DataError(f"{path}:2: a layer is chosen by the rows, got none: run the stage measure again")
    return layer


def _merit(mean: Mean) -> tuple[float, float]:
    return round(mean.recall_at_1, DIGITS), round(mean.mrr, DIGITS)


def _mean(pairs: Sequence[Pair]) -> Mean:
    scores = {name: fmean(getattr(pair, name) for pair in pairs) for name in AVERAGED}
    return Mean(**scores, pairs=len(pairs), fewest=min(p.n for p in pairs), most=max(p.n for p in pairs))

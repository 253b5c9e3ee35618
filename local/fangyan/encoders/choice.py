"""Which layer of an encoder is compared and reported: chosen on a development set, test scores have no say in it.

It is the layer with the highest mean R@1 (SeqSim, over ordered pairs of varieties). Ties go to the higher mean MRR,
then to the shallower layer; means count as equal to five digits, since the files carry six. An experiment folder, the
model packed from it and its report so have one answer: they all ask here. ``joint``, one vector an utterance, is never
chosen among layers of frames: it cannot be looked into, and is reported by its own name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, Protocol

from fangyan.errors import DataError
from fangyan.files import read_json
from fangyan.tables import Fraction, read_rows

DIGITS = 5
JOINT = "joint"
"""The layer of one vector an utterance that a model with a text side has last (`fangyan.encoders.joint`)."""


class Choice(NamedTuple):
    """The name of a layer, empty where there is none to recommend, and why it is that one."""

    layer: str = ""
    reason: str = ""


class Scored(Protocol):
    """The retrieval of an ordered pair of varieties at one layer."""

    layer: str
    recall_at_1: float
    mrr: float


@dataclass(frozen=True)
class _Pair:
    layer: str
    recall_at_1: Fraction
    mrr: Fraction


def choose_layer(pairs: Sequence[Scored]) -> str | None:
    """The layer that the rule chooses by the scores of a development set, shallow first; None without scores."""
    layers: dict[str, list[Scored]] = {}
    for pair in pairs:
        layers.setdefault(pair.layer, []).append(pair)
    return max(of_frames(layers), key=lambda layer: _merit(layers[layer]), default=None)


def of_frames(layers: Iterable[str]) -> list[str]:
    """The layers without the joint one, if there are others."""
    found = [*layers]
    return [layer for layer in found if layer != JOINT] or found


def choice_of_experiment(exp: Path) -> Choice:
    """What the rule chooses on the development set that ``exp`` was trained with, once retrieval was measured on it."""
    path = exp / "train.json"
    dev = read_json(path).get("dev_set", "") if path.exists() else ""
    if not isinstance(dev, str):
        raise DataError(f"{path}: dev_set is text, got {dev!r}")
    layer = choose_layer(read_rows(exp / "retrieval" / dev / "pairs.tsv", _Pair)) if dev else None
    return Choice(layer, f"chosen on {dev}") if layer else Choice()


def _merit(pairs: Sequence[Scored]) -> tuple[float, float]:
    means = (fmean(getattr(pair, name) for pair in pairs) for name in ("recall_at_1", "mrr"))
    recall, mrr = (round(mean, DIGITS) for mean in means)
    return recall, mrr

"""Systems in a report: the scores of an encoder and of what it is compared with, and the layer that each has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fangyan.encoders.choice import choose_layer
from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Group, Pair, check_pairs
from fangyan.measure.selection import by_layer, layer_to_show
from fangyan.measure.word_test import Preference
from fangyan.report.read import folds as by_folds
from fangyan.report.read import word_test
from fangyan.report.read.folds import Folded
from fangyan.tables import read_sets

BASELINES = {"random": "random weights", "fbank": "fbank", "mfcc": "MFCC"}
"""Folder of a baseline -> its name in tables, in their order; other folders follow under their own name."""


@dataclass(frozen=True)
class System:
    """The scores of one encoder by set, and its layer (None for several of which none was chosen or is to be shown)."""

    name: str
    layer: str | None
    seqsim: Mapping[str, Sequence[Pair]]
    pooled: Mapping[str, Sequence[Pair]]
    groups: Mapping[str, Sequence[Group]]
    words: Mapping[str, Preference]  # by layer
    folded: Folded | None = (
        None  # the result, where the layer was chosen by folds: the first half chose the layer
    )

    @property
    def layers(self) -> str | None:
        """The layer, or by folds the layers, of the result."""
        return self.folded.folds.layers if self.folded else self.layer


@dataclass(frozen=True)
class LayerOf:
    """What the layer of a system is taken from: the options of `results.read`."""

    dev: str
    tests: tuple[str, ...]
    unchosen: str | None
    folds: bool

    @property
    def sets(self) -> tuple[str, ...]:
        """All sets."""
        return self.dev, *self.tests

    def beside(self, encoder: System) -> "LayerOf":
        """The same for its baselines, which have its layer to show where they have it, and none where it was chosen."""
        chosen = self.unchosen is None or self.dev in encoder.seqsim
        return replace(self, unchosen=None if chosen else encoder.layer)


def describe_choice(encoder: System, of: LayerOf) -> str:
    """How the layer of the encoder came to be, in words that follow "the layer"."""
    if of.dev in encoder.seqsim:
        return f"chosen on {of.dev}"
    if encoder.folded:
        return "chosen by folds"
    if _only(encoder.seqsim):
        return "scored alone"
    if encoder.layer == of.unchosen:
        return "recommended by the encoder, not chosen on these data"
    return "standing last, not chosen on these data"


def read_baselines(folder: Path, of: LayerOf) -> tuple[System, ...]:
    """What is compared with the encoder, in the order of `BASELINES`, others after these by name."""
    folders = [path for path in sorted(folder.glob("[!.]*")) if path.is_dir()]
    known = list(BASELINES)
    folders.sort(key=lambda path: known.index(path.name) if path.name in known else len(known))
    return tuple(read_system(BASELINES.get(path.name, path.name), path, of) for path in folders)


def read_system(name: str, folder: Path, of: LayerOf) -> System:
    """A system by its folder; `DataError` for scores that lack the layer, or are malformed."""
    seqsim = read_sets(folder / "retrieval", of.sets, "pairs.tsv", Pair)
    pooled = read_sets(folder / "retrieval_pooled", of.sets, "pairs.tsv", Pair)
    groups = read_sets(folder / "retrieval", of.sets, "groups.tsv", Group)
    for scores, sub in ((seqsim, "retrieval"), (pooled, "retrieval_pooled")):
        for set_name, pairs in scores.items():
            check_pairs(folder / sub / set_name / "pairs.tsv", pairs)
    layer, folded = choose_layer(seqsim.get(of.dev, ())) or _only(seqsim), None
    if layer is None and of.folds and seqsim:
        folded = by_folds.read(folder, list(seqsim), list(pooled))
        layer = folded.folds.halves[0].layer
    elif layer is None and of.unchosen is not None:
        layer = layer_to_show(seqsim.values(), of.unchosen)
    for set_name, pairs in seqsim.items():
        if layer and layer not in by_layer(pairs):
            path = folder / "retrieval" / set_name / "pairs.tsv"
            raise DataError(
                f"{path}: {of.dev} chose {layer}, got scores of {', '.join(by_layer(pairs))}: score it again"
            )
    return System(name, layer, seqsim, pooled, groups, word_test.read_layers(folder / "synonymy"), folded)


def _only(scores: Mapping[str, Sequence[Pair]]) -> str | None:
    """The layer of all scores, where there is but one: it was chosen elsewhere, or is all there is."""
    layers = {pair.layer for pairs in scores.values() for pair in pairs}
    return layers.pop() if len(layers) == 1 else None

"""Experiments that differ by their seed alone, as one row: mean and standard deviation over the seeds."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from math import inf
from pathlib import Path
from statistics import fmean, stdev

from fangyan.errors import UserError
from fangyan.measure.selection import Mean, by_layer
from fangyan.recognition.cer import ALL_VARIETIES
from fangyan.report.read import results
from fangyan.report.render.tables import Table
from fangyan.rounding import NONE, percent
from fangyan.training import summary

_NAME = re.compile(r"(.+)_seed(\d+)")

type Chosen = tuple[float, str]
"""Where the chosen layer stands in the order of depth (at infinity without one), and its name."""


@dataclass(frozen=True)
class Scores:
    """What one seed reached on a set, as fractions; None where it was not measured."""

    recall_at_1: float | None  # of the layer chosen on dev, as is
    pooled: float | None  # the R@1 of its mean over time
    last: float | None  # R@1 of the last layer
    cer: float | None


def average(exps: Sequence[Path], dev: str, test: str) -> Table:
    """One row a kind of experiment (its tag without ``_seedN``): its scores on set ``test`` as mean ± deviation.

    The layer is chosen on ``dev`` for each seed. The deviation is the sample's (n - 1), absent for a single seed.
    Raises `UserError` for a tag that names no seed, for a seed that is there twice, and as `results.read` does.
    """
    kinds: dict[str, list[tuple[Chosen, Scores]]] = {}
    for kind, exp in _by_kind(exps):
        kinds.setdefault(kind, []).append(_read(exp, dev, test))
    header = ("experiment", "layers", "seeds", "R@1", "mean-pooled R@1", "R@1 of the last layer", "CER")
    caption = (
        f"{test}, in percent: mean ± standard deviation over seeds. Each seed's layer was chosen on {dev}."
    )
    return Table("Seeds", caption, header, tuple(_row(*kind) for kind in kinds.items()), text_columns=2)


def _by_kind(exps: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """The kind of each experiment; `UserError` where one seed of a kind is there twice, by whatever path or link."""
    found: dict[tuple[str, int], Path] = {}
    for exp in exps:
        named = _NAME.fullmatch(exp.resolve().name)
        if not named:
            raise UserError(
                f"{exp}: experiments to average are named TAG_seedN, so that it is seen what they share"
            )
        kind, seed = named[1], summary.read(exp).get("seed", int(named[2]))
        if (kind, seed) in found:
            raise UserError(
                f"--exp {exp}: seed {seed} of {kind} counts once, got it as {found[kind, seed]} before"
            )
        found[kind, seed] = exp
        yield kind, exp


def _read(exp: Path, dev: str, test: str) -> tuple[Chosen, Scores]:
    """The chosen layer of an experiment, and its scores."""
    experiment = results.read(exp, dev, [test])
    encoder = experiment.encoder
    seqsim, pooled = by_layer(encoder.seqsim.get(test, ())), by_layer(encoder.pooled.get(test, ()))
    layer = encoder.layer or ""
    cer = next((row.cer for row in experiment.cer.get(test, ()) if row.variety == ALL_VARIETIES), None)
    order = list(seqsim)
    depth = order.index(layer) if layer in order else inf
    scores = _recall(seqsim, layer), _recall(pooled, layer), _recall(seqsim, order[-1] if order else "")
    return (depth, layer or NONE), Scores(*scores, cer)


def _recall(means: dict[str, Mean], layer: str) -> float | None:
    return means[layer].recall_at_1 if layer in means else None


def _row(kind: str, seeds: Sequence[tuple[Chosen, Scores]]) -> tuple[str, ...]:
    layers = dict.fromkeys(layer for _, layer in sorted(chosen for chosen, _ in seeds))
    columns = zip(*(astuple(scores) for _, scores in seeds), strict=True)
    return kind, " ".join(layers), str(len(seeds)), *map(_spread, columns)


def _spread(values: Sequence[float | None]) -> str:
    """``91.2 ± 1.5``; a dash unless every seed was measured."""
    measured = [value for value in values if value is not None]
    if len(measured) < len(values):
        return NONE
    return percent(fmean(measured)) + (f" ± {percent(stdev(measured))}" if len(measured) > 1 else "")

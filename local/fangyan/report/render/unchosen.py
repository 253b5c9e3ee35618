"""The head of a report on scores that chose no layer: every layer of the encoder, and the baselines below."""

from collections.abc import Iterator

from fangyan.measure.selection import Mean, by_layer
from fangyan.report.read.results import Results
from fangyan.report.read.systems import System
from fangyan.report.render.tables import Table, bracket, brackets, queries, total_cer
from fangyan.rounding import NONE, percent

SHOWN = " (shown below)"
"""Marks the layer of the rest of the report; in bold the table would be wider than a terminal."""

type Row = tuple[str, ...]


def headline(experiment: Results) -> Table:
    """A row a layer of the encoder on each test set, then a row a baseline at its own layer.

    Where sets were decoded, there is the character error rate of the whole model, in the row of the layer to show.
    """
    rows: list[Row] = []
    for name in experiment.tests:
        rows += _layers(experiment, name) or [(name, *[NONE] * 5, *_cer(experiment, name))]
        rows += (row for system in experiment.baselines for row in _baseline(system, name))
    decoded = ("CER",) if experiment.cer else ()
    header = ("test set", "layer", "R@1", "pooled", "N", "chance", *decoded)
    caption = (
        "Scores in percent; pooled: R@1 by the cosine of mean frames; N: queries of an ordered pair of varieties; "
        "chance: R@1 of a random ranking."
    )
    caption += brackets(experiment, experiment.tests)
    whole = tuple(row + (NONE,) * (len(header) - len(row)) for row in rows)
    return Table("Headline", caption, header, whole, text_columns=2)


def _layers(experiment: Results, name: str) -> list[Row]:
    """The rows of all layers of the encoder on set ``name``."""
    encoder, rows = experiment.encoder, []
    means = by_layer(encoder.seqsim.get(name, ()))
    for layer, mean in means.items():
        shown = layer == encoder.layer
        label = layer + SHOWN if shown and len(means) > 1 else layer
        recall, *others = _scores(encoder, name, layer, mean)
        cer = _cer(experiment, name) if shown else ()
        rows.append((name, label, recall + bracket(experiment, name, layer), *others, *cer))
    return rows


def _cer(experiment: Results, name: str) -> Row:
    """The character error rate of the whole model on set ``name``, where any set was decoded."""
    return (total_cer(experiment, name),) if experiment.cer else ()


def _baseline(system: System, name: str) -> Iterator[Row]:
    """The row of its own layer on set ``name``; of all its layers, where it has none."""
    means = by_layer(system.seqsim.get(name, ()))
    for layer, mean in means.items():
        if system.layer in (layer, None):
            label = system.name if len(means) == 1 else f"{system.name} {layer}"
            yield (name, label, *_scores(system, name, layer, mean))


def _scores(system: System, name: str, layer: str, mean: Mean) -> Row:
    """R@1, mean-pooled R@1, N and chance."""
    pooled = by_layer(system.pooled.get(name, ())).get(layer)
    recalls = mean.recall_at_1, pooled.recall_at_1 if pooled else None
    return (*map(percent, recalls), queries(mean), percent(mean.chance))

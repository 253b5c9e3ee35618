"""The section on texts as units: where in the shared stack of a pre-trained encoder speech and text meet."""

from collections.abc import Iterator

from fangyan.report.read.joint import UnitTexts, recall_at_1
from fangyan.report.read.results import Results
from fangyan.report.render import curves
from fangyan.report.render.blocks import Block, Picture
from fangyan.report.sections import space
from fangyan.report.sections.speech_and_text import kinds
from fangyan.rounding import percent


def blocks(experiment: Results) -> Iterator[Block]:
    """A figure by layer of each test set, its numbers, and pictures of some; nothing where none was measured."""
    if experiment.joint.unit_texts:
        yield (
            "The Mandarin wording of each sentence is read as units, as if it were spoken, and enters the shared stack "
            "where frames of speech do. Speech finds texts and texts find speech as speech finds speech, at each layer "
            "of that stack; untrained, it shows what the form of the units alone gives."
        )
    for found in experiment.joint.unit_texts:
        yield _curve(found)
        yield kinds(found.name, found.encoder, f"Texts as units on {found.name}")
        for name, rows in found.baselines.items():
            yield kinds(f"{found.name}, {name}", rows, f"Texts as units on {found.name}, {name}")
    if experiment.joint.unit_texts:
        yield from space.pictures(experiment)


def _curve(found: UnitTexts) -> Picture:
    values = "; ".join(f"{kind} {_by_layer(found, kind)}" for kind in curves.BETWEEN)
    thin = f"; thin: {', '.join(found.baselines)}" if found.baselines else ""
    what = f"R@1 between speech and texts as units on {found.name}"
    caption = f"{what}, by layer of the shared stack{thin}; dotted: chance."
    alt = f"Line chart of {what} by layer, in percent: {values}."
    return Picture(f"unit_texts_{found.name}", curves.unit_texts(found), alt, caption)


def _by_layer(found: UnitTexts, kind: str) -> str:
    means = recall_at_1(found.encoder, kind)
    return ", ".join(f"{layer} {percent(mean)}" for layer, mean in means.items())

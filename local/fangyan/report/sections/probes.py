"""The section "What layers know": linear probes by layer, as curves and tables."""

from collections.abc import Iterator

from fangyan.report.read.probes import Probes
from fangyan.report.read.results import Results
from fangyan.report.render import curves
from fangyan.report.render.blocks import Block, Picture
from fangyan.report.render.tables import Table
from fangyan.rounding import NONE, group_digits, percent


def blocks(experiment: Results) -> Iterator[Block]:
    """A figure and a table of each label; nothing where nothing was probed."""
    if experiment.probes:
        yield (
            "What a linear classifier reads from a layer, on sentences or speakers that it was not trained on. Chance: "
            "always the commonest label. Control: labels without sense, one for each speaker (or sentence, where "
            "speakers are held out), after Hewitt & Liang (2019, arXiv 1909.03368); accuracy minus control is "
            "selectivity."
        )
    for found in experiment.probes:
        yield _curve(found)
        yield table(found)


def table(found: Probes) -> Table:
    """One row a layer, of speech, then of texts."""
    rows = [
        (
            row.side,
            row.layer,
            percent(row.accuracy)
            + (f" ({percent(row.low)}–{percent(row.high)})" if row.low is not None else ""),
            percent(row.control),
            NONE if row.control is None else percent(row.accuracy - row.control),
            percent(row.chance),
        )
        for of_side in found.sides.values()
        for row in of_side
    ]
    first = next(iter(found.sides.values()))[0]
    caption = (
        f"{_describe(found)}, in percent: {first.n:,} items of {first.classes:,} labels, {first.folds} folds."
    )
    if first.clusters:
        caption += f" In brackets: 95 % intervals, bootstrap over {group_digits(first.clusters)}."
    header = ("side", "layer", "accuracy", "control", "selectivity", "chance")
    return Table(f"Probe of {found.label} on {found.name}", caption, header, tuple(rows), text_columns=2)


def _curve(found: Probes) -> Picture:
    values = "; ".join(
        f"{side}: {', '.join(f'{row.layer} {percent(row.accuracy)}' for row in rows)}"
        for side, rows in found.sides.items()
    )
    caption = (
        f"{_describe(found)} by layer. Line: accuracy, with 95 % intervals; dashed: control; dotted: chance."
    )
    alt = f"Line chart of the accuracy of a probe by layer, in percent: {values}."
    words = (found.label.replace(":", "_"), *filter(_unusual, (found.held_out, found.features)), found.name)
    return Picture("_".join(("probe", *words)), curves.probes(found), alt, caption)


def _unusual(word: str) -> bool:
    return word not in ("sentence", "mean")


def _describe(found: Probes) -> str:
    what = "single frames" if found.features == "frame" else "mean frames"
    held_out = "sentence and speaker" if found.held_out == "both" else found.held_out
    return f"{found.label} from {what} on {found.name}, no {held_out} in training and test"

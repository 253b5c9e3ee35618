"""The section "Character error rate": by variety, and by the layer that the encoder is left at."""

from collections.abc import Iterator

from fangyan.measure.selection import by_layer
from fangyan.recognition.cer import ALL_VARIETIES, WHOLE_MODEL
from fangyan.report.read.results import Results
from fangyan.report.render import curves
from fangyan.report.render.blocks import Block, Picture, picture_name
from fangyan.report.render.figures import LEGIBLE
from fangyan.report.render.tables import Table, label, sort_varieties
from fangyan.rounding import percent


def blocks(experiment: Results) -> Iterator[Block]:
    """The errors of the model on every set that was decoded, then those of its layers."""
    sets = (*experiment.tests, experiment.dev)
    for name in sets:
        if name in experiment.cer:
            yield varieties(experiment, name)
    for name in sets:
        if name in experiment.exits:
            yield _curve(experiment, name)
            yield exits(experiment, name)
    if not experiment.cer:
        yield "Nothing was decoded: only an encoder was scored, or the stages decode and score have not run."
    elif not experiment.exits:
        yield "No earlier layer was decoded from: --exit_layers names those to decode from."


def varieties(experiment: Results, name: str) -> Table:
    """Character error rate on set ``name`` by variety, with the counts it rests on."""
    rows = experiment.cer[name]
    cells = tuple(
        (label(r.variety), percent(r.cer), f"{r.sentences:,}", f"{r.characters:,}", f"{r.errors:,}")
        for r in rows
    )
    marked = frozenset(n for n, row in enumerate(rows) if row.variety == ALL_VARIETIES)
    caption = f"{name}: errors are substitutions, deletions and insertions; CER in percent of the characters."
    header = ("variety", "CER", "sentences", "characters", "errors")
    return Table(f"CER on {name}", caption, header, cells, marked=marked)


def exits(experiment: Results, name: str) -> Table:
    """A row an exit layer on set ``name``: mean R@1 of the layer, and what was decoded from it, all and by variety."""
    found = experiment.exits[name]
    aligned = by_layer(experiment.encoder.seqsim.get(name, ()))
    codes = sort_varieties(row.variety for row in found[WHOLE_MODEL] if row.variety != ALL_VARIETIES)
    shown = codes if len(codes) <= LEGIBLE else []
    rows = []
    for layer, errors in found.items():
        cer = {row.variety: percent(row.cer) for row in errors}
        recall = aligned[layer].recall_at_1 if layer in aligned else None
        rows.append((layer, percent(recall), cer[ALL_VARIETIES], *(cer[code] for code in shown)))
    total = next(row for row in found[WHOLE_MODEL] if row.variety == ALL_VARIETIES)
    caption = (
        f"{name}, in percent: CER of what is decoded where the encoder ends with a layer, over all "
        f"{total.characters:,} characters{' and by variety' if shown else ''}, beside the mean R@1 of the layer."
    )
    if not shown:
        caption += f" The {len(codes):,} varieties are in early_exit/{name}/cer.tsv."
    header = ("layer", "R@1", "CER", *(f"CER {code}" for code in shown))
    return Table(f"Exits on {name}", caption, header, tuple(rows))


def _curve(experiment: Results, name: str) -> Picture:
    found = experiment.exits[name]
    totals = {layer: row for layer, rows in found.items() for row in rows if row.variety == ALL_VARIETIES}
    values = ", ".join(f"{layer} {percent(row.cer)}" for layer, row in totals.items())
    caption = (
        f"Recognition against alignment on {name}: CER where the encoder ends with a layer and its final norm (early "
        f"exit, after Shim et al. 2025), {WHOLE_MODEL} being the whole model, beside the mean R@1 of the same layers. "
        "Thin: varieties."
    )
    if any(100 * row.cer > curves.TOP for rows in found.values() for row in rows):
        caption += f" CER above {curves.TOP} % is in the table."
    alt = f"Line chart of CER by exit layer on {name}, in percent: {values}; beside it mean R@1."
    return Picture(picture_name("exits", experiment, name), curves.exits(experiment, name), alt, caption)

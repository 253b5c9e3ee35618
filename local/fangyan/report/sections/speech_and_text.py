"""The section "Speech and text": what a joint space is worth, in words, tables and figures."""

from collections.abc import Iterator, Sequence

from fangyan.features.layers import layer_name
from fangyan.measure.classification import ALL as ALL_CLASSIFIED
from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.hard_negatives import ALL, SENTENCES, VARIANTS, HardScore
from fangyan.report.read.joint import Classification, CrossModal, HardNegatives
from fangyan.report.read.results import Results
from fangyan.report.render import figures
from fangyan.report.render.bars import Bar, bars
from fangyan.report.render.blocks import Block, Picture
from fangyan.report.render.figures import latin
from fangyan.report.render.tables import Table, label, sort_varieties
from fangyan.report.sections.breakdown import heat
from fangyan.rounding import NONE, group_digits, percent

MEAN = "mean of varieties"


def blocks(experiment: Results) -> Iterator[Block]:
    """Retrieval across modalities, hard negatives, classification; nothing where none was measured."""
    joint = experiment.joint
    if joint.cross_modal:
        yield (
            "Recordings and texts in one space, each as one vector: speech finds its text, text its recordings, and "
            "speech speech. The score is the cosine of mean frames."
        )
    for found in joint.cross_modal:
        yield from _cross_modal(found)
    if joint.hard_negatives:
        yield (
            "Hard negatives: variants of the Mandarin sentences that differ in one part, such as a number, a negation, "
            "a name, a place, a time, or who does what to whom (conf/hard_negatives.tsv; after xsim++, Chen et al. "
            "2023, arXiv 2306.12907). Speech is to find its sentence among all sentences and all variants."
        )
    for found in joint.hard_negatives:
        yield from _hard_negatives(found)
    if joint.classification:
        yield (
            "Classification without training: an utterance is of the label whose Mandarin text is nearest. Chance is "
            "that of a die; the majority always says the commonest label."
        )
    for found in joint.classification:
        yield from _classification(found)


def _cross_modal(found: CrossModal) -> Iterator[Block]:
    for layer in dict.fromkeys(pair.layer for pair in found.pairs):
        pairs = [pair for pair in found.pairs if pair.layer == layer]
        table = _matrix(
            found.name, layer, {(p.source, p.target): p.recall_at_1 for p in pairs}, pairs[0].chance
        )
        yield table
        alt = f"Heat map of R@1 from each side to each other on {found.name}; the numbers are in the table."
        caption = "R@1 as a colour, white at 0 and dark at 100 %; the line on the scale is chance."
        image = figures.heatmap(table, source="asked by")
        yield Picture(f"{found.folder}_{found.name}", image, alt, caption, on_page=False)
    if found.kinds:
        yield kinds(found.name, found.kinds, f"Kinds of pairs on {found.name}")


def _matrix(name: str, layer: str, cells: dict[tuple[str, str], float], chance: float) -> Table:
    sides = sort_varieties(side for pair in cells for side in pair)
    caption = (
        f"R@1 on {name} in percent, {layer_name(layer)}, from the row's recordings or texts to the column's."
    )
    return heat(f"Speech and text on {name}", caption, list(map(label, sides)), sides, cells, chance)


def kinds(what: str, means: Sequence[KindInterval], title: str) -> Table:
    """One row for each kind of pairs and layer, of the ``means``; the caption begins with ``what`` they are of."""
    at = {(row.layer, row.kind, row.metric): row for row in means}
    rows = [
        (
            kind,
            layer,
            _rate(first),
            *(percent(at[layer, kind, metric].mean) for metric in ("recall_at_5", "mrr")),
            f"{first.n:,}",
            percent(first.chance),
        )
        for (layer, kind, metric), first in at.items()
        if metric == "recall_at_1"
    ]
    clusters = group_digits(" and ".join(dict.fromkeys(row.clusters for row in means)))
    caption = (
        f"{what}, in percent: means over the ordered pairs of each kind. In brackets: 95 % intervals, bootstrap "
        f"over {clusters}. N: queries of all pairs."
    )
    header = ("pairs", "layer", "R@1", "R@5", "MRR", "N", "chance")
    return Table(title, caption, header, tuple(rows), text_columns=2)


def remarks(experiment: Results) -> Iterator[str]:
    """R@1 of each kind of pairs on the test sets, a sentence for each layer: that of the headline is of frames."""
    for found in experiment.joint.cross_modal:
        first = [row for row in found.kinds if row.metric == "recall_at_1" and found.name in experiment.tests]
        for layer in dict.fromkeys(row.layer for row in first):
            means = ", ".join(f"{row.kind} {_rate(row)}" for row in first if row.layer == layer)
            yield f"R@1 on {found.name} with one vector each, at {layer_name(layer)}, in percent: {means}."


def _hard_negatives(found: HardNegatives) -> Iterator[Block]:
    yield hard_scores(found)
    whole = [row for row in found.kinds if row.source == ALL]
    if whole:
        yield changes(found)
        values = ", ".join(
            f"{row.kind} {percent(row.outranked)} (chance {percent(row.chance)})" for row in whole
        )
        caption = (
            f"How often a variant of its kind is at least as near to the speech as the truth, on {found.name}; "
            "sentence: any other sentence, or a variant of it. Vertical lines: 95 % intervals."
        )
        image = bars(
            [Bar(r.kind, r.outranked, r.low, r.high, r.chance) for r in whole],
            _title("outranked", found.name),
        )
        alt = f"Bar chart by kind of change of how often the truth is outranked, in percent: {values}."
        yield Picture(f"{found.folder}_{found.name}", image, alt, caption)


def hard_scores(found: HardNegatives) -> Table:
    """One row a variety: R@1 among sentences, and among their variants as well."""
    at = {(row.source, row.against): row for row in found.scores}
    sources = [source for source, against in at if against == SENTENCES]
    rows = [
        (
            _name(source),
            *(_recall(at.get((source, against))) for against in (SENTENCES, VARIANTS)),
            f"{at[source, SENTENCES].n:,}",
        )
        for source in sources
    ]
    alone, hard = (next(row for row in found.scores if row.against == of) for of in (SENTENCES, VARIANTS))
    caption = (
        f"Speech to text on {found.name}, {layer_name(alone.layer)}, R@1 in percent: among {alone.candidates:,} "
        f"sentences (chance {percent(alone.chance)} %), and with all variants among {hard.candidates:,} texts (chance "
        f"{percent(hard.chance)} %). In brackets: 95 % intervals, bootstrap over {group_digits(alone.clusters)}."
    )
    marked = frozenset(n for n, source in enumerate(sources) if source == ALL)
    return Table(
        f"Hard negatives on {found.name}",
        caption,
        ("variety", "sentences", "with variants", "N"),
        tuple(rows),
        marked=marked,
    )


def changes(found: HardNegatives) -> Table:
    """One row a kind of change, of all varieties; below each the errors that it costs."""
    rows = [
        (
            row.kind,
            _interval(row.outranked, row.low, row.high),
            percent(row.chance),
            f"{row.n:,}",
            f"{row.errors:,}",
        )
        for row in found.kinds
        if row.source == ALL
    ]
    caption = (
        f"By kind of change on {found.name}. Outranked: how often a variant of that kind is at least as near as the "
        "truth, in percent of the N recordings whose sentence has one. Errors: recordings whose nearest text is of "
        "that kind."
    )
    return Table(
        f"Changes on {found.name}", caption, ("change", "outranked", "chance", "N", "errors"), tuple(rows)
    )


def _classification(found: Classification) -> Iterator[Block]:
    yield classes(found)
    first = found.rows[0]
    shown = [Bar(row.source, row.accuracy, row.low, row.high, row.chance) for row in found.rows]
    values = ", ".join(f"{row.source} {percent(row.accuracy)}" for row in found.rows)
    caption = f"Accuracy of {first.label} on {found.name} by variety. Vertical lines: 95 % intervals."
    alt = f"Bar chart of accuracy by variety, in percent: {values}; chance {percent(first.chance)}."
    image = bars(shown, _title(f"accuracy of {latin(first.label, 'the label')}", found.name))
    yield Picture(f"{found.folder}_{found.name}", image, alt, caption)


def classes(found: Classification) -> Table:
    """One row a variety: accuracy and macro-F1 with what chance and the majority have."""
    rows = [
        (
            _name(row.source),
            _interval(row.accuracy, row.low, row.high),
            percent(row.majority),
            _interval(row.f1, row.f1_low, row.f1_high),
            percent(row.majority_f1),
            f"{row.n:,}",
        )
        for row in found.rows
    ]
    first, clusters = found.rows[0], group_digits(found.rows[-1].clusters)
    caption = (
        f"{first.label} on {found.name}, {layer_name(first.layer)}, in percent: {first.labels} labels, chance "
        f"{percent(first.chance)} %. In brackets: 95 % intervals, bootstrap over {clusters}."
    )
    header = ("variety", "accuracy", "majority", "macro-F1", "of majority", "N")
    marked = frozenset(n for n, row in enumerate(found.rows) if row.source == ALL_CLASSIFIED)
    return Table(f"Classification on {found.name}", caption, header, tuple(rows), marked=marked)


def _name(source: str) -> str:
    return MEAN if source == ALL else label(source)


def _title(what: str, name: str) -> str:
    return f"{what}, {latin(name, 'the test set')} (%)"


def _rate(row: KindInterval) -> str:
    return _interval(row.mean, row.low, row.high)


def _recall(row: HardScore | None) -> str:
    return _interval(row.recall_at_1, row.low, row.high) if row else NONE


def _interval(value: float, low: float | None, high: float | None) -> str:
    """``77.0 (70.1–83.2)``."""
    return percent(value) if low is None else f"{percent(value)} ({percent(low)}–{percent(high)})"

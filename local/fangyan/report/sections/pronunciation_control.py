"""The section "Meaning or sound" in words and tables: what is left of alignment where phonetic distance misleads."""

from collections.abc import Iterable, Iterator

from fangyan.features.layers import layer_name
from fangyan.ipa.dictionaries import DATA, IpaSource
from fangyan.ipa.dictionaries import NONE as UNKNOWN
from fangyan.measure.pronunciation_control import Controlled
from fangyan.report.read.pronunciation_control import Control
from fangyan.report.read.results import Results
from fangyan.report.render import figures
from fangyan.report.render.blocks import Block, Picture, picture_name
from fangyan.report.render.tables import Table, sort_varieties
from fangyan.rounding import NONE, decimals, percent

MANY = 90
"""Up to so many ordered pairs are listed (10 varieties)."""


def blocks(experiment: Results) -> Iterator[Block]:
    """What phonetic distance explains, on every test set."""
    if experiment.control:
        yield definition(experiment.control.values())
    for name in experiment.control:
        yield verdict(experiment, name)
        if name in experiment.sources:
            yield f"IPA on {name}: {origin(experiment.sources[name])}."
        yield _layer_bars(experiment, name)
        if experiment.encoder.layer:
            yield _distance_bars(experiment, name)
            yield pairs(experiment, name)
        yield layers(experiment, name)
    for name, sources in experiment.sources.items():
        if name not in experiment.control:
            yield (
                f"Sound cannot be controlled for on {name}, which takes two varieties that share 2 sentences with IPA: "
                f"{origin(sources)}."
            )
    known = {*experiment.control, *experiment.sources}
    if missing := [name for name in experiment.tests if name not in known]:
        yield f"Sound was not controlled for on {', '.join(missing)}: run the stage measure."


def origin(sources: Iterable[IpaSource]) -> str:
    """Where the IPA of a set came from, with the number of utterances, as a clause."""
    counts: dict[str, int] = {}
    for row in sources:
        counts[row.source] = counts.get(row.source, 0) + row.utterances
    own, unknown = counts.pop(DATA, 0), counts.pop(UNKNOWN, 0)
    parts = [f"{DATA} of the data ({own:,})"] if own else []
    if counts:
        parts.append(f"read by {', '.join(f'{source} ({n:,})' for source, n in counts.items())}")
    if unknown:
        parts.append(f"none for {unknown:,} utterances, which take no part")
    return "; ".join(parts)


def definition(controls: Iterable[Control]) -> str:
    """What phonetic distance and the controlled set are, with the quantile."""
    quantiles = {f"{row.quantile:g}" for control in controls for row in control.pooled.values()}
    return (
        "Do translations meet because they mean the same, or because cognates sound alike? Phonetic distance ranks the "
        "candidates by how near their IPA is. The controlled set contains only queries that phonetic "
        "distance gets wrong: those whose translation sounds no nearer than the quantile "
        f"{' and '.join(sorted(quantiles))} of the distances to the wrong candidates. After Shim et al. (2025, "
        "arXiv 2505.19606), whose distance and threshold are not published: the definitions are ours "
        "(local/fangyan/measure/pronunciation_control/__init__.py)."
    )


def verdict(experiment: Results, name: str) -> str:
    """Phonetic distance against the chosen layer on set ``name``, all pairs together, each score with its chance."""
    pooled = experiment.control[name].pooled
    row = pooled.get(experiment.encoder.layer or "") or next(iter(pooled.values()))
    said = f"On {name}, phonetic distance has R@1 {percent(row.phonetics_recall_at_1)} %"
    if experiment.encoder.layer:
        said += f", {row.layer} {percent(row.recall_at_1)} %"
    said += f" ({row.n:,} queries of all pairs together, chance {percent(row.chance)} %)."
    if not row.n_controlled:
        return f"{said} No query is controlled, so this set cannot tell meaning from sound."
    if experiment.encoder.layer:
        said += (
            f" On the {row.n_controlled:,} controlled queries the layer has {percent(row.recall_at_1_controlled)} %, "
            f"chance {percent(row.chance_controlled)} %, and phonetic distance none by construction."
        )
    return said


def pairs(experiment: Results, name: str) -> Table:
    """The chosen layer on set ``name``: a row an ordered pair, and all of them together."""
    layer, control = experiment.encoder.layer, experiment.control[name]
    of_layer = {(row.source, row.target): row for row in control.pairs if row.layer == layer}
    codes = sort_varieties(code for pair in of_layer for code in pair)
    rows = [of_layer[a, b] for a in codes for b in codes if (a, b) in of_layer]
    whole = control.pooled[layer or ""]
    cells = [_cells(row) for row in (*(rows if len(rows) <= MANY else ()), whole)]
    best = (3 * whole.chance / (1 + whole.chance)) ** 0.5
    caption = (
        f"{name}, {layer_name(layer)}, in percent. Bold: the queries of all pairs together. Partial correlation: of "
        "similarity and being the translation, given the phonetic distance, each as a rank among the candidates; a "
        f"perfect ranking comes to about {decimals(best, 2)}."
    )
    if len(rows) > MANY:
        caption += f" The {len(rows):,} pairs are in control/{name}/controlled.tsv."
    marked = frozenset({len(cells) - 1})
    return Table(f"Sound on {name}", caption, _HEADER, tuple(cells), text_columns=2, marked=marked)


def layers(experiment: Results, name: str) -> Table:
    """One row a layer on set ``name``: the queries of all ordered pairs together."""
    pooled = experiment.control[name].pooled
    caption = f"{name}, layer by layer, in percent: the queries of all pairs together."
    if experiment.encoder.layer:
        caption += f" Bold: the layer {experiment.choice}."
    header = ("layer", "R@1", "R@1 controlled", "n controlled", "partial correlation")
    rows = tuple(
        (
            layer,
            percent(row.recall_at_1),
            percent(row.recall_at_1_controlled),
            f"{row.n_controlled:,}",
            _r(row),
        )
        for layer, row in pooled.items()
    )
    marked = frozenset(n for n, layer in enumerate(pooled) if layer == experiment.encoder.layer)
    return Table(f"Sound by layer on {name}", caption, header, rows, marked=marked)


def _layer_bars(experiment: Results, name: str) -> Picture:
    rows = experiment.control[name].pooled
    values = ", ".join(
        f"{layer} {percent(row.recall_at_1)} and {percent(row.recall_at_1_controlled)}"
        for layer, row in rows.items()
    )
    row = next(iter(rows.values()))
    caption = (
        f"R@1 on {name} by layer: all {row.n:,} queries, and the {row.n_controlled:,} controlled ones, on which sound "
        "alone has 0."
    )
    alt = f"Bar chart of R@1 by layer on {name}, all queries and the controlled ones, in percent: {values}."
    return Picture(picture_name("control", experiment, name), figures.control(rows, name), alt, caption)


def _distance_bars(experiment: Results, name: str) -> Picture:
    rows = experiment.control[name].bins
    values = ", ".join(
        f"{decimals(row.low, 2)} to {decimals(row.high, 2)} {percent(row.recall_at_1)}" for row in rows
    )
    fewest, most = min(row.n for row in rows), max(row.n for row in rows)
    caption = (
        f"R@1 on {name}, {layer_name(experiment.encoder.layer)}: the queries of all pairs, nearest in sound to their "
        f"translation first, in {len(rows)} bins of {'-'.join(dict.fromkeys((f'{fewest:,}', f'{most:,}')))} queries."
    )
    alt = f"Bar chart of R@1 by phonetic distance on {name}, in percent: {values}."
    return Picture(picture_name("bins", experiment, name), figures.bins(rows, name), alt, caption)


def _cells(row: Controlled) -> tuple[str, ...]:
    kept = (
        f"{row.n_controlled:,}",
        percent(row.recall_at_1_controlled),
        percent(row.chance_controlled),
        _r(row),
    )
    return row.source, row.target, percent(row.recall_at_1), percent(row.phonetics_recall_at_1), *kept


def _r(row: Controlled) -> str:
    return NONE if row.partial_correlation is None else decimals(row.partial_correlation, 3)


_HEADER = (
    *("source", "target", "R@1", "phonetic distance R@1"),
    *("n controlled", "R@1 controlled", "chance controlled", "partial correlation"),
)

"""Where translations are found and where not: R@1 by variety, by group, on the map, and sentence by sentence."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean

from fangyan.data.varieties import coordinates, group_of
from fangyan.data.varieties import varieties as table_of_varieties
from fangyan.features.layers import layer_name
from fangyan.measure.retrieval.tables import Group, Pair
from fangyan.report.read.results import Results
from fangyan.report.render import figures, sitemap
from fangyan.report.render.blocks import Block, Picture, picture_name
from fangyan.report.render.sitemap import MapSite
from fangyan.report.render.tables import Table, chosen_mean, describe_basis, ends, label, sort_varieties
from fangyan.rounding import percent

PLACES = 3
"""From so many varieties with a known place on, there is a map."""

SHOWN = 5
"""So many of the hardest sentences are shown, and so many of the easiest."""

DAGGER = "†"
"""Marks means over pairs within a group."""


def varieties(experiment: Results, name: str) -> Iterator[Block]:
    """The chosen layer on set ``name``: matrix of varieties, of groups if fewer, map if places are known."""
    table = matrix(experiment, name)
    yield from _coloured("heatmap", "variety", table, experiment, name)
    grouped = groups(experiment, name)
    if 1 < len(grouped.rows) < len(table.rows):
        yield from _coloured("groups", "group", grouped, experiment, name)
    if speakers_of := speakers(experiment, name):
        yield from _coloured("speakers", "variety", speakers_of, experiment, name)
    found = sites(experiment, name)
    if len(found) >= PLACES:
        yield _map(found, experiment, name)


def matrix(experiment: Results, name: str) -> Table:
    """R@1 of the chosen layer on set ``name``: a row a source variety, a column a target variety."""
    layer, mean = experiment.encoder.layer, chosen_mean(experiment.encoder, name)
    cells = {(pair.source, pair.target): pair.recall_at_1 for pair in _pairs(experiment, name)}
    codes = sort_varieties(code for pair in cells for code in pair)
    basis = describe_basis(mean)
    caption = (
        f"R@1 on {name} in percent, {layer_name(layer)}, from the row's variety to the column's; {basis}."
    )
    return heat(f"Varieties on {name}", caption, list(map(label, codes)), codes, cells, mean.chance)


def groups(experiment: Results, name: str) -> Table:
    """R@1 of the chosen layer on set ``name`` by group: a row a source group, a column a target group."""
    layer, mean = experiment.encoder.layer, chosen_mean(experiment.encoder, name)
    found = [g for g in experiment.encoder.groups.get(name, ()) if g.layer == layer]
    cells = {(g.source_group, g.target_group): g.recall_at_1 for g in found}
    within = {pair for pair in cells if len(set(pair)) == 1}
    names = sorted({group for pair in cells for group in pair}, key=group_order)
    basis = describe_basis(mean)
    caption = f"R@1 on {name} in percent, {layer_name(layer)}: mean over the pairs of two groups; {basis}."
    across = [value for pair, value in cells.items() if pair not in within]
    if across and within:
        caption += (
            f" The {len(across):,} cells across groups, those of the published protocol (Chang et al. 2026), have a "
            f"mean of {percent(fmean(across))} %. Dashed, {DAGGER}: pairs of varieties within a group, which it lacks."
        )
    return heat(f"Groups on {name}", caption, names, names, cells, mean.chance, within)


def speakers(experiment: Results, name: str) -> Table | None:
    """R@1 between speakers on set ``name`` by their varieties, of the chosen layer; None where it was not measured."""
    layer = experiment.encoder.layer
    found = [g for g in experiment.speakers.get(name, ()) if g.layer == layer]
    if not found:
        return None
    cells = {(g.source_group, g.target_group): g.recall_at_1 for g in found}
    codes = sort_varieties(code for pair in cells for code in pair)
    within = {pair for pair in cells if len(set(pair)) == 1}
    kinds = [
        f"{words}: {_over_pairs(of_kind, 'recall_at_1')} % (chance {_over_pairs(of_kind, 'chance')} %)"
        for kind, words in (("within", "two speakers of one variety"), ("across", "of two varieties"))
        if (of_kind := [g for g in found if g.cell == kind])
    ]
    caption = (
        f"R@1 on {name} in percent, layer {layer}, from each speaker to each other, by their varieties; "
        f"{'; '.join(kinds)}. Dashed, {DAGGER}: speakers of one variety."
    )
    chance = fmean(g.chance for g in found)
    return heat(f"Speakers on {name}", caption, list(map(label, codes)), codes, cells, chance, within)


def _over_pairs(found: Sequence[Group], metric: str) -> str:
    """The mean of a metric over all pairs of the cells, in percent."""
    return percent(sum(g.pairs * getattr(g, metric) for g in found) / sum(g.pairs for g in found))


def sites(experiment: Results, name: str) -> list[MapSite]:
    """The varieties of set ``name`` whose place is known, with the mean R@1 of the chosen layer from and to each."""
    recalls: dict[str, list[float]] = {}
    for pair in _pairs(experiment, name):
        for code in (pair.source, pair.target):
            recalls.setdefault(code, []).append(pair.recall_at_1)
    own = experiment.groups.get(name, {})
    found = (
        MapSite(code, own.get(code) or group_of(code), *coordinates(code), fmean(values))
        for code, values in recalls.items()
        if coordinates(code)
    )
    return sorted(found, key=lambda site: (group_order(site.group), site.code))


def sentences(experiment: Results, name: str) -> Table:
    """The hardest and the easiest sentences of set ``name``, a row each, hardest first."""
    found = list(enumerate(experiment.sentences[name], 1))
    told = any(sentence.text for _, sentence in found)
    rows = [
        (f"{n:,}", s.id, *([s.text] if told else []), f"{s.n:,}", percent(s.recall_at_1), percent(s.mrr))
        for n, s in found
    ]
    queries = sum(sentence.n for _, sentence in found)
    chance = sum(sentence.n * sentence.chance for _, sentence in found) / queries
    caption = (
        f"{name}, {layer_name(experiment.encoder.layer)}, in percent: mean over all N queries of a sentence, whatever "
        f"the pair of varieties; 1 is the hardest of {len(found):,} sentences, chance {percent(chance)} %."
    )
    always = sum(sentence.recall_at_1 == 1 for _, sentence in found)
    if always > SHOWN:
        caption += f" {always:,} sentences are always found."
    header = ("#", "sentence", *(["Mandarin"] if told else []), "N", "R@1", "MRR")
    return Table(f"Sentences of {name}", caption, header, ends(rows, SHOWN), text_columns=3 if told else 2)


def _pairs(experiment: Results, name: str) -> list[Pair]:
    return [p for p in experiment.encoder.seqsim[name] if p.layer == experiment.encoder.layer]


def group_order(group: str) -> tuple[int, str]:
    """A key that sorts groups, or codes in their stead, as the table of varieties does, and unknown ones last."""
    rows = [(variety.code, variety.group) for variety in table_of_varieties().values()]
    return next((n for n, names in enumerate(rows) if group in names), len(rows)), group


def _coloured(kind: str, what: str, table: Table, experiment: Results, name: str) -> Iterator[Block]:
    """A table, coloured on the page, and its picture."""
    yield table
    alt = f"Heat map of R@1 from each {what} to each other on {name}; the numbers are in the table."
    caption = "R@1 as a colour, white at 0 and dark at 100 %; the line on the scale is chance."
    caption += " Dashed: within a group." if table.extension else ""
    image = figures.heatmap(table)
    yield Picture(picture_name(kind, experiment, name), image, alt, caption, on_page=False)


def _map(found: Sequence[MapSite], experiment: Results, name: str) -> Picture:
    worst, best = (pick(found, key=lambda site: site.recall_at_1) for pick in (min, max))
    spread = (
        f"from {percent(worst.recall_at_1)} % ({worst.code}) to {percent(best.recall_at_1)} % ({best.code})"
    )
    total = len({code for pair in _pairs(experiment, name) for code in (pair.source, pair.target)})
    caption = (
        f"The varieties of {name} where they are spoken (conf/places.tsv, to about 0.1 degrees), "
        f"{layer_name(experiment.encoder.layer)}. "
        "Colour: mean R@1 over all pairs with the variety as source or target, "
        f"{spread}; chance {percent(chosen_mean(experiment.encoder, name).chance)} %."
    )
    if len(set(sitemap.shapes_of(found).values())) > 1:
        caption += " Shape: group."
    if total > len(found):
        caption += f" {total - len(found):,} of {total:,} varieties have no known place and are left out."
    alt = f"Map of {len(found):,} varieties of {name}, coloured by mean R@1: {spread}."
    return Picture(picture_name("map", experiment, name), sitemap.draw(found, name), alt, caption)


def heat(
    title: str,
    caption: str,
    labels: Sequence[str],
    names: Sequence[str],
    cells: Mapping[tuple[str, str], float],
    chance: float,
    extension: Collection[tuple[str, str]] = (),
) -> Table:
    """A coloured matrix of fractions by source and target; ``extension``: cells that a published protocol lacks."""
    heat = tuple(tuple(cells.get((row, column)) for column in names) for row in names)
    places = frozenset(
        (y, x) for y, row in enumerate(names) for x, column in enumerate(names) if (row, column) in extension
    )
    rows = tuple(
        (
            labels[y],
            *(percent(value) + (DAGGER if (y, x) in places else "") for x, value in enumerate(values)),
        )
        for y, values in enumerate(heat)
    )
    return Table(
        title, caption, ("source / target", *names), rows, heat=heat, chance=chance, extension=places
    )

"""The curves of a report, by layer from the shallowest to the deepest: alignment, recognition, meaning or sound."""

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.retrieval.tables import Pair
from fangyan.measure.selection import by_layer
from fangyan.recognition.cer import ALL_VARIETIES
from fangyan.report.read.joint import UnitTexts, recall_at_1
from fangyan.report.read.probes import Probes
from fangyan.report.read.results import Results
from fangyan.report.read.systems import System
from fangyan.report.render.figures import chance_line, latin, layer_ticks, legend
from fangyan.rounding import percent
from fangyan.style import ACCENT, INK, MUTED, STYLE

LINES = ("-", "--", "-.", ":")
"""One for each of a few baselines or varieties."""

BETWEEN = ("speech to text", "text to speech")
"""Kinds of pairs between the two modalities."""

TOP = 105
"""Where the percent axis ends; a CER beyond is left to the table."""

type Heights = Mapping[str, float]
"""Percent by layer."""


def layers(experiment: Results, name: str) -> Figure:
    """Mean R@1 by layer on set ``name``: SeqSim, mean-pooled, baselines and chance."""
    encoder, found = experiment.encoder, experiment.intervals.get(name, {})
    heights, means = recalls(encoder.seqsim[name]), by_layer(encoder.seqsim[name])
    places = {layer: n for n, layer in enumerate(heights)}
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(f"mean R@1 on {latin(name, 'the test set')} (%)", places)
        for system, line in zip(experiment.baselines, LINES, strict=False):
            _baseline(axes, system, recalls(system.seqsim.get(name, ())), places, line)
        chance_line(axes, next(iter(means.values())).chance)
        pooled = recalls(encoder.pooled.get(name, ()))
        _curve(axes, pooled, places, label="mean-pooled", linestyle="--", linewidth=1.2)
        _curve(axes, heights, places, label="SeqSim", **_MAIN)
        ends = {layer: (100 * row.low, 100 * row.high) for layer, row in found.items() if layer in places}
        _bars(axes, ends, places)
        _mark(axes, encoder.layer, heights, ends, places)
        legend(figure, axes)
    return figure


def exits(experiment: Results, name: str) -> Figure:
    """CER by exit layer on set ``name``, of all and of each variety, beside the mean R@1 of the same layers."""
    found = experiment.exits[name]
    places = {layer: n for n, layer in enumerate(found)}
    cer = {row.variety: {} for row in next(iter(found.values()))}
    for layer, rows in found.items():
        for row in rows:
            cer[row.variety][layer] = 100 * row.cer
    whole = cer.pop(ALL_VARIETIES)
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(f"R@1 and CER on {latin(name, 'the test set')} (%)", places)
        for n, (variety, heights) in enumerate(cer.items()):
            few = len(cer) <= len(LINES)
            look = {"linestyle": LINES[n], "label": f"CER {latin(variety, f'#{n + 1}')}"} if few else {}
            _curve(axes, heights, places, color=MUTED, linewidth=0.8, **look)
        _curve(axes, recalls(experiment.encoder.seqsim.get(name, ())), places, label="R@1", **_MAIN)
        _curve(axes, whole, places, label="CER", **_MAIN | {"color": INK, "marker": "s"})
        legend(figure, axes)
    return figure


def preferences(experiment: Results) -> Figure:
    """How often a word is nearer to its synonym than to a near-homophone, by layer, with baselines and chance."""
    encoder = experiment.encoder
    places = {layer: n for n, layer in enumerate(encoder.words)}
    heights = {layer: 100 * row.preference for layer, row in encoder.words.items()}
    ends = {layer: (100 * row.low, 100 * row.high) for layer, row in encoder.words.items()}
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes("words nearer to their synonym (%)", places)
        for system, line in zip(experiment.baselines, LINES, strict=False):
            of_system = {layer: 100 * row.preference for layer, row in system.words.items()}
            _baseline(axes, system, of_system, places, line)
        chance_line(axes, next(iter(encoder.words.values())).chance)
        _curve(axes, heights, places, label=encoder.name, **_MAIN)
        _bars(axes, ends, places)
        _mark(axes, encoder.layer, heights, ends, places)
        legend(figure, axes)
    return figure


def probes(found: Probes) -> Figure:
    """Accuracy, control and chance of a probe by layer; a panel for each side, speech first."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 0.6 + 2.4 * len(found.sides)), layout="constrained")
        panels = figure.subplots(len(found.sides), squeeze=False)[:, 0]
        for axes, (side, rows) in zip(panels, found.sides.items(), strict=True):
            places = {row.layer: n for n, row in enumerate(rows)}
            layer_ticks(axes, list(places))
            axes.set(
                ylim=(0, TOP), title=f"{latin(found.label, 'the label')} from {latin(side, 'texts')} (%)"
            )
            for field, text, look in _OF_PROBE:
                known = {row.layer: getattr(row, field) for row in rows}
                heights = {layer: 100 * value for layer, value in known.items() if value is not None}
                _curve(axes, heights, places, label=text, **look)
            drawn = {row.layer: (100 * row.low, 100 * row.high) for row in rows if row.low is not None}
            _bars(axes, drawn, places)
        legend(figure, panels[0])
    return figure


def unit_texts(found: UnitTexts) -> Figure:
    """R@1 between speech and texts as units by layer of the shared stack, with baselines and chance."""
    chance = next(row.chance for row in found.encoder if row.kind == BETWEEN[0])
    places = {layer: n for n, layer in enumerate(dict.fromkeys(row.layer for row in found.encoder))}
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(f"speech and texts as units, {latin(found.name, 'the test set')} (%)", places)
        for kind, line in zip(BETWEEN, LINES, strict=False):
            for name, rows in found.baselines.items():
                look = {"color": MUTED, "linewidth": 1, "linestyle": line, "label": f"{kind}, {name}"}
                _curve(axes, _of_kind(rows, kind), places, **look)
            _curve(axes, _of_kind(found.encoder, kind), places, label=kind, **_MAIN | {"linestyle": line})
        chance_line(axes, chance)
        legend(figure, axes, columns=2)
    return figure


def _of_kind(rows: Sequence[KindInterval], kind: str) -> Heights:
    """R@1 of one kind of pairs by layer, in percent."""
    return {layer: 100 * mean for layer, mean in recall_at_1(rows, kind).items()}


def recalls(pairs: Sequence[Pair]) -> Heights:
    """The mean R@1 of each layer, in percent, shallow first."""
    return {layer: 100 * mean.recall_at_1 for layer, mean in by_layer(pairs).items()}


_MAIN = {"color": ACCENT, "linewidth": 2, "marker": "o", "markersize": 4}
_OF_PROBE = (
    ("chance", "chance", {"color": INK, "linewidth": 0.8, "linestyle": (0, (1, 2)), "marker": "_"}),
    ("control", "control", {"color": MUTED, "linewidth": 1.2, "linestyle": "--", "marker": "_"}),
    ("accuracy", "accuracy", _MAIN),
)
"""Fields of a probe, what the legend calls them, and how they look."""


def _axes(title: str, places: Mapping[str, int]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    layer_ticks(axes, list(places))
    axes.set(ylim=(0, TOP), title=title)
    return figure, axes


def _curve(axes: Axes, heights: Heights, places: Mapping[str, int], **look: object) -> None:
    points = [(places[layer], height) for layer, height in heights.items() if layer in places]
    if points:
        axes.plot(*zip(*points, strict=True), **({"color": ACCENT} | look))


def _baseline(
    axes: Axes, system: System, heights: Heights, places: Mapping[str, int], linestyle: str
) -> None:
    look = {"color": MUTED, "linestyle": linestyle, "linewidth": 1, "label": system.name}
    if len(heights) > 1 and heights.keys() <= places.keys():
        _curve(axes, heights, places, **look)
    elif system.layer in heights:
        axes.axhline(heights[system.layer], **look)


def _bars(axes: Axes, ends: Mapping[str, tuple[float, float]], places: Mapping[str, int]) -> None:
    if ends:
        lows, highs = zip(*ends.values(), strict=True)
        axes.vlines([places[layer] for layer in ends], lows, highs, color=ACCENT, linewidth=1.2)


def _mark(
    axes: Axes,
    layer: str | None,
    heights: Heights,
    ends: Mapping[str, tuple[float, float]],
    places: Mapping[str, int],
) -> None:
    """A ring and the number at the chosen layer, clear of its interval."""
    if layer not in heights:
        return
    place, height = places[layer], heights[layer]
    axes.plot(
        [place], [height], marker="o", markersize=9, markerfacecolor="none", color=ACCENT, clip_on=False
    )
    low, high = ends.get(layer, (height, height))
    end, offset = (low, -15) if high > 90 else (high, 8)
    look = {"textcoords": "offset points", "ha": "center", "color": ACCENT}
    axes.annotate(percent(height / 100), (place, end), (0, offset), **look)

"""The figures of a report, drawn for a phone: PNG, and SVG that follows the reader's colour scheme."""

import base64
import io
import re
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fangyan.measure.pronunciation_control import Bin, Controlled
from fangyan.report.render.tables import CONTRAST, Table
from fangyan.rounding import decimals, percent
from fangyan.style import ACCENT, DEEP, INK, MUTED, PAPER, STYLE
from fangyan.training.history import ROLES, Epoch, measures

SHADES = {
    "#e6f2f6": "#1d3a45",
    "#aed3e0": "#2c5f72",
    "#6eacc3": "#458ca6",
    "#2f7f9c": "#76c5de",
    "#0a4358": "#d5f2fb",
}
"""Five classes of a scale, low to high, light and dark."""

DARK = {INK: "#e4e7eb", MUTED: "#98a1ad", ACCENT: "#6cc3dd"} | SHADES
"""The colours, and what they become where the reader prefers dark pages."""

LEGIBLE = 20
"""Up to so many varieties, a heat map has names and numbers."""


def data_uri(figure: Figure) -> str:
    """``figure`` as an SVG data URI with a transparent ground, light or dark as the reader prefers."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"^.*?(?=<svg)", "", buffer.getvalue(), flags=re.DOTALL)
    for n, colour in enumerate(DARK):
        svg = svg.replace(colour, f"var(--c{n})")
    light = "".join(f"--c{n}:{colour};" for n, colour in enumerate(DARK))
    dark = "".join(f"--c{n}:{colour};" for n, colour in enumerate(DARK.values()))
    style = f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    svg = svg.replace("<defs>", f"{style}<defs>", 1)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def heatmap(table: Table, source: str = "spoken in") -> Figure:
    """The coloured matrix of ``table``, scale anchored at 0 and 100 %, chance marked on the scale."""
    with matplotlib.rc_context(STYLE):
        names = table.header[1:]
        side = max(3.4, 1.4 + 0.36 * min(len(names), LEGIBLE))  # inches; room for a number in every cell
        figure = Figure(figsize=(side, side - 0.1), layout="constrained")
        axes = figure.add_subplot()
        shades = LinearSegmentedColormap.from_list("accent", [PAPER, DEEP])
        grid = [[float("nan") if value is None else 100 * value for value in row] for row in table.heat]
        image = axes.imshow(grid, cmap=shades, vmin=0, vmax=100)
        axes.spines[:].set_visible(False)
        _ticks(axes, table)
        if len(names) <= LEGIBLE:
            _numbers(axes, table)
        axes.set(xlabel="searched in", ylabel=source)
        scale = figure.colorbar(image, ax=axes, shrink=0.8, label=f"R@1 (%), chance {percent(table.chance)}")
        scale.outline.set_visible(False)
        scale.ax.axhline(100 * table.chance, color=INK, linewidth=1)
    return figure


def control(rows: Mapping[str, Controlled], name: str) -> Figure:
    """R@1 by layer on set ``name``, all queries beside the controlled ones; phonetic distance and chance as lines."""
    any_layer = next(iter(rows.values()))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 3.0), layout="constrained")
        axes = figure.add_subplot()
        for side, field, colour, text in (
            (-0.2, "recall_at_1", MUTED, "all queries"),
            (0.2, "recall_at_1_controlled", ACCENT, "controlled"),
        ):
            values = [getattr(row, field) for row in rows.values()]
            heights = [float("nan") if value is None else 100 * value for value in values]
            axes.bar([n + side for n in range(len(rows))], heights, 0.38, color=colour, label=text)
        by_sound = any_layer.phonetics_recall_at_1
        axes.axhline(
            100 * by_sound,
            color=INK,
            linewidth=1,
            linestyle="--",
            label=f"phonetic distance {percent(by_sound)}",
        )
        chance_line(axes, any_layer.chance)
        layer_ticks(axes, list(rows))
        axes.set(ylim=(0, 105), title=f"R@1 on {latin(name, 'the test set')} (%)")
        legend(figure, axes, columns=2)
    return figure


def bins(rows: Sequence[Bin], name: str) -> Figure:
    """R@1 on set ``name`` by phonetic distance, a bar a bin, and chance."""
    places = range(len(rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.6), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.bar(places, [100 * row.recall_at_1 for row in rows], 0.7, color=ACCENT)
        axes.bar_label(bars, [percent(row.recall_at_1) for row in rows], padding=1, fontsize=7)
        chance_line(axes, sum(row.n * row.chance for row in rows) / sum(row.n for row in rows))
        axes.set_xticks(
            places, [f"{decimals(row.low, 2)}–{decimals(row.high, 2)}" for row in rows], fontsize=7
        )
        axes.set(ylim=(0, 110), xlabel="phonetic distance to the translation")
        axes.set_title(f"R@1 on {latin(name, 'the test set')} (%)")
        legend(figure, axes)
    return figure


def training(history: Sequence[Epoch]) -> Figure:
    """Loss above, accuracy and character error rate below, by epoch; then a panel for each further measure."""
    further = [name for name in measures(history) if name not in SHARED]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 4.4 + 1.6 * len(further)), layout="constrained")
        upper, lower, *others = figure.subplots(2 + len(further), sharex=True)
        for axes, lines in ((upper, _LOSS), (lower, _RATES)):
            _lines(axes, history, lines)
            axes.set_ylim(bottom=0)
        for axes, name in zip(others, further, strict=True):
            _lines(axes, history, {f"{role}_{name}": _BY_ROLE[role] for role in ROLES})
            axes.set_title(latin(name, "further"))
        if upper.lines:
            upper.legend(fontsize=7, loc="upper right")
        legend(figure, lower, columns=2)
        upper.set_title("loss")
        lower.set_title("accuracy and CER (%)")
        lowest = [lower, *others][-1]
        lowest.set_xlabel("epoch")
        lowest.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _lines(axes: Axes, history: Sequence[Epoch], lines: Mapping[str, tuple]) -> None:
    """Draws the columns of ``lines`` that hold numbers: label, style and scale of each."""
    for column, (text, style, scale) in lines.items():
        values = [row.values.get(column) for row in history]
        if any(value is not None for value in values):
            heights = [float("nan") if value is None else scale * value for value in values]
            epochs = [row.epoch for row in history]
            axes.plot(epochs, heights, label=text, marker=".", markersize=3, **style)


_TRAIN, _VALID = {"color": MUTED, "linewidth": 1.2}, {"color": ACCENT, "linewidth": 1.8}
_BY_ROLE = {"train": ("training", _TRAIN, 1), "valid": ("development", _VALID, 1)}
_LOSS = {f"{role}_loss": look for role, look in _BY_ROLE.items()}
_RATES = {
    "train_acc": ("accuracy, training", _TRAIN, 100),
    "valid_acc": ("accuracy, development", _VALID, 100),
    "valid_cer_ctc": ("CER (CTC), development", {"color": INK, "linewidth": 1.2, "linestyle": "--"}, 100),
}
SHARED = ("loss", "acc", "cer_ctc")
"""What has its place in the first two panels."""


def chance_line(axes: Axes, chance: float) -> None:
    """Draws a dotted line at ``chance`` into ``axes`` in percent, which the legend names."""
    text = f"chance {percent(chance)}"
    axes.axhline(100 * chance, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), label=text)


def layer_ticks(axes: Axes, layers: Sequence[str]) -> None:
    """Labels the x axis with the short names of ``layers`` at 0, 1, ..., of many every few only."""
    step = -(-len(layers) // 14)
    axes.set_xticks(range(len(layers))[::step], [_short(layer) for layer in layers[::step]])
    axes.set_xlabel("layer")


def legend(figure: Figure, axes: Axes, columns: int = 3) -> None:
    """Puts the labels of ``axes`` below the figure, what was drawn last first."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles[::-1], labels[::-1], loc="outside lower left", ncols=columns, fontsize=7, columnspacing=1.2
    )


def _ticks(axes: Axes, table: Table) -> None:
    names = table.header[1:]
    if len(names) > LEGIBLE:
        axes.set(xticks=[], yticks=[])
        return
    places = range(len(names))
    axes.set_xticks(places, [latin(name, f"#{n}") for n, name in enumerate(names, 1)])
    rows = [row[0].removesuffix(f" ({name})") for name, row in zip(names, table.rows, strict=True)]
    axes.set_yticks(places, [latin(row, f"#{n}") for n, row in enumerate(rows, 1)])
    axes.tick_params(length=0)
    if max(map(len, names)) > 6:
        axes.tick_params(axis="x", labelrotation=90)


def _numbers(axes: Axes, table: Table) -> None:
    for y, row in enumerate(table.heat):
        for x, value in enumerate(row):
            colour = PAPER if value is not None and value > CONTRAST else INK
            axes.text(x, y, percent(value), ha="center", va="center", color=colour, fontsize=7)
            if (y, x) in table.extension:
                axes.add_patch(Rectangle((x - 0.44, y - 0.44), 0.88, 0.88, edgecolor=colour, **_DASHED))


_DASHED = {"fill": False, "linewidth": 0.7, "linestyle": (0, (2, 2))}


def _short(layer: str) -> str:
    return re.sub(r"\blayer0*(?=\d)", "", latin(layer, "?"))


def latin(name: str, otherwise: str) -> str:
    """``name`` where the figures' font has it; Chinese names are left to the page, whose reader has fonts."""
    return name if name.isascii() else otherwise

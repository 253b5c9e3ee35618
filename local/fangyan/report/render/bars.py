"""Bars, each with its interval and its own chance: what outranks the truth, how well varieties are classified."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from fangyan.report.render.figures import latin, legend
from fangyan.rounding import percent
from fangyan.style import ACCENT, INK, STYLE


class Bar(NamedTuple):
    """A fraction with its name, the ends of its interval where there is one, and chance."""

    name: str
    value: float
    low: float | None
    high: float | None
    chance: float


def bars(found: Sequence[Bar], title: str) -> Figure:
    """A bar for each of ``found`` in percent, with its interval as a line and a dotted mark at its chance."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.6), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(found))
        axes.bar(places, [100 * bar.value for bar in found], 0.7, color=ACCENT)
        look = {"textcoords": "offset points", "ha": "center", "fontsize": 7}
        for n, bar in enumerate(found):
            top = bar.value if bar.high is None else bar.high  # clear of the interval
            axes.annotate(percent(bar.value), (n, 100 * top), (0, 2), **look)
            if bar.low is not None:
                axes.vlines(n, 100 * bar.low, 100 * bar.high, color=INK, linewidth=1)
            label = "chance" if n == 0 else None
            axes.hlines(
                100 * bar.chance, n - 0.45, n + 0.45, color=INK, linewidth=1, linestyle=":", label=label
            )
        axes.set_xticks(places, [latin(bar.name, f"#{n}") for n, bar in enumerate(found, 1)], fontsize=7)
        if max(map(len, (bar.name for bar in found))) * len(found) > 40:
            axes.tick_params(axis="x", labelrotation=40)
        axes.set(ylim=(0, 112), title=title)
        legend(figure, axes)
    return figure

"""A map of sites, each a dot at its longitude and latitude with its mean R@1 as colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, radians
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from fangyan.report.render.figures import SHADES, latin
from fangyan.style import ACCENT, INK, STYLE

SHAPES = "os^DvPX*<>ph"
"""One for each group; where there are more groups, all sites have the first."""

STEPS = (1, 2, 5, 10, 20)
"""Widths of a class of the scale in percent: the first that is wide enough."""


@dataclass(frozen=True)
class MapSite:
    """A variety with a place (degrees east and north), and its mean R@1 over all pairs that it is part of."""

    code: str
    group: str
    longitude: float
    latitude: float
    recall_at_1: float


def draw(sites: Sequence[MapSite], name: str) -> Figure:
    """The map of ``sites`` of the set ``name``: distances are true to scale at their mean latitude."""
    shapes = shapes_of(sites)
    edges = _edges([100 * site.recall_at_1 for site in sites])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 4.3), layout="constrained")
        axes = figure.add_subplot()
        for group, shape in shapes.items():
            dots = _dots(axes, [site for site in sites if site.group == group], shape, edges)
        axes.set_aspect(1 / cos(radians(fmean(site.latitude for site in sites))))
        axes.margins(0.08)
        axes.set(xlabel="longitude (°E)", ylabel="latitude (°N)")
        title = f"mean R@1 on {latin(name, 'the test set')} (%)"
        scale = figure.colorbar(dots, ax=axes, location="top", shrink=0.7, aspect=28, label=title)
        scale.outline.set_visible(False)
        if len(set(shapes.values())) > 1:
            for number, (group, shape) in enumerate(shapes.items(), 1):
                axes.plot([], [], shape, color=ACCENT, markersize=4, label=latin(group, f"#{number}"))
            figure.legend(loc="outside lower left", ncols=4, fontsize=7, columnspacing=1.2, handletextpad=0.2)
    return figure


def shapes_of(sites: Sequence[MapSite]) -> dict[str, str]:
    """The shape of each group, in the order of ``sites``: one of its own, or the same for all if they are too many."""
    groups = list(dict.fromkeys(site.group for site in sites))
    if len(groups) > len(SHAPES):
        return dict.fromkeys(groups, SHAPES[0])
    return dict(zip(groups, SHAPES, strict=False))


def _dots(axes: Axes, sites: Sequence[MapSite], shape: str, edges: Sequence[int]) -> PathCollection:
    return axes.scatter(
        [site.longitude for site in sites],
        [site.latitude for site in sites],
        c=[100 * site.recall_at_1 for site in sites],
        cmap=ListedColormap(list(SHADES)),
        norm=BoundaryNorm(edges, len(SHADES)),
        **{"marker": shape, "s": 26, "linewidths": 0.6, "edgecolors": INK},
    )


def _edges(values: Sequence[float]) -> list[int]:
    """The ends of the classes in percent: narrow ones, so that the map shows how sites differ."""
    for step in STEPS:
        low = min(step * floor(min(values) / step), 100 - len(SHADES) * step)
        edges = [low + n * step for n in range(len(SHADES) + 1)]
        if edges[-1] >= max(values):
            break
    return edges

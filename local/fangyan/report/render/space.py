"""The picture of a joint space: each text by its number, each utterance by its variety, with a line to its text."""

import matplotlib
from matplotlib.figure import Figure

from fangyan.report.read.space import Space
from fangyan.report.render.figures import SHADES, latin, legend
from fangyan.style import ACCENT, INK, MUTED, STYLE

MARKERS = "os^Dv<>P"
"""Of so many varieties each has its own; of more all have the first."""
NUMBER = next(iter(SHADES))
"""The colour of numbers on texts: light, and dark where these are light."""


def draw(space: Space, name: str) -> Figure:
    """The plane of ``space``, of set ``name``."""
    few = len(space.utterances) <= len(MARKERS)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for n, (variety, members) in enumerate(space.utterances.items()):
            for number, place in members:
                axes.plot(*zip(space.texts[number], place, strict=True), color=MUTED, linewidth=0.4, zorder=1)
            places = zip(*(place for _, place in members), strict=True)
            look = {"marker": MARKERS[n * few], "color": ACCENT, "facecolor": "none", "linewidth": 0.8}
            axes.scatter(*places, s=16, label=latin(variety, f"#{n + 1}") if few else None, zorder=2, **look)
        axes.scatter(*zip(*space.texts.values(), strict=True), s=70, color=INK, label="text", zorder=3)
        for number, place in space.texts.items():
            look = {"ha": "center", "va": "center_baseline", "fontsize": 6, "color": NUMBER, "zorder": 4}
            axes.annotate(f"{number}", place, **look)
        axes.set(xticks=[], yticks=[], title=f"{space.title} on {latin(name, 'the test set')}")
        axes.set_aspect("equal", adjustable="datalim")
        legend(figure, axes, columns=4)
    return figure

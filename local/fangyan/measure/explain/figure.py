"""The figure of a comparison: cosines of frames, best matches, and what each character contributes."""

from collections.abc import Callable, Sequence
from functools import cache

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from fangyan.measure.explain.comparison import FrameComparison, Side
from fangyan.recognition.ctc_alignment import Span, is_plausible_pace
from fangyan.style import ACCENT, DEEP, MUTED, PAPER, STYLE

FORTH, BACK = "#d9480f", "#f2b705"
"""Best frame in the target, and in the query: readable on every shade of the matrix."""

UNTIMELY = "\nCTC wrote faster than anyone speaks: characters stand where they were written, not spoken"

PLACEHOLDERS = "Last Resort"
"""A font of matplotlib's that claims every character and draws boxes."""


def similarity(found: FrameComparison, frame_rate: float, title: str) -> Figure:
    """The matrix, query downwards and target to the right, with the contributions to recall above and precision beside.

    Axes have the characters, by pinyin where no font is installed that has them; without characters, seconds.
    """
    sides = (found.query, found.target)
    fonts = font_for("".join(side.utterance.characters for side in sides))
    with matplotlib.rc_context(STYLE | {"font.family": [*fonts, "DejaVu Sans"]}):
        figure = Figure(figsize=(5.4, 5.8), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
        matrix = figure.add_subplot(grid[1, 0])
        above = figure.add_subplot(grid[0, 0], sharex=matrix)
        beside = figure.add_subplot(grid[1, 1], sharey=matrix)
        _matrix(figure, matrix, found, frame_rate)
        for side, axis, name in zip(sides, (matrix.yaxis, matrix.xaxis), ("query", "target"), strict=True):
            _label(axis, side, frame_rate, name, bool(fonts))
        _bars(above, above.bar, found.target, frame_rate)
        _bars(beside, beside.barh, found.query, frame_rate)
        above.set_title(f"to recall {found.target.score:.3f}")
        beside.set_title(f"to precision\n{found.query.score:.3f}")
        timely = all(is_plausible_pace(side.utterance.peaks, frame_rate) for side in sides)
        figure.suptitle(f"{title}{'' if timely else UNTIMELY}", x=0.01, ha="left", fontsize=8)
        figure.legend(loc="outside lower left", ncols=2, fontsize=7)
    return figure


@cache
def font_for(text: str) -> tuple[str, ...]:
    """The name of an installed font that has all of ``text``, if there is one; nothing for no text."""
    wanted = {ord(char) for char in text}
    for font in font_manager.fontManager.ttflist if wanted else ():
        has = font_manager.get_font(font.fname).get_charmap().keys()
        if wanted <= has and not font.name.startswith(PLACEHOLDERS):
            return (font.name,)
    return ()


def pinyin(characters: str) -> list[str]:
    """The Mandarin reading of each character, □ where it has none."""
    from pypinyin import Style, lazy_pinyin

    return lazy_pinyin(characters, Style.TONE, errors=lambda run: ["□"] * len(run))


def _matrix(figure: Figure, axes: Axes, found: FrameComparison, frame_rate: float) -> None:
    query, target = (np.arange(n) for n in found.cosines.shape)
    extent = (0, len(target) / frame_rate, len(query) / frame_rate, 0)
    shades = LinearSegmentedColormap.from_list("accent", [PAPER, DEEP])
    image = axes.imshow(found.cosines, cmap=shades, aspect="auto", extent=extent, interpolation="nearest")
    for x, y, marker, colour, text in (
        (found.query.match, query, ".", FORTH, "best frame in the target"),
        (target, found.target.match, "x", BACK, "best frame in the query"),
    ):
        look = {"linestyle": "", "markersize": 2.5, "color": colour, "label": text}
        axes.plot((x + 0.5) / frame_rate, (y + 0.5) / frame_rate, marker=marker, **look)
    axes.spines[:].set_visible(False)
    scale = figure.colorbar(image, ax=axes, location="bottom", shrink=0.6, aspect=40, label="cosine")
    scale.outline.set_visible(False)


def _label(axis: Axis, side: Side, frame_rate: float, name: str, as_written: bool) -> None:
    """The characters, and a line between the parts of two; or seconds."""
    utterance, parts = side.utterance, side.utterance.parts
    text = f"{name} {utterance.id}" if utterance.id.isascii() else name
    if not parts:
        axis.set_label_text(f"{text} (s)")
        return
    draw = axis.axes.axvline if axis.axis_name == "x" else axis.axes.axhline
    for part in parts[1:]:
        draw(part.start / frame_rate, color=MUTED, linewidth=0.4)
    middles = [(start + end) / 2 / frame_rate for start, end in parts]
    rows = stagger(middles, len(utterance.frames) / frame_rate / 32)
    height = 10 if as_written else 26  # of a row, in points
    offsets = [-3 - height * row for row in rows]
    _annotate(
        axis, list(utterance.characters) if as_written else pinyin(utterance.characters), middles, offsets
    )
    axis.set_ticks([])
    axis.set_label_text(f"{text}{'' if as_written else ' (pinyin)'}")
    axis.labelpad = height * (1 + max(rows))


def _annotate(axis: Axis, labels: Sequence[str], places: Sequence[float], offsets: Sequence[float]) -> None:
    """Labels at their places along an axis, each so many points away from it."""
    across, axes = axis.axis_name == "x", axis.axes
    look = {"textcoords": "offset points", "annotation_clip": False, "fontsize": 7}
    for label, place, offset in zip(labels, places, offsets, strict=True):
        if across:
            turn = 90 if len(label) > 1 else 0
            at = {"xy": (place, 0), "xytext": (0, offset), "xycoords": axes.get_xaxis_transform()}
            axes.annotate(label, **at, **look, ha="center", va="top", rotation=turn)
        else:
            at = {"xy": (0, place), "xytext": (offset, 0), "xycoords": axes.get_yaxis_transform()}
            axes.annotate(label, **at, **look, ha="right", va="center")


def stagger(places: Sequence[float], room: float) -> list[int]:
    """For each of rising ``places`` the lowest row in which it is ``room`` away from its neighbour."""
    last: list[float] = []  # the rightmost place of each row
    rows = []
    for place in places:
        row = next((n for n, before in enumerate(last) if place - before >= room), len(last))
        last[row : row + 1] = [place]
        rows.append(row)
    return rows


def _bars(axes: Axes, draw: Callable, side: Side, frame_rate: float) -> None:
    """What each character contributes, or each frame where there are none."""
    parts = side.utterance.parts or [Span(n, n + 1) for n in range(len(side.cosine))]
    draw(
        [part.start / frame_rate for part in parts],
        [side.contribution(part) for part in parts],
        [(part.end - part.start) / frame_rate for part in parts],
        align="edge",
        color=ACCENT,
        edgecolor=PAPER,
        linewidth=0.5 if side.utterance.parts else 0,
    )
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)

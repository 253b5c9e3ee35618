"""The figure of a comparison: cosines of frames, best matches, and what each character contributes."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from math import ceil
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from fangyan.measure.explain.comparison import FrameComparison, Side
from fangyan.recognition.ctc_alignment import is_plausible_pace
from fangyan.rounding import decimals
from fangyan.style import ACCENT, DEEP, MUTED, PAPER, STYLE
from fangyan.units.alignment import Span

FORTH, BACK = "#d9480f", "#f2b705"
"""Best frame in the target, and in the query: readable on every shade of the matrix."""

UNTIMELY = "\nCTC wrote faster than anyone speaks:\ncharacters stand where they were written, not spoken"

NO_FONT = "\npinyin: no Chinese font is installed:\napt install fonts-noto-cjk"
NO_CHARACTER = "\npinyin: no installed font has all of these characters"

WIDE, TALL = 3.4, 4.7
"""Inches: on a phone a point of type is one and a half pixels."""

LATIN = "DejaVu Sans"
"""The face of all figures; another draws the characters alone."""

PLACEHOLDERS = "Last Resort"
"""A font of matplotlib's that claims every character and draws boxes."""


def similarity(found: FrameComparison, frame_rate: float, title: str) -> Figure:
    """The matrix, query downwards and target to the right, with the contributions to recall above and precision beside.

    Axes have the characters, by pinyin where no font is installed that has them; without characters, seconds.
    """
    sides = (found.query, found.target)
    characters = "".join(side.utterance.characters for side in sides)
    fonts = font_for(characters)
    with matplotlib.rc_context(STYLE | {"font.family": [LATIN, *fonts]}):
        figure = Figure(figsize=(WIDE, TALL), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
        matrix = figure.add_subplot(grid[1, 0])
        above = figure.add_subplot(grid[0, 0], sharex=matrix)
        beside = figure.add_subplot(grid[1, 1], sharey=matrix)
        _matrix(figure, matrix, found, frame_rate)
        for side, axis, name in zip(sides, (matrix.yaxis, matrix.xaxis), ("query", "target"), strict=True):
            _label(axis, side, frame_rate, name, bool(fonts))
        _bars(above, above.bar, found.target, frame_rate)
        _bars(beside, beside.barh, found.query, frame_rate)
        above.set_title(f"recall {decimals(found.target.score, 3)}")
        beside.set_title(f"precision\n{decimals(found.query.score, 3)}", loc="right")
        timely = all(is_plausible_pace(side.utterance.peaks, frame_rate) for side in sides)
        unreadable = _missing_font() if characters and not fonts else ""
        remarks = f"{'' if timely else UNTIMELY}{unreadable}"
        figure.suptitle(f"{title}{remarks}", x=0.01, ha="left", fontsize=8)
        figure.legend(loc="outside lower left", fontsize=7)
    return figure


@cache
def font_for(text: str) -> tuple[str, ...]:
    """The name of an installed font that has all of ``text``, sans-serif if one has; nothing for no text."""
    wanted = {ord(char) for char in text}
    for font in sorted(_installed(), key=_taste) if wanted else ():
        has = font_manager.get_font(font.fname).get_charmap().keys()
        if wanted <= has and not font.name.startswith(PLACEHOLDERS):
            return (font.name,)
    return ()


_SANS = re.compile(r"sans|hei\b|heiti|gothic|pingfang|yahei", re.IGNORECASE)
_MONO = re.compile(r"mono|code", re.IGNORECASE)


def _taste(font: font_manager.FontEntry) -> tuple[bool, bool]:
    """A key that sorts fonts: those that go with the rest of the figure first."""
    return not _SANS.search(font.name), bool(_MONO.search(font.name))


@cache
def _installed() -> list[font_manager.FontEntry]:
    """The fonts on this machine: those of matplotlib's list, which is made once and kept, and those that came later."""
    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:
            with suppress(Exception):  # as matplotlib does: a font that cannot be read is none
                manager.addfont(path)
    return [font for font in manager.ttflist if Path(font.fname).exists()]


def _missing_font() -> str:
    """Why characters go by pinyin, and what to do where that helps."""
    return NO_CHARACTER if font_for("的") else NO_FONT


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
    length = len(utterance.frames) / frame_rate
    places, rows = spread(middles, length / IN_A_ROW, length)
    height = 11 if as_written else 26  # of a row, in points
    labels = list(utterance.characters) if as_written else pinyin(utterance.characters)
    for label, middle, place, row in zip(labels, middles, places, rows, strict=True):
        _annotate(axis, label, middle, place, LEAD + height * row)
    axis.set_ticks([])
    axis.set_label_text(f"{text}{'' if as_written else ' (pinyin)'}")
    axis.labelpad = LEAD + height * (1 + max(rows))


def _annotate(axis: Axis, label: str, middle: float, place: float, away: float) -> None:
    """A label at its place along an axis, so many points away from it, and a line to the middle that it stands for."""
    axes, look = axis.axes, {"annotation_clip": False, "fontsize": 9 if len(label) == 1 else 7.5}
    line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 0}
    if axis.axis_name == "x":
        look |= {"xycoords": axes.get_xaxis_transform(), "textcoords": ("data", "offset points")}
        turn = 90 if len(label) > 1 else 0
        axes.annotate(
            label, (middle, 0), (place, -away), **look, ha="center", va="top", rotation=turn, arrowprops=line
        )
    else:
        look |= {"xycoords": axes.get_yaxis_transform(), "textcoords": ("offset points", "data")}
        axes.annotate(label, (0, middle), (-away, place), **look, ha="right", va="center", arrowprops=line)


IN_A_ROW = 14
"""So many labels fit side by side along an axis."""
LEAD = 9
"""Points between an axis and its first row of labels."""


def spread(places: Sequence[float], room: float, length: float) -> tuple[list[float], list[int]]:
    """Where the labels of rising ``places`` on an axis from 0 to ``length`` stand, ``room`` apart, and in which row.

    Labels move as little as that takes (least squares). Those that a single row does not hold take turns in several.
    """
    from scipy.optimize import isotonic_regression

    turns = max(1, ceil(len(places) * room / length))
    rows = [n % turns for n in range(len(places))]
    moved = np.empty(len(places))
    for row in range(turns):
        steps = room * np.arange(len(moved[row::turns]))
        free = isotonic_regression(np.asarray(places[row::turns]) - steps).x
        moved[row::turns] = free.clip(room / 2, length - room / 2 - steps[-1]) + steps
    return moved.tolist(), rows


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

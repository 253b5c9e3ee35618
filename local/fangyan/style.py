"""The colours and the type of all figures, and how one is saved."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from fangyan.files import atomic

INK, MUTED, ACCENT, DEEP, PAPER = "#23282f", "#7b838e", "#1f6f8b", "#0b4a60", "#ffffff"

STYLE = {
    "font.size": 8,
    "text.color": INK,
    "text.parse_math": False,  # a name with $ in it is a name
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.hashsalt": "fangyan",  # the same results give the same bytes
}


def save(figure: Figure, path: Path) -> None:
    """``figure`` as a PNG at ``path``, whole or not at all."""
    with matplotlib.rc_context(STYLE), atomic(path) as temporary:
        figure.savefig(temporary, dpi=240, facecolor=PAPER)

"""An index of frames along eight axes, whose MaxSim with a query is known by hand, and what the page says to type."""

import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pages import INDENTED, read

from fangyan.files import ROOT
from fangyan.search.index import Index, create
from fangyan.search.records import Entry, Settings

AXES = np.eye(8, dtype=np.float32)
QUERY = AXES[:2]
FOUND = {"more": 2.0, "part": 1.0, "near": 1.6, "same": 2.0}
"""MaxSim of `QUERY` with each recording, in the order of the index: the sum of the best cosines of its two frames."""
F1 = {"more": 2 / 3, "part": 2 / 3, "near": 0.8, "same": 1.0}
"""SeqSim: precision is MaxSim / 2; recall 1/2, 1, 0.8 and 1, for of ``more`` two frames are not in the query."""


def fill(folder: Path, settings: Settings, entry: Callable[..., Entry]) -> Index:
    """The index of `FOUND`; the first of its rows was replaced."""
    index = create(folder, replace(settings, dimension=8))
    between = 0.6 * AXES[0] + 0.8 * AXES[2]
    frames = {"more": AXES[:4], "part": AXES[:1], "near": np.stack([between, AXES[1]])}
    index.append([(entry("same", "cmn"), AXES[4:], -1)])
    index.append([(replace(entry(key, "yue"), start=1.5, end=2.0), x, -1) for key, x in frames.items()])
    index.append([(entry("same", "hak", size=2), QUERY, 0)])
    return index


def snippet(package: str) -> str:
    """The code of docs/use.md that begins with an import from the package."""
    blocks = map(textwrap.dedent, INDENTED.findall(read(ROOT / "docs/use.md")))
    return next(block for block in blocks if re.match(rf"from {package}\b", block))

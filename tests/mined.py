"""Frames made by hand, for indexes that are mined; and what was written of them."""

from pathlib import Path

import numpy as np


def turned(*degrees: float) -> np.ndarray:
    """(T, 2) frames of length 1 at angles in degrees."""
    angles = np.deg2rad(np.array(degrees, np.float32))
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def files(out: Path) -> dict[str, bytes]:
    """The bytes of each file in a folder, by its path in it."""
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

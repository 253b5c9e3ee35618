"""An index of the micro corpus, and entries made by hand."""

import numpy as np
import pytest

from fangyan.search import add
from fangyan.search.records import Entry, Settings


@pytest.fixture
def indexed(sung, tmp_path):
    """An index of the set test by filter bank energies."""
    add(tmp_path / "index", [sung["test"]], "fbank")
    return tmp_path / "index"


@pytest.fixture(scope="session")
def settings():
    """Settings of an index with frames of two dimensions, that no encoder made."""
    return Settings("nobody", {}, "layer", 2)


@pytest.fixture(scope="session")
def entry():
    """What makes an entry of an id."""

    def make(key: str, variety: str = "", size: int = 1) -> Entry:
        return Entry(key, f"/{key}.wav", 0.0, None, variety, "", "", size, 0)

    return make


@pytest.fixture(scope="session")
def turned():
    """What makes (T, 2) frames of length 1 at the given angles in degrees."""

    def make(*degrees: float) -> np.ndarray:
        angles = np.deg2rad(np.array(degrees, np.float32))
        return np.stack([np.cos(angles), np.sin(angles)], 1)

    return make

"""Indexes made by hand: recordings by id, each with a place, a variety and frames."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from mined import turned

from fangyan.mining.banks import Bank, recordings
from fangyan.search.index import Entry, Index, Settings, create

type Place = tuple[str, float, float | None]


@pytest.fixture(scope="session")
def new_index():
    """What makes an index of frames by id; ``varieties`` and ``places``: of those that are not alone in a file."""

    def make(
        folder: Path,
        frames: Mapping[str, np.ndarray],
        varieties: Mapping[str, str] | Sequence[str] = (),
        places: Mapping[str, Place] | Sequence[str] = (),
        layer: str = "layer",
    ) -> Path:
        folder.mkdir(parents=True)
        dimension = next(iter(frames.values())).shape[1]
        index = create(folder, Settings("nobody", {"family": "nobody"}, layer, dimension))
        places = {key: (f"/{key}.wav", 0.0, None) for key in frames} | dict(places)
        entries = [Entry(key, *places[key], dict(varieties).get(key, ""), "", "", 1, 0) for key in frames]
        units = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in frames.values()]
        index.append([(entry, unit, -1) for entry, unit in zip(entries, units, strict=True)])
        return folder

    return make


@pytest.fixture
def two(tmp_path, new_index) -> tuple[Path, Path]:
    """Two indexes of one frame a recording, whose margins are computed by hand in the tests."""
    source = new_index(tmp_path / "left", {"a": turned(0), "b": turned(90)})
    target = new_index(tmp_path / "right", {"x": turned(10), "y": turned(60), "z": turned(100)})
    return source, target


@pytest.fixture
def bank():
    """All of an index, as a side."""

    def make(folder: Path, *varieties: str) -> Bank:
        return recordings(Index(folder), varieties, "source_variety")

    return make

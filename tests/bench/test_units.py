"""`fangyan.bench.units`: both sides multiply the same, wrong units are noticed; no timings."""

from dataclasses import replace

import numpy as np
import pytest

from fangyan.bench import BENCHMARKS, units
from fangyan.bench.benchmark import Size
from fangyan.bench.dump import clips
from fangyan.errors import DataError


def test_the_rows_are_there():
    assert set(units.BENCHMARKS) <= set(BENCHMARKS)


def test_a_rate_is_that_of_the_product_of_all_frames(monkeypatch):
    model, speech = units.utterances(Size(utterances=3), "cpu")
    seen = []
    monkeypatch.setattr(units, "seconds", lambda work: work() or 2.0)
    frames = sum(map(len, speech))
    found = units.rate(lambda matrix: seen.append(len(matrix)), speech)
    assert found == 2 * frames * model.centroids.size / 1e9 / 2 and sum(seen) == frames
    assert units.product(model, speech) == found


def test_other_units_than_those_of_the_nearest_centroids_are_noticed():
    model, speech = units.utterances(Size(utterances=3), "cpu")
    units.check(model, speech)
    model.__dict__["_half"] = np.zeros(units.UNITS, np.float32)
    with pytest.raises(DataError, match="not those of the nearest centroids"):
        units.check(replace(model, merged=True), speech)
        units.check(model, speech)


def test_the_peak_of_a_process_of_its_own_is_in_mebibytes():
    assert 100 < units.peak_memory(2, clips(3)) < 10_000

"""Units: nearest centroids by hand and by a slow reference, runs, and what is told of a folder that is no model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.encoders import unit_model
from fangyan.encoders.unit_model import UnitModel, merge
from fangyan.errors import DataError

CENTROIDS = np.array([[0, 0], [4, 0], [0, 3]], np.float32)


def test_each_frame_gets_the_unit_of_the_nearest_centroid():
    frames = np.array([[1, 0], [3, 0], [0, 2], [2, 0]], np.float32)
    assert [*UnitModel("mfcc", "mfcc", CENTROIDS).assign(frames)] == [
        0,
        1,
        2,
        0,
    ]  # the last is between 0 and 1


def test_runs_of_a_unit_are_one_where_the_model_says_so():
    frames = np.array([[0, 0], [0, 0], [4, 0], [0, 0]], np.float32)
    assert [*UnitModel("mfcc", "mfcc", CENTROIDS, merged=True).assign(frames)] == [0, 1, 0]
    assert [*merge([3, 3, 5, 5, 3])] == [3, 5, 3]
    assert [*merge([])] == []


@given(st.integers(0, 2**32 - 1))
def test_units_are_those_of_all_distances_one_by_one(seed):
    random = np.random.default_rng(seed)
    centroids, frames = (
        random.normal(size=(7, 3)).astype(np.float32),
        random.normal(size=(20, 3)).astype(np.float32),
    )
    slow = [min(range(7), key=lambda k: ((frame - centroids[k]) ** 2).sum()) for frame in frames]
    assert [*UnitModel("mfcc", "mfcc", centroids).assign(frames)] == slow


def test_long_utterances_are_assigned_block_by_block(monkeypatch):
    model, frames = UnitModel("mfcc", "mfcc", CENTROIDS), np.random.default_rng(0).normal(size=(50, 2))
    whole = model.assign(frames).tolist()
    monkeypatch.setattr(unit_model, "BLOCK", 7)
    assert model.assign(frames).tolist() == whole and model.assign(frames[:0]).tolist() == []


def test_frames_of_another_width_are_refused():
    with pytest.raises(DataError, match="frames of 2 numbers, got 3"):
        UnitModel("mfcc", "mfcc", CENTROIDS).assign(np.zeros((4, 3), np.float32))


def test_a_saved_model_is_read_again_and_finds_its_encoder_beside_it(tmp_path):
    UnitModel("espnet:./encoder.zip", "norm", CENTROIDS, merged=True).save(tmp_path)
    found = unit_model.load(tmp_path)
    assert (found.encoder, found.layer, found.merged) == (f"espnet:{tmp_path / 'encoder.zip'}", "norm", True)
    assert np.array_equal(found.centroids, CENTROIDS)


def test_a_frame_gets_the_phone_of_the_greatest_product_and_bias(tmp_path):
    # x = (1, 0): 2 - 3, 0 + 0, 1 - 0.5; x = (2, 0): 4 - 3, 0, 2 - 0.5; x = (9, 0): 15, 0, 8.5.
    rows, bias = np.float32([[2, 0], [0, 1], [1, 0]]), np.float32([-3, 0, -0.5])
    model = UnitModel("mfcc", "mfcc", rows, bias=bias, names=("SIL", "a", "n"))
    assert [*model.assign(np.float32([[1, 0], [2, 0], [9, 0]]))] == [2, 2, 0]
    model.save(tmp_path)
    found = unit_model.load(tmp_path)
    assert found.names == ("SIL", "a", "n") and np.array_equal(found.bias, bias)
    half = -np.float32((CENTROIDS**2).sum(1) / 2)
    frames = np.random.default_rng(1).normal(size=(30, 2))
    nearest = UnitModel("mfcc", "mfcc", CENTROIDS).assign(frames)
    assert np.array_equal(UnitModel("mfcc", "mfcc", CENTROIDS, bias=half).assign(frames), nearest)


def test_a_model_of_phones_whose_files_disagree_is_told(tmp_path):
    UnitModel("mfcc", "mfcc", CENTROIDS, names=("SIL", "a")).save(tmp_path)
    with pytest.raises(DataError, match=r"units\.yaml: names are 3 different words, one for each unit, got"):
        unit_model.load(tmp_path)
    UnitModel("mfcc", "mfcc", CENTROIDS, names=("SIL", "a", "a")).save(tmp_path)
    with pytest.raises(DataError, match="names are 3 different words"):
        unit_model.load(tmp_path)
    UnitModel("mfcc", "mfcc", CENTROIDS, bias=np.zeros(2, np.float32)).save(tmp_path)
    with pytest.raises(DataError, match=r"the bias is a number for each of 3 units, got \(2,\)"):
        unit_model.load(tmp_path)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_told(tmp_path, number):
    centroids = CENTROIDS.copy()
    centroids[1, 0] = number
    UnitModel("mfcc", "mfcc", centroids).save(tmp_path)
    with pytest.raises(DataError, match=r"units\.safetensors: finite numbers are needed, centroids has nan"):
        unit_model.load(tmp_path)
    UnitModel("mfcc", "mfcc", CENTROIDS, bias=np.full(3, number, np.float32)).save(tmp_path)
    with pytest.raises(DataError, match=r"units\.safetensors: finite numbers are needed, bias has nan"):
        unit_model.load(tmp_path)


def test_a_folder_that_is_no_model_is_told(tmp_path):
    with pytest.raises(DataError, match="no model of units"):
        unit_model.load(tmp_path)
    UnitModel("mfcc", "mfcc", CENTROIDS).save(tmp_path)
    UnitModel("mfcc", "mfcc", CENTROIDS[0]).save(tmp_path)
    with pytest.raises(DataError, match=r"units\.safetensors: centroids are \(k, d\) numbers, got \(2,\)"):
        unit_model.load(tmp_path)
    (tmp_path / "units.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"units\.safetensors: no centroids"):
        unit_model.load(tmp_path)
    (tmp_path / "units.yaml").write_text("encoder: mfcc\n")
    with pytest.raises(DataError, match=r"units\.yaml: has encoder and layer"):
        unit_model.load(tmp_path)

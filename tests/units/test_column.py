"""The column of units as its readers get it, and what is told of one that is none."""

import shutil

import numpy as np
import pytest

from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, stamp
from fangyan.units.column import HOME, read_units, units_of


@pytest.fixture
def data(sung, tmp_path):
    """A function: a data directory whose utterances all have a unit, but the second what is asked for."""

    def make(value: str, name: str = "units"):
        home = shutil.copytree(sung["dev"], tmp_path / "dev", dirs_exist_ok=True)
        ids = [line.split()[0] for line in (home / "wav.scp").read_text().splitlines()]
        (home / name).write_text("".join(f"{key} {value if n == 1 else 0}\n" for n, key in enumerate(ids)))
        return home

    return make


def test_units_are_read_by_id(data):
    found = read_units(data("3 17 17 4"), 18)
    assert [*map(list, found.values())][:3] == [[0], [3, 17, 17, 4], [0]]
    assert [*read_units(data("2", "units_k5"), 5, "units_k5")] == [*found] and len(found) == 24


@pytest.mark.parametrize("value", ["3 18", "-1", "3,4", "1_0", "٣", "1.0", "3 x", "9" * 5000])
def test_what_is_no_unit_is_told_with_its_line(data, value):
    home = data(value)
    with pytest.raises(DataError, match=rf"^{home}/units:2: units are whole numbers from 0 to 17, .* got "):
        read_units(home, 18)


def test_a_column_that_was_cut_within_its_last_line_is_told(data):
    home = data("3 17 17 4")
    whole = (home / "units").read_text()
    (home / "units").write_text(whole[:-1])
    with pytest.raises(
        DataError, match=rf"^{home}/units:24: the last line has no end, units may be cut off: "
    ):
        read_units(home, 18)


def test_a_column_that_is_not_there_or_has_other_utterances_is_told(data, sung):
    home = data("3")
    (home / "units").write_text("hakdev-s00 3\n")
    with pytest.raises(
        DataError,
        match=r"units: every file has the ids of .*wav\.scp, got none for .*: make it with fangyan units",
    ):
        read_units(home, 18)
    with pytest.raises(DataError, match="dev/units: no column of units: make it with fangyan units"):
        read_units(sung["dev"], 18)


def test_a_column_that_was_made_by_another_model_is_refused_though_its_numbers_would_do(data, tmp_path):
    home, model = data("3 1"), tmp_path / "model"
    model.mkdir()
    UnitModel("mfcc", "mfcc", np.zeros((5, 2), np.float32)).save(model)
    assert [*units_of(model, home).values()][1].tolist() == [3, 1]  # written by hand: it does not tell
    (home / HOME / "units").mkdir(parents=True)
    stamp(home / HOME / "units", {"centroids": fingerprint(model / "units.safetensors")}, [home / "units"])
    assert len(units_of(model, home)) == 24
    stamp(home / HOME / "units", {"centroids": fingerprint(home / "text")}, [home / "units"])
    with pytest.raises(
        UserError, match="dev/units: of another model than .*model: run fangyan units --units"
    ):
        units_of(model, home)
    (home / "units").rename(home / "units_k5")
    (home / HOME / "units").rename(home / HOME / "units_k5")
    stamp(home / HOME / "units_k5", {"centroids": "other"}, [home / "units_k5"])
    with pytest.raises(
        UserError, match=r"units_k5: of another model .* --data .*dev --column units_k5, or name"
    ):
        units_of(model, home, "units_k5")

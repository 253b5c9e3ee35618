"""`fangyan.data.subset`: so much of each variety, with all that belongs to it."""

import pytest
from conftest import sing

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.data.subset import subset
from fangyan.errors import UserError
from fangyan.units.assign import assign
from fangyan.units.kmeans import kmeans

original = datadir.read


@pytest.fixture
def data(tmp_path):
    home = sing(tmp_path, "train")
    keys = [u.id for u in datadir.read(home)]
    (home / "weights").write_text("".join(f"{key} {n}\n" for n, key in enumerate(keys)))
    (home / "lang2group").write_text("cmn North\nhak South\nyue South\n")
    return home


def seconds(folder) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in datadir.read(folder):
        found[one.variety] = found.get(one.variety, 0) + one.duration
    return found


def test_each_variety_gives_as_much_and_brings_its_columns(data, tmp_path):
    assert subset(data, 0.1, tmp_path / "few")
    assert not subset(data, 0.1, tmp_path / "few")
    # Six seconds, two of each; what is taken last is no longer than 3 tones of 0.24 s and is begun before that.
    assert all(2 <= sum_ < 2.75 for sum_ in seconds(tmp_path / "few").values())
    whole = read_column(data, "weights")
    assert read_column(tmp_path / "few", "weights").items() < whole.items()
    assert datadir.read_groups(tmp_path / "few") == {"cmn": "North", "yue": "South", "hak": "South"}


def test_columns_that_are_made_later_come_to_a_finished_subset_and_change_nothing_else(data, tmp_path):
    few = tmp_path / "few"
    subset(data, 0.1, few)
    before = {path.name: path.read_bytes() for path in few.iterdir()}
    (data / "topics").write_text((data / "weights").read_text())
    assert subset(data, 0.1, few) and not subset(data, 0.1, few)
    assert (few / "topics").read_text() == (few / "weights").read_text()
    assert {path.name: path.read_bytes() for path in few.iterdir()}.items() > before.items()


def test_columns_of_units_are_made_of_the_subset_itself(data, tmp_path):
    kmeans("mfcc", "mfcc", [data], 2, tmp_path / "model", frames=200)
    assign(tmp_path / "model", [data])
    subset(data, 0.1, tmp_path / "few")
    assert not subset(data, 0.1, tmp_path / "few")
    assert not (tmp_path / "few/units").exists()
    assert assign(tmp_path / "model", [tmp_path / "few"]) == [tmp_path / "few/units"]
    assert read_column(tmp_path / "few", "units").items() < read_column(data, "units").items()


def test_a_data_directory_is_read_once(data, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr("fangyan.data.subset.datadir.read", lambda *a: read.append(a) or original(*a))
    subset(data, 0.1, tmp_path / "few")
    assert len(read) == 1
    subset(data, 0.1, tmp_path / "few")
    assert len(read) == 1


def test_more_minutes_are_the_same_and_more_and_another_seed_draws_others(data, tmp_path):
    drawn = {}
    for name, minutes, seed in (("few", 0.05, 1), ("more", 0.1, 1), ("other", 0.05, 2)):
        subset(data, minutes, tmp_path / name, seed)
        drawn[name] = {one.id for one in datadir.read(tmp_path / name)}
    assert drawn["few"] < drawn["more"]
    assert drawn["few"] != drawn["other"]


def test_of_a_mixture_the_corpora_come_along(data, tmp_path):
    keys = [u.id for u in datadir.read(data)]
    (data / "utt2corpus").write_text("".join(f"{key} a\n" for key in keys))
    (data / "corpus2weight").write_text("a 2\n")
    subset(data, 0.05, tmp_path / "few")
    kept = [u.id for u in datadir.read(tmp_path / "few")]
    assert (tmp_path / "few/utt2corpus").read_text() == "".join(f"{key} a\n" for key in kept)
    assert (tmp_path / "few/corpus2weight").read_text() == "a 2\n"


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan"), float("inf")])
def test_minutes_are_more_than_none(data, tmp_path, minutes):
    with pytest.raises(UserError, match="--minutes is more than 0, got"):
        subset(data, minutes, tmp_path / "few")


def test_a_variety_that_has_not_as_much_is_named(data, tmp_path):
    with pytest.raises(UserError, match=r"of \w+ there are 0.1 minutes, asked for 1.0: --minutes is shared"):
        subset(data, 3, tmp_path / "few")
    assert not (tmp_path / "few").exists()

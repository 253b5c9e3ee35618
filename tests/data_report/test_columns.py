import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data_report import columns
from fangyan.data_report.columns import Columns


@pytest.fixture
def sets(write, said):
    train = write(
        "train",
        said("a-1", 4, 1.0, sentence="s1"),
        said("a-2", 6, 3.0, text="食飯，OK喇！", variety="yue", sentence="s1"),
        said("b-1", 2, 2.0, sentence="s2"),
    )
    test = write("test", said("a-3", 4, 31.5, sentence="s1"), said("c-1", 3, 0.5, sentence="s3"))
    return columns.read([train, test])


def test_sets_are_counted(sets):
    train, test = columns.count_sets(sets)
    assert train == {
        "set": "train",
        "hours": pytest.approx(6 / 3600),
        "utterances": 3,
        "speakers": 2,
        "sentences": 2,
        "varieties": 2,
        "characters": 4 + 3 + 2,  # 食飯喇
        "shortest": 1.0,
        "median": 2.0,
        "longest": 3.0,
        "digits": 0,
        "latin": 1,  # OK
    }
    assert tuple(test) == columns.SETS and test["longest"] == 31.5


def test_varieties_are_counted_within_sets(sets):
    rows = columns.count_varieties(sets)
    assert [(row["set"], row["variety"], row["utterances"], row["speakers"]) for row in rows] == [
        ("train", "cmn", 2, 2),
        ("train", "yue", 1, 1),
        ("test", "cmn", 2, 2),
    ]
    assert rows[0]["characters_per_second"] == pytest.approx((4 / 1 + 2 / 2) / 2)


def test_durations_fall_into_bins_of_a_second_the_last_of_them_open(sets):
    rows = [row for row in columns.count_durations(sets) if row["utterances"]]
    assert [(row["set"], row["from"], row["to"], row["utterances"]) for row in rows] == [
        ("train", 1, 2, 1),
        ("train", 2, 3, 1),
        ("train", 3, 4, 1),
        ("test", 0, 1, 1),
        ("test", 30, float("inf"), 1),
    ]
    assert sum(row["hours"] for row in rows) == pytest.approx(38 / 3600)


def test_what_two_sets_share_is_counted_in_things_and_in_utterances(sets):
    speakers, sentences, wordings = columns.count_overlap(sets)
    assert speakers == dict(zip(columns.OVERLAP, ("train", "test", "speakers", 1, 2, 1), strict=True))
    assert sentences == dict(zip(columns.OVERLAP, ("train", "test", "sentences", 1, 2, 1), strict=True))
    assert wordings == dict(zip(columns.OVERLAP, ("train", "test", "wordings", 1, 1, 1), strict=True))


def test_the_same_wording_in_another_script_and_punctuation_is_shared(write, said):
    a = write("a", said("a-1", 0, 1.0, text="我們，吃飯。"))
    b = write("b", said("b-1", 0, 1.0, text="我们吃饭"))
    shared = {row["of"]: row["shared"] for row in columns.count_overlap(columns.read([a, b]))}
    assert shared == {"speakers": 0, "sentences": 0, "wordings": 1}


def test_two_folders_of_one_name_keep_their_paths(write, tmp_path, said):
    folders = [write("x/test", said("a-1", 1, 1.0)), write("y/test", said("a-1", 1, 1.0))]
    assert [one.name for one in columns.read(folders)] == [str(tmp_path / "x/test"), str(tmp_path / "y/test")]


def test_the_mandarin_wording_is_counted_where_there_is_no_other(write, said):
    one = columns.read([write("a", said("a-1", 0, 1.0, text_cmn="我们吃饭"))])[0]
    assert one.characters.tolist() == [4]


@given(st.lists(st.floats(0.01, 100), min_size=1))
def test_every_utterance_falls_into_one_bin(seconds):
    one = Columns("x", [], [], [], [], [], np.array(seconds), np.array([]))
    rows = columns.count_durations([one])
    assert sum(row["utterances"] for row in rows) == len(seconds)
    for row in rows:
        assert row["utterances"] == sum(row["from"] <= value < row["to"] for value in seconds)

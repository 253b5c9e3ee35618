import pytest

from fangyan import corpora
from fangyan.corpora import aishell2
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped
from fangyan.errors import DataError


def test_what_is_kept_and_what_is_left_out(miniature, tmp_path):
    homes = corpora.prepare("aishell2", miniature("aishell2").root, tmp_path / "data")
    train = datadir.read(homes["train"])
    assert [(u.id, u.speaker, u.text, u.text_cmn, u.sentence) for u in train] == [
        ("IC0001W0001", "IC0001", "厨房用品", "厨房用品", "厨房用品"),
        (
            "IC0001W0002",
            "IC0001",
            *("听Yesterday Once More",) * 2,
            "听yesterdayoncemore",
        ),
        ("IC0001W0003", "IC0001", *("Here's",) * 2, "heres"),
        ("ID0002W0001", "ID0002", *("搬不走的要及时'关停并转'",) * 2, "搬不走的要及时关停并转"),
    ]
    assert datadir.read_dropped(homes["train"]) == [
        Dropped("IC0001W0004", "empty transcript"),
        Dropped("ID0002W0001", "duplicate id", "搬不走的"),
        Dropped("ID0002W0002", "missing recording"),
        Dropped("ID0002W0009", "no transcript", datadir.read_dropped(homes["train"])[-1].detail),
    ]
    (test,) = datadir.read(homes["test"])
    assert (test.id, audio.probe(test.wav)) == ("IT0013W0001", audio.Info(16_000, 1, 1_600))
    assert [u.text for u in datadir.read(homes["dev"])] == ["开发集"]


def test_any_folder_above_ios_is_a_root(miniature):
    root = miniature("aishell2").root
    for inner in ("AISHELL-2", "AISHELL-2/iOS"):
        assert aishell2.splits(root / inner) == aishell2.splits(root)


def test_dev_and_test_are_asked_for(miniature):
    mini = miniature("aishell2")
    mini.tree.rename("AISHELL-2/iOS/dev", "DEV")
    with pytest.raises(
        DataError, match=r"iOS/dev/wav: expected recordings .*AISHELL-2/iOS: DEV data test: unpack"
    ):
        aishell2.splits(mini.root)

import pytest

from fangyan import corpora
from fangyan.corpora import thchs30
from fangyan.data import audio, datadir
from fangyan.errors import DataError


def test_what_is_kept_and_what_is_left_out(miniature, tmp_path):
    homes = corpora.prepare("thchs30", miniature("thchs30").root, tmp_path / "data")
    train = datadir.read(homes["train"])
    assert [(u.id, u.speaker, u.text, u.sentence) for u in train] == [
        ("A02_000", "A02", "绿 是 阳春 烟 景", "绿是阳春烟景"),
        ("A11_000", "A11", "绿 是 阳春 烟 景", "绿是阳春烟景"),
        ("A11_001", "A11", "他 仅 凭 腰部 的 力量", "他仅凭腰部的力量"),
    ]
    assert [(d.id, d.reason) for d in datadir.read_dropped(homes["train"])] == [
        ("A11_002", "empty transcript"),
        ("A11_004", "missing recording"),
        ("A11_003", "no transcript"),
    ]
    assert [u.text for u in datadir.read(homes["dev"])] == ["菜 做好 了"]
    assert [audio.probe(u.wav).frames for u in datadir.read(homes["test"])] == [1_600, 1_600]


def test_contents_are_read_from_data_for_links_may_be_broken(miniature):
    root = miniature("thchs30").root
    assert (root / "data_thchs30/train/A2_0.wav").read_text() == "../data/A2_0.wav"
    (test, _) = thchs30.splits(root)["test"]
    assert test.wav == str(root / "data_thchs30/data/D4_0.wav")


def test_another_name_is_told(miniature):
    mini = miniature("thchs30")
    mini.tree.wav("data_thchs30/test/noise.wav")
    mini.tree.text("data_thchs30/test/noise.wav.trn", "")
    mini.tree.text("data_thchs30/data/noise.wav.trn", "风声")
    with pytest.raises(DataError, match=r"noise\.wav: a recording is named like A2_0 \("):
        thchs30.splits(mini.root)


def test_a_set_without_recordings_is_told(miniature):
    mini = miniature("thchs30")
    mini.tree.rename("data_thchs30/dev", "cv")
    with pytest.raises(DataError, match=r"dev: expected recordings \(\.wav\), found .*cv data test train"):
        thchs30.splits(mini.root)

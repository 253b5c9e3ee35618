import pytest

from fangyan import corpora
from fangyan.corpora import mdcc
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError


def test_what_is_kept_and_what_is_left_out(miniature):
    root = miniature("mdcc").root
    clip = "447_1709011939_75569_"
    audio = root / "dataset/audio"
    assert mdcc.splits(root)["train"] == [
        Utterance(
            f"{clip}596.5_600.1",
            str(audio / f"{clip}596.5_600.1.wav"),
            "但 係佢哋話俾我聽",
            f"{clip}596.5_600.1",
            "yue",
            "yue:但系佢哋话俾我听",
        ),
        Utterance(
            f"{clip}600.1_603.2",
            str(audio / f"{clip}600.1_603.2.wav"),
            "係 OK 嘅",
            f"{clip}600.1_603.2",
            "yue",
            "yue:系ok嘅",
        ),
        Dropped(f"{clip}603.2_604.0", "empty transcript"),
        Dropped(f"{clip}604.0_605.0", "no transcript", f"./transcription/{clip}604.0_605.0.txt"),
        Dropped(f"{clip}596.5_600.1", "duplicate id", "但 係佢哋話俾我聽"),
    ]


def test_valid_is_dev_and_a_missing_clip_is_counted(miniature, tmp_path):
    homes = corpora.prepare("mdcc", miniature("mdcc").root, tmp_path / "data")
    assert [u.text for u in datadir.read(homes["dev"])] == ["今日天氣好好"]
    assert [u.text for u in datadir.read(homes["test"])] == ["多謝各位"]
    (gone,) = datadir.read_dropped(homes["test"])
    assert (gone.id, gone.reason) == ("447_1804261541_33391_974.16_977.84", "unreadable audio")
    assert not (homes["test"] / "text_cmn").exists()


def test_another_table_is_told_from_the_expected_one(miniature):
    mini = miniature("mdcc")
    mini.tree.text("dataset/cnt_asr_valid_metadata.csv", "audio_path,text,sex,duration\n")
    with pytest.raises(
        DataError, match=r"valid_metadata\.csv:1: the columns are audio_path text_path sex duration"
    ):
        mdcc.splits(mini.root)
    mini.tree.remove("dataset/cnt_asr_valid_metadata.csv")
    with pytest.raises(DataError, match=r"no such file: the folder holds audio cnt_asr_test_metadata\.csv"):
        mdcc.splits(mini.root)


def test_a_recording_that_no_table_lists_is_left_out_by_name(miniature):
    mini = miniature("mdcc")
    mini.tree.wav("dataset/audio/x.wav")
    wav = str(mini.root / "dataset/audio/x.wav")
    assert mdcc.splits(mini.root)["train"][-1] == Dropped("x", "no transcript", wav)

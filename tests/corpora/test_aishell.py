import pytest

from fangyan import corpora
from fangyan.corpora import aishell
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError


def test_an_utterance_keeps_its_id_and_its_speaker_begins_it(miniature):
    root = miniature("aishell").root
    found = aishell.splits(root)["dev"]
    wav = str(root / "data_aishell/wav/dev/S0724/BAC009S0724W0121.wav")
    text = "广州市 房地产"
    key, speaker = "BAC009S0724W0121", "BAC009S0724"
    assert found == [
        Utterance(key, wav, text, speaker, "cmn", "广州市房地产", text_cmn=text),
        Dropped("BAC009S0724W0122", "missing recording"),
    ]


def test_what_is_kept_and_what_is_left_out(miniature, tmp_path):
    homes = corpora.prepare("aishell", miniature("aishell").root, tmp_path / "data")
    train = datadir.read(homes["train"])
    assert [(u.id, u.text, u.duration) for u in train] == [
        ("BAC009S0002W0122", "而 对 楼市 成交", 0.1),
        ("BAC009S0002W0123", "也 成为 地方 政府", 0.1),
        ("BAC009S0002W0124", "的 ｃ ｂ ａ", 0.1),
        ("BAC009S0003W0121", "自 六月 底", 0.1),
    ]
    assert [(d.id, d.reason) for d in datadir.read_dropped(homes["train"])] == [
        ("BAC009S0002W0123", "duplicate id"),
        ("BAC009S0002W0125", "unreadable audio"),
        ("BAC009S0003W0123", "empty transcript"),
        ("BAC009S0999W0121", "missing recording"),
        ("BAC009S0003W0122", "no transcript"),
    ]
    assert [u.id for u in datadir.read(homes["test"])] == ["BAC009S0764W0121"]


def test_the_folder_itself_is_a_root_too(miniature):
    root = miniature("aishell").root
    assert aishell.splits(root / "data_aishell") == aishell.splits(root)


def test_archives_that_were_not_unpacked_are_named(miniature):
    mini = miniature("aishell")
    mini.tree.rename("data_aishell/wav/test", "S0764.tar.gz")
    with pytest.raises(
        DataError, match=r"wav/test: expected recordings .*S0764\.tar\.gz dev train: unpack the archives"
    ):
        aishell.splits(mini.root)
    mini.tree.rename("data_aishell/transcript", "transcripts")
    with pytest.raises(DataError, match=r"expected data_aishell/transcript/aishell_.*, found data_aishell: "):
        aishell.splits(mini.root)

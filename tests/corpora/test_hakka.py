import pytest

from fangyan import corpora
from fangyan.corpora import hakka
from fangyan.data import datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

KEY = "FSR-2025-Hakka-evaluation-key"


def kept(records) -> list[tuple]:
    return [(r.id, r.variety, r.text) for r in records if isinstance(r, Utterance)]


def test_a_row_has_its_speaker_place_and_mandarin(miniature):
    root = miniature("hakka").root
    assert hakka.splits(root)["test_recorded"] == [
        Utterance(
            "DF301K9001_001",
            str(
                root
                / "FSR-2025-Hakka-evaluation/熱身賽_錄製語料_DF_大埔腔_女_4H/DF301K9001/DF301K9001_001.wav"
            ),
            "天光日",
            "DF301",
            "hak-dapu",
            "测试集也有",
            text_cmn="測試集也有",
        )
    ]


def test_dev_is_the_last_speaker_of_each_group_and_train_is_apart(miniature):
    sets = hakka.splits(miniature("hakka").root)
    assert kept(sets["train"]) == [
        ("DF101K2001_001", "hak-dapu", "𠊎兜去食飯"),
        ("DF101K2001_002", "hak-dapu", "佢講，好"),
        ("ZM101K2001_001", "hak-zhaoan", "你會寒無？"),
    ]
    assert [(r.id, r.reason) for r in sets["train"] if isinstance(r, Dropped)] == [
        ("DF101J2003_001", "misread"),
        ("DF101J2003_002", "empty transcript"),
        ("DF101J2003_003", "missing recording"),
        ("DF101J2003_004", "sentence of a held-out set"),
        ("DF101J2003_005", "sentence of a held-out set"),
        ("ZM101K2001_001", "duplicate id"),
        ("DF101J2003_006", "no transcript"),
    ]
    assert kept(sets["dev"]) == [
        ("DF102K2001_001", "hak-dapu", "共樣"),
        ("DM101K2001_001", "hak-dapu", "一儕"),
        ("ZM202K2001_001", "hak-zhaoan", "秋暮日"),
    ]
    assert kept(sets["test_media"]) == [("media_0001", "hak-zhaoan", "大家好")]


def test_prepare_writes_mandarin_where_all_of_a_set_have_it(miniature, tmp_path):
    homes = corpora.prepare("hakka", miniature("hakka").root, tmp_path / "data")
    assert list(homes) == ["train", "dev", "test_recorded", "test_media"]
    assert list(datadir.read_map(homes["train"] / "text_cmn").values()) == [
        "我們去吃飯",
        "他說好",
        "你會冷嗎",
    ]
    assert not (homes["test_media"] / "text_cmn").exists()


def test_the_training_folder_alone_will_do(miniature):
    root = miniature("hakka").root / "HAT-Vol2"
    sets = hakka.splits(root)
    assert list(sets) == ["train", "dev"]
    assert ("DF101J2003_005", "hak-dapu", "天光日") in kept(sets["train"])


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("hakka")
    mini.tree.text(f"{KEY}/熱身賽_媒體語料_詔安腔_edit.csv", "錄音檔檔名,辨認結果\na.wav,好\n")
    with pytest.raises(
        DataError, match=r"edit\.csv:2: expected the columns 檔名 客語漢字, got 錄音檔檔名 辨認結果"
    ):
        hakka.splits(mini.root)
    mini.tree.rename(f"{KEY}/熱身賽_媒體語料_詔安腔_edit.csv", "決賽_詔安腔_edit.csv")
    with pytest.raises(
        DataError, match=r"決賽_詔安腔_edit\.csv: the name of a table has one of 訓練 熱身賽_錄製"
    ):
        hakka.splits(mini.root)

import pytest

from fangyan import corpora
from fangyan.corpora import tat
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

VOL1, VOL2 = "TAT-Vol1-train-master", "TAT-Vol2-train"


def kept(records) -> list[tuple]:
    return [(r.id, r.text) for r in records if isinstance(r, Utterance)]


def test_an_utterance_has_one_recording_by_the_chosen_microphone(miniature):
    root = miniature("tat").root
    folder = root / "TAT-Vol1-test-master"
    expected = Utterance(
        "IU_IUF0003-0021-1.1",
        str(folder / "condenser/wav/IU_IUF0003/0021-1.1-03.wav"),
        "伊真愛食麵",
        "IU_IUF0003",
        "nan",
        "他很爱吃面",
        text_cmn="他很愛吃麵",
    )
    assert tat.splits(root)["test"] == [expected]
    (other,) = tat.splits(root, microphone="lavalier")["test"]
    assert (other.id, other.wav) == (expected.id, str(folder / "lavalier/wav/IU_IUF0003/0021-1.1-04.wav"))


def test_train_is_apart_and_what_is_left_out_is_listed(miniature):
    sets = tat.splits(miniature("tat").root)
    assert kept(sets["train"]) == [
        ("TA_TAF0019-0010-6.34", "我欲去tshit-thô"),
        ("TA_TAF0019-0010-6.35", "食飽未？"),
        ("TS_TSM0020-0035-6.14", "tsin hó"),
        ("TS_TSM0020-0035-6.15", "真好"),
    ]
    assert [(r.id, r.reason) for r in sets["train"] if isinstance(r, Dropped)] == [
        ("IU_IUF0003-0012-1.1", "speaker of a held-out set"),
        ("TA_TAF0019-0010-6.36", "no transcript"),
        ("TA_TAM0020-0010-6.34", "missing recording"),
        ("TA_TAM0020-0011-1.1", "sentence of a held-out set"),
        ("TS_TSM0020-0035-6.13", "empty transcript"),
    ]
    assert kept(sets["dev"]) == [("KK_KKF0001-0020-1.1", "明仔載會落雨。")]


def test_prepare_writes_the_mandarin_and_converts(miniature, tmp_path):
    homes = corpora.prepare("tat", miniature("tat").root, tmp_path / "data")
    assert list(datadir.read_map(homes["train"] / "text_cmn").values()) == [
        "我要去玩",
        "吃飽了嗎？",
        "很好",
        "很好",
    ]
    stereo = datadir.read(homes["train"])[-1]
    assert audio.probe(stereo.wav) == audio.Info(16_000, 1, 1_600)


def test_a_folder_of_one_microphone_is_read_for_that_one(miniature):
    mini = miniature("tat")
    expected = kept(tat.splits(mini.root, microphone="lavalier")["train"])
    (mini.root / VOL1 / "lavalier/wav").rename(mini.root / VOL1 / "wav")
    mini.tree.rename(VOL1, "TAT-Vol1-train-lavalier")
    assert kept(tat.splits(mini.root, microphone="lavalier")["train"]) == expected
    assert [key for key, _ in kept(tat.splits(mini.root)["train"])] == [
        "TS_TSM0020-0035-6.14",
        "TS_TSM0020-0035-6.15",
    ]


def test_without_mandarin_everywhere_there_is_none(miniature):
    mini = miniature("tat")
    path = f"{VOL1}/json/TA_TAF0019/0010-6.35.json"
    mini.tree.text(path, '{"漢羅台文": "食飽未？"}')
    train = [r for r in tat.splits(mini.root)["train"] if isinstance(r, Utterance)]
    assert {u.text_cmn for u in train} == {""}
    assert [u.sentence for u in train] == ["我要去玩", "nan:食饱未", "很好", "很好"]


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("tat")
    with pytest.raises(UserError, match="no microphone 'phone': known are condenser, lavalier, "):
        tat.splits(mini.root, microphone="phone")
    with pytest.raises(
        DataError, match=r"expected TAT-Vol1-train-master/ios/wav/.* found TAT-Vol1-eval TAT-Vol1"
    ):
        tat.splits(mini.root, microphone="ios")
    mini.tree.text(f"{VOL1}/json/TA_TAF0019/0010-6.35.json", '{"文本": "食飽未？"}')
    with pytest.raises(DataError, match=r"0010-6\.35\.json: expected the key 漢羅台文, got 文本"):
        tat.splits(mini.root)
    mini.tree.text(f"{VOL1}/json/TA_TAF0019/0010-6.35.json", "[]")
    with pytest.raises(DataError, match=r"0010-6\.35\.json:1: must be a JSON object, got a list"):
        tat.splits(mini.root)
    mini.tree.text(f"{VOL1}/json/TA_TAF0019/0010-6.35.json", '{"漢羅台文": null}')
    mini.tree.rename("TAT-Vol1-eval-key", "keys")
    with pytest.raises(DataError, match=r"TAT-Vol1-eval: expected json in it or in TAT-Vol1-eval-key, found"):
        tat.splits(mini.root)


def test_a_speaker_without_recordings_is_left_out_by_name(miniature):
    mini = miniature("tat")
    mini.tree.text(f"{VOL1}/json/TA_TAX0099/0010-6.34.json", '{"漢羅台文": "食飽未？"}')
    assert Dropped("TA_TAX0099-0010-6.34", "missing recording") in tat.splits(mini.root)["train"]

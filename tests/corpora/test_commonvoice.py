import pytest

from fangyan import corpora
from fangyan.corpora import commonvoice
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

RELEASE = "cv-corpus-25.0-2026-03-09"


def client(n: int) -> str:
    return f"{n:016x}"


def kept(records) -> list[tuple]:
    return [(r.id, r.variety, r.text) for r in records if isinstance(r, Utterance)]


def test_a_clip_has_its_speaker_sentence_and_variety(miniature):
    root = miniature("commonvoice").root
    (found,) = [u for u in commonvoice.splits(root)["test"] if u.variety == "nan"]
    wav = str(root / RELEASE / "nan-tw/clips/common_voice_nan-tw_1.mp3")
    assert found == Utterance(
        f"{client(31)}-common_voice_nan-tw_1", wav, "天光", client(31), "nan", "nan:天光"
    )


def test_train_is_what_remains_of_validated_without_speakers_and_sentences_of_the_others(miniature):
    sets = commonvoice.splits(miniature("commonvoice").root)
    name = "common_voice_zh-CN"
    assert kept(sets["train"]) == [
        (f"{client(3)}-{name}_4", "cmn", "我们去上海。"),
        (f"{client(3)}-{name}_5", "cmn", '他说"好'),
        (f"{client(3)}-{name}_9", "cmn", "OK"),
        (f"{client(3)}-{name}_10", "cmn", "录音不见了"),
        (f"{client(3)}-{name}_11", "cmn", "录音是空的"),
        (f"{client(23)}-common_voice_yue_3", "yue", "佢哋去睇戲"),
        (f"{client(33)}-common_voice_nan-tw_3", "nan", "食飯"),
    ]
    assert [r for r in sets["train"] if isinstance(r, Dropped)] == [
        Dropped(f"{client(1)}-{name}_6", "speaker of a held-out set", client(1)),
        Dropped(f"{client(3)}-{name}_7", "sentence of a held-out set", "今天下雨！"),
        Dropped(f"{client(3)}-{name}_8", "empty transcript"),
        Dropped(f"{client(3)}-{name}_4", "duplicate id", "我们去上海。"),
        Dropped(f"{client(13)}-common_voice_zh-HK_3", "sentence of a held-out set", "食咗飯未！"),
        Dropped(f"{client(33)}-common_voice_nan-tw_4", "empty transcript"),
    ]
    assert [text for _, _, text in kept(sets["dev"])] == ["你吃饭了吗？", "早晨", "食咗飯未？", "落雨"]
    assert [r for r in sets["dev"] if isinstance(r, Dropped)] == [
        Dropped(f"{client(1)}-{name}_3", "speaker of a held-out set", client(1))
    ]
    assert [text for _, _, text in kept(sets["test"])] == ["今天下雨。", "聽日見", "今日落雨", "天光"]


def test_prepare_converts_mp3_and_counts_what_cannot_be_read(miniature, tmp_path):
    homes = corpora.prepare("commonvoice", miniature("commonvoice").root, tmp_path / "data")
    train = datadir.read(homes["train"])
    assert [u.text for u in train] == ["我们去上海。", '他说"好', "OK", "佢哋去睇戲", "食飯"]
    assert all(audio.probe(u.wav).rate == 16_000 and u.wav.endswith(".flac") for u in train)
    unreadable = [d for d in datadir.read_dropped(homes["train"]) if d.reason == "unreadable audio"]
    assert ["no such file" in d.detail or "empty file" in d.detail for d in unreadable] == [True, True]


def test_locales_are_chosen_by_name_and_mandarin_alone_is_its_own_mandarin(miniature):
    root = miniature("commonvoice").root
    sets = commonvoice.splits(root, locales="zh-CN")
    assert {u.variety for u in sets["test"]} == {"cmn"}
    assert [u.text_cmn for u in sets["test"]] == ["今天下雨。"]
    assert [u.text_cmn for u in commonvoice.splits(root)["test"]] == [""] * 4
    # without yue its sentences are nobody's, so zh-HK keeps its own
    assert kept(commonvoice.splits(root, locales="zh-HK")["train"])[0][2] == "食咗飯未！"
    assert commonvoice.splits(root / RELEASE) == commonvoice.splits(root)
    assert commonvoice.splits(root / RELEASE / "zh-CN") == sets


def test_another_layout_is_told_from_the_expected_one(miniature):
    mini = miniature("commonvoice")
    with pytest.raises(
        UserError, match="no locale 'zh-TW' in .*'zh-HK'. known are zh-CN, zh-HK, yue, nan-tw"
    ):
        commonvoice.splits(mini.root, locales="zh-TW")
    mini.tree.text(f"{RELEASE}/zh-CN/dev.tsv", "client\tpath\tsentence\n")
    with pytest.raises(
        DataError, match=r"dev\.tsv:1: the columns are client_id path sentence, got client path"
    ):
        commonvoice.splits(mini.root)
    mini.tree.remove(f"{RELEASE}/zh-CN/dev.tsv")
    with pytest.raises(
        DataError, match=r"dev\.tsv: no such file: the folder holds clips test\.tsv validated"
    ):
        commonvoice.splits(mini.root)
    mini.tree.text("cv-corpus-24.0/yue/validated.tsv", "")
    with pytest.raises(
        DataError, match=r"a locale is of one release, got .*24\.0/yue and .*25\.0.*/yue: name"
    ):
        commonvoice.splits(mini.root)

from pathlib import Path

import numpy as np
import pytest

from fangyan import corpora
from fangyan.corpora import mini_sinitic, ud_hk
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Voice

YUE, CMN = "UD_Cantonese-HK/yue_hk-ud-test.conllu", "UD_Chinese-HK/zh_hk-ud-test.conllu"


@pytest.fixture
def spoken(miniature):
    """The miniature and its records, all three sentences of them."""
    mini = miniature("ud_hk")
    return mini, ud_hk.splits(mini.root)["test"]


def test_each_sentence_is_spoken_in_both_varieties_and_has_the_mandarin(spoken):
    _, records = spoken
    kept = [r for r in records if isinstance(r, Utterance)]
    assert [(u.variety, u.sentence, u.text, u.text_cmn) for u in kept] == [
        ("cmn", "hk-0001", "你在找些什麼？", "你在找些什麼？"),
        ("yue", "hk-0001", "你喺度搵乜嘢呀？", "你在找些什麼？"),
        ("cmn", "hk-0002", "好的！", "好的！"),
        ("cmn", "hk-0003", "明天，他們去看電影。", "明天，他們去看電影。"),
        ("yue", "hk-0003", "聽日，佢哋去睇戲。", "明天，他們去看電影。"),
    ]
    for utterance in kept:
        variety, _, variant = utterance.speaker.partition("-")
        assert variety == utterance.variety and variant in mini_sinitic.VOICES["test"]
        assert utterance.id == f"{utterance.speaker}-{utterance.sentence}"
        assert audio.probe(utterance.wav).duration == utterance.duration > 0.3
    assert kept[-1].ipa == f"{espeak.ipa('聽日', 'yue')} {espeak.ipa('佢哋去睇戲', 'yue')}"


def test_what_a_voice_cannot_read_is_left_out_by_name(spoken):
    _, records = spoken
    (dropped,) = [r for r in records if isinstance(r, Dropped)]
    assert dropped.id.startswith("yue-") and dropped.id.endswith("-hk-0002")
    assert dropped.reason == "not readable by the voice" and dropped.detail.startswith("OK!: ")


def test_recordings_are_made_once_and_remade_when_the_text_changes(spoken):
    mini, records = spoken
    made = {r.id: r.wav for r in records if isinstance(r, Utterance)}
    stamps = {wav: Path(wav).stat().st_mtime_ns for wav in made.values()}
    assert {r.id: r.wav for r in ud_hk.splits(mini.root)["test"] if isinstance(r, Utterance)} == made
    assert {wav: Path(wav).stat().st_mtime_ns for wav in made.values()} == stamps
    text = (mini.root / YUE).read_text(encoding="utf-8").replace("你喺度搵乜嘢呀", "你搵乜嘢呀")
    mini.tree.text(YUE, text)
    again = {r.id: r.wav for r in ud_hk.splits(mini.root)["test"] if isinstance(r, Utterance)}
    assert again.keys() == made.keys() and not set(again.values()) & set(made.values())


def test_limit_makes_no_more_than_the_first_sentences(miniature, tmp_path):
    mini = miniature("ud_hk")
    home = corpora.prepare("ud_hk", mini.root, tmp_path / "data", limit=1)["test"]
    assert {u.sentence for u in datadir.read(home)} == {"hk-0001"}
    assert len(list((tmp_path / "downloads").rglob("*.wav"))) == 2


def test_files_may_lie_side_by_side(spoken):
    mini, records = spoken
    for path in (YUE, CMN):
        (mini.root / path).rename(mini.root / path.partition("/")[2])
    assert ud_hk.splits(mini.root)["test"] == records


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (YUE, "# parallel_id = hk/2\n", "", r"conllu: sentence 2: has a parallel_id .*, got no id ＯＫ！"),
        (
            YUE,
            "hk/2",
            "hk/1",
            r"conllu: sentence 2: has a parallel_id of its own and a text, got hk/1 ＯＫ！",
        ),
        (YUE, "# text = ＯＫ！\n", "", r"conllu: sentence 2: .*, got hk/2 no text"),
        (YUE, "hk/3", "hk/9", r"the two treebanks have the same sentences, got hk/3 in one of them alone"),
    ],
)
def test_broken_treebanks_are_refused(miniature, path, old, new, message):
    mini = miniature("ud_hk")
    mini.tree.text(path, (mini.root / path).read_text(encoding="utf-8").replace(old, new))
    with pytest.raises(DataError, match=message):
        ud_hk.splits(mini.root)


def test_mandarin_sounds_that_need_two_signs_have_ipa():
    assert espeak.ipa("论文", "cmn-latn-pinyin") == "luə˥˩n wuə˧˥n"
    assert espeak.ipa("群", "cmn-latn-pinyin") == "tɕʰy˧˥n"


def test_a_recording_is_what_the_voice_says_at_16_khz(tmp_path):
    utterance = Utterance("s-1", "", "佢食飯", "s", "yue", "1")
    voice = Voice("yue+m3", 175, 45)
    made = espeak.synthesise_recording(tmp_path, espeak.Recording(utterance, "佢食飯", voice))
    expected = audio.resample(*espeak.synthesise("佢食飯", voice))
    assert np.abs(audio.read(made.wav) - expected).max() < 1e-3
    assert made.duration == len(expected) / 16_000

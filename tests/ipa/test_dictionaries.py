"""`fangyan.ipa.dictionaries`: readings by hand, what has none, and agreement with an independent synthesiser."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.corpora import mini_sinitic
from fangyan.data.datadir import Utterance
from fangyan.data.varieties import varieties
from fangyan.ipa import espeak, phonetic_distance
from fangyan.ipa.dictionaries import ROUTES, IpaSource, add_ipa, read_ipa
from fangyan.ipa.phonetic_distance import to_segments


@pytest.mark.parametrize(
    ("variety", "text", "expected"),
    [
        ("cmn", "他们去吃饭", "tʰa məntɕʰy ʈʂʰɻ̩ fan"),
        ("cmn", "女儿四十", "ny ɚ sɹ̩ ʂɻ̩"),
        ("yue", "佢哋去食飯", "kʰɵy tei hɵy sek fan"),
        ("yue", "唔該", "m̩ kɔi"),
        ("hak", "ngài oi hi", "ŋai oi hi"),
        ("hak", "Ngài, sṳ̍t-phon!", "ŋai sɨt pʰon"),
    ],
)
def test_readings(variety, text, expected):
    assert to_segments(read_ipa(text, variety)) == to_segments(expected)


@pytest.mark.parametrize("text", ["长大 银行行长 重庆", "長大 銀行行長 重慶"])
def test_a_character_is_read_as_its_phrase_asks_in_either_script(text):
    assert to_segments(read_ipa(text, "cmn")) == to_segments("ʈʂaŋ ta in xaŋ xaŋ ʈʂaŋ ʈʂʰʊŋ tɕʰiŋ")


def test_no_length_and_no_mark_of_a_glide():
    read = read_ipa("灰灰，靠山", "cmn") + read_ipa("佢哋今日去街", "yue")
    assert not set("ː\u032f\u0311") & set(read)


@pytest.mark.parametrize(
    ("variety", "text", "syllables", "unread"),
    [
        ("cmn", "2009年，abc。", 1, 7),
        ("yue", "呢個 2 （唔係）\ue123", 4, 2),
        ("cmn", "□雪", 1, 1),
        ("hak", "ngài oi hi, 食飯", 1, 1),
    ],
)
def test_what_has_no_reading_is_counted_and_punctuation_is_not(variety, text, syllables, unread):
    spoken = read_ipa(text, variety)
    assert phonetic_distance.count_unknown([spoken]) == {"□": unread}
    assert spoken.split().count("□") == unread
    if variety != "hak":
        assert len(spoken.split()) == syllables + unread


@pytest.mark.parametrize(
    ("variety", "text"),
    [("cmn", ""), ("yue", "。"), ("cmn", "abc"), ("hak", "𠊎愛去"), ("nan", "你好"), ("04G96", "侬好")],
)
def test_nothing_readable_is_nothing(variety, text):
    assert read_ipa(text, variety) == ""


def test_routes_are_of_known_varieties():
    assert set(ROUTES) <= set(varieties())


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(("cmn", "yue")), st.text(st.characters(categories=("L", "N", "P", "Z", "S")), max_size=8)
)
def test_any_text_is_readable_or_counted(variety, text):
    assert set(phonetic_distance.count_unknown([read_ipa(text, variety)])) <= {"□"}


def test_where_ipa_came_from():
    def utterance(variety: str, text: str, own: str = "") -> Utterance:
        return Utterance(f"{variety}-{text}", "/a.wav", text, variety, variety, text, ipa=own)

    given = [
        utterance("cmn", "雪"),
        utterance("cmn", "山", "own"),
        utterance("cmn", "雨"),
        utterance("nan", "雪"),
    ]
    found, sources = add_ipa(given)
    assert [to_segments(u.ipa) for u in found] == [to_segments("ɕɥe"), "own", "y", ""]
    assert [u.id for u in found] == [u.id for u in given]
    assert sources == [
        IpaSource("cmn", "pypinyin", 2),
        IpaSource("cmn", "utt2ipa", 1),
        IpaSource("nan", "none", 1),
    ]


@pytest.mark.parametrize("variety", ["cmn", "yue"])
def test_the_dictionary_agrees_with_the_synthesiser(variety):
    """By both routes the same sentence is about a tenth as far apart as different ones, and nearest to itself."""
    texts = [getattr(s, variety).replace(" ", "") for s in mini_sinitic.sentences()["test"][:30]]
    spoken = [espeak.ipa(text, mini_sinitic.READ_BY[variety]) for text in texts]
    distances = phonetic_distance.distance_matrix([read_ipa(text, variety) for text in texts], spoken)
    same, others = distances.diagonal(), distances[~np.eye(len(texts), dtype=bool)]
    assert same.mean() < 0.04 and others.mean() > 0.3
    assert (distances.argmin(1) == np.arange(len(texts))).all()


def test_without_the_synthesiser_it_says_how_to_get_it(monkeypatch):
    def version() -> str:
        raise espeak.UserError("speech synthesis needs espeakng-loader")

    monkeypatch.setattr(espeak, "version", version)
    with pytest.raises(espeak.UserError, match="needs espeakng-loader"):
        read_ipa("ngài", "hak")
    assert read_ipa("雪", "cmn") and read_ipa("食飯", "hak") == ""  # nothing that it would be needed for

"""Phones by hand: of each dictionary, of the data's own IPA, and of what neither reads."""

from fangyan.data.datadir import Utterance
from fangyan.ipa.phones import UNKNOWN, read_phones


def reading(text: str, variety: str, ipa: str = ""):
    return read_phones(Utterance("a", "", text, "a", variety, "a", ipa=ipa))


def test_mandarin_and_cantonese_are_read_by_their_dictionaries_without_tones():
    assert reading("学生", "cmn").words == (("ɕ", "ɥ", "e"), ("ʂ", "ə", "ŋ"))
    assert reading("食飯", "yue").words == (("s", "e", "k"), ("f", "a", "n"))
    assert reading("大家好", "cmn").phones == ["t", "a", "t͡ɕ", "j", "a", "x", "a", "u"]


def test_the_dictionary_comes_before_the_ipa_of_the_data_as_unpaired_texts_have_none():
    assert reading("学生", "cmn", "sʰɔ˥ ta˥").phones == reading("学生", "cmn").phones


def test_the_ipa_of_the_data_is_taken_where_no_dictionary_reads_all_of_a_text():
    assert reading("天光日", "hak", "tʰie˥n koːŋ˥ ɲi˥t").words == (
        ("tʰ", "i", "e", "n"),
        ("k", "o", "ŋ"),
        ("ɲ", "i", "t"),
    )
    assert reading("鱻X", "cmn", "ɕjɛ˥n").words == (("ɕ", "j", "ɛ", "n"),)
    assert reading("天", "nan", "tʰĩ ʘ☃a").words == (("tʰ", "i\u0303"), ("ʘ", UNKNOWN, "a"))


def test_what_nothing_reads_is_one_unknown_phone_for_each_character_and_listed():
    found = reading("你X好3，", "cmn")
    assert found.words == (("n", "i"), (UNKNOWN,), ("x", "a", "u"), (UNKNOWN,))
    assert found.unread == ("X", "3")
    assert reading("X", "cmn").words == () and reading("X", "cmn").unread == ("X",)
    assert reading("天光", "nan").words == () and reading("天光", "nan").unread == ("天", "光")

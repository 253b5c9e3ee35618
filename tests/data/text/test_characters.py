import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.data.text.characters import is_han, restore_zeros, to_plain

BLOCKS = {
    "A": (0x3400, 0x4DBF),
    "basic": (0x4E00, 0x9FFF),
    "B": (0x20000, 0x2A6DF),
    "C": (0x2A700, 0x2B73F),
    "D": (0x2B740, 0x2B81D),
    "E": (0x2B820, 0x2CEAD),
    "F": (0x2CEB0, 0x2EBE0),
    "I": (0x2EBF0, 0x2EE5D),
    "G": (0x30000, 0x3134A),
    "H": (0x31350, 0x323AF),
    "J": (0x323B0, 0x33479),
    "compatibility": (0xF900, 0xFAD9),
    "compatibility, supplement": (0x2F800, 0x2FA1D),
}
"""First and last ideograph of each block in Unicode 17."""


@pytest.mark.parametrize("block", BLOCKS)
def test_the_ideographs_of_a_block_are_han(block):
    assert all(is_han(chr(code)) for code in BLOCKS[block])


def test_han_is_what_unicode_names_an_ideograph():
    for code in range(0x2E80, 0x34000):
        name = unicodedata.name(chr(code), "")
        if name and code != 0x3007:
            assert is_han(chr(code)) == name.startswith(
                ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH")
            )


@pytest.mark.parametrize("char", "あア한ㄅ々○⻄，A0")
def test_other_characters_are_not(char):
    assert not is_han(char)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("二○一八年", "二〇一八年"),
        ("二◯○八年", "二〇〇八年"),
        ("一九八○", "一九八〇"),
        ("○五年", "〇五年"),
        ("李○○", "李○○"),  # a name that is hidden
        ("人々", "人人"),
        ("々", "々"),
        ("⻄安⻢⼈", "西安马人"),
        ("豈\U0002f800", "豈丽"),
        ("我\u200b们\ufeff好\u202e\U000e0100", "我们好"),
        ("第\u200d3\ufe0f0个", "第30个"),
        ("ｔâ\u00adi", "tâi"),
        ("siⁿ sin SIᴺ", "sinn sin SInn"),
        ("你\u00a0好\u3000吗", "你 好 吗"),
        ("①⒉½❶", " 1  2.  1⁄2  1 "),
        ("10² 10⁻³", "10^2 10^−3"),
        ("㋀", " 1月 "),
        ("plain text, 2018", "plain text, 2018"),
    ],
)
def test_characters_become_plain(text, same):
    assert to_plain(text) == same


def test_letters_for_a_zero_are_one_only_within_a_number():
    assert (
        restore_zeros("二0一八，二oo八，二0年，o一o，一 0 一", "0o")
        == "二〇一八，二〇〇八，二〇年，o一o，一 0 一"
    )
    assert restore_zeros("二0一八", "") == "二0一八"


@given(st.text())
def test_what_is_plain_stays(text):
    once = to_plain(text)
    assert to_plain(once) == once


@settings(max_examples=1000)
@given(st.text("二五年人○◯々⻄豈½①²9 ，"))
def test_what_is_plain_stays_whatever_it_was_made_of(text):
    assert to_plain(to_plain(text)) == to_plain(text)

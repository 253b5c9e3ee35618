import re
from pathlib import Path

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from fangyan.data.text import script
from fangyan.data.text.script import converter, simplify
from fangyan.files import ROOT, read_table

WORDS = read_table(Path(__file__).with_name("words.tsv"))
ROWS = read_table(ROOT / "conf" / "script.tsv")
KNOWN = {"t2s": {"著有三本書"}}
"""What we know to come out wrong."""


@pytest.mark.parametrize(
    ("written", "simple"),
    [
        ("他看著我", "他看着我"),
        ("看著名單", "看着名单"),
        ("著名的土著", "著名的土著"),
        ("為甚麼", "为什么"),
        ("關於其一", "关于其一"),
        ("搭𨋢嗰個人", "搭𨋢嗰个人"),
        ("枱面衞生", "台面卫生"),
    ],
)
def test_text_of_whatever_script_becomes_simplified(written, simple):
    assert simplify(written) == simple


def test_every_word_becomes_simplified_but_those_we_know():
    wrong = {row["written"] for row in WORDS if simplify(row["written"]) != row["t2s"]}
    assert wrong == KNOWN["t2s"]


@pytest.mark.parametrize("word", ["什么", "抬头", "著名", "土著", "编著", "看着", "后", "𠮶", "嘅", "㗎"])
def test_what_is_simplified_stays(word):
    assert simplify(word) == word


@pytest.mark.parametrize("word", ["他看着我", "他看著我"])
def test_one_word_is_one_word_in_traditional_script_too(word):
    assert converter("s2t")(word) == "他看著我"


def score(convert, to: str) -> tuple[int, int]:
    """Words that come out right, and answers that stay."""
    right = sum(convert(row["written"]) == row[to] for row in WORDS)
    return right, sum(convert(row[to]) == row[to] for row in WORDS)


def test_the_configurations_do_as_well_as_the_docstring_says():
    said = re.findall(r"(?m)^(t2s|s2t) (\w+, then \w+|\w+) +(\d+) +(\d+)", script.__doc__)
    assert len(said) == 9
    for to, name, *counts in said:
        convert = converter(to) if "then" in name else OpenCC(name).convert
        right, kept = score(convert, to)
        print(to, name, right, kept, "of", len(WORDS))
        assert [right, kept] == [int(count) for count in counts]


def test_the_rows_are_words_of_their_own_and_end_where_they_lead():
    written = [row["written"] for row in ROWS]
    assert len(set(written)) == len(written)
    for row in ROWS:
        assert simplify(row["written"]) == row["simplified"] == simplify(row["simplified"])
        assert len(row["written"]) == len(row["simplified"])


def test_the_phrases_of_opencc_stay_once_they_are_simplified():
    lines = (Path(opencc.__file__).parent / "dictionary" / "TSPhrases.txt").read_text().splitlines()
    phrases = [word for line in lines for word in line.split()]
    assert len(phrases) > 500
    assert [word for word in map(simplify, phrases) if simplify(word) != word] == []


ALPHABET = sorted({char for row in WORDS + ROWS for char in "".join(row.values()) if char > "〇"})


@given(st.lists(st.sampled_from([row["written"] for row in WORDS + ROWS]) | st.sampled_from(ALPHABET)))
def test_simplifying_twice_changes_nothing(words):
    once = simplify("".join(words))
    assert simplify(once) == once


@given(st.lists(st.sampled_from([row["written"] for row in WORDS]), min_size=1))
def test_a_word_is_read_alike_on_either_side_of_another_sentence(words):
    assert simplify("，".join(words)) == "，".join(map(simplify, words))


def test_characters_that_opencc_moves_beyond_the_basic_block_stay():
    moved = "嗰𨋢餸孻𣍐喎噚癐"
    assert simplify(moved) == moved != OpenCC("t2s").convert(moved)


@given(st.lists(st.sampled_from([row["written"] for row in WORDS + ROWS])))
def test_traditional_text_is_one_whichever_script_it_was_in(words):
    text = "".join(words)
    assert converter("s2t")(text) == converter("s2t")(simplify(text))


def test_what_is_traditional_already_stays():
    assert converter("s2t")("萬里長城，頭髮和發現") == "萬里長城，頭髮和發現"

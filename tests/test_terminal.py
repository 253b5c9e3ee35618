"""Columns of a terminal, counted by hand."""

import pytest

from fangyan.terminal import pad, shorten, table, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("吃饭", 4), ("Ａ", 2), ("s\u0323", 1), ("–…", 2)],
)
def test_chinese_takes_two_columns(text, columns):
    assert width(text) == columns


def test_padding_counts_columns():
    assert pad("吃饭", 6) == "吃饭  " and pad("12", 4, right=True) == "  12" and pad("吃饭", 2) == "吃饭"


def test_what_is_too_wide_is_cut():
    assert shorten("吃饭了吗", 8) == "吃饭了吗"
    assert shorten("吃饭了吗", 7) == "吃饭了…" and shorten("吃饭了吗", 6) == "吃饭…"
    assert shorten("/corpus/yue/a.wav", 10, keep_end=True) == "…yue/a.wav"


def test_a_table_is_straight():
    assert table(("rank", "said"), [("1", "吃饭"), ("10", "ok")], numbers=[0]).splitlines() == [
        "rank  said",
        "   1  吃饭",
        "  10  ok",
    ]

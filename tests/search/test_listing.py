"""Hits as lines; widths are counted by hand, Chinese characters as two."""

from fangyan.search import Hit
from fangyan.search.listing import for_readers, tab_separated
from fangyan.search.records import Entry
from fangyan.terminal import width


def hit(key: str, f1: float, variety: str = "", text: str = "", text_cmn: str = "", wav: str = "") -> Hit:
    return Hit(
        Entry(key, wav or f"/far/{key}.wav", 0.0, None, variety, text, text_cmn, 1, 1), f1, 0.5, 0.25, 0.125
    )


def test_a_reader_gets_rank_score_variety_and_what_is_said():
    found = {
        "q.wav": [
            hit("a", 0.91234, "yue", "佢哋去食飯", "他们去吃饭"),
            hit("b", 0.5, "cmn", "", "他们去吃饭"),
        ]
    }
    assert "\n".join(for_readers(found)).splitlines() == [
        "q.wav",
        "  rank  score  variety  what is said, or the file",
        "     1  0.912  yue      佢哋去食飯",
        "     2  0.500  cmn      他们去吃饭",
    ]


def test_a_file_of_which_nothing_is_known_is_told_by_its_path():
    lines = "\n".join(
        for_readers({"q.wav": [hit("a", 1, wav="/far/" + "x" * 90 + "/last.wav")]})
    ).splitlines()
    assert lines[-1].endswith("x/last.wav") and "…" in lines[-1]


def test_no_line_is_wider_than_a_terminal():
    long = hit("a" * 200, 0.5, "cmn", "吃" * 100, wav="/" + "y" * 200)
    silent = hit("b", 0.5, wav="/" + "y" * 200)
    lines = "\n".join(for_readers({"/" + "z" * 200: [long, silent]})).splitlines()
    assert max(map(width, lines)) <= 80 and lines[0].startswith("…")


def test_a_query_that_finds_nothing_else_says_so():
    assert list(for_readers({"q.wav": []})) == ["q.wav", "  nothing else is in the index"]


def test_a_pipe_gets_all_that_is_known():
    assert list(tab_separated({"q.wav": [hit("a", 0.91234, "yue", "佢", "他")]})) == [
        "query\trank\tf1\tprecision\trecall\tcosine\tvariety\tid\ttext\ttext_cmn\twav",
        "q.wav\t1\t0.9123\t0.5000\t0.2500\t0.1250\tyue\ta\t佢\t他\t/far/a.wav",
    ]

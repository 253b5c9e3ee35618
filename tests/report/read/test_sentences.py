"""`fangyan.report.read.sentences`: the hardest and the easiest sentences, by hand."""

import pytest

from fangyan.data import datadir
from fangyan.errors import DataError

from ..fabricated import data_directory, ranks, report
from ..reading import rows


def test_sentences_are_ordered_by_recall_then_reciprocal_rank(exp, unrendered):
    ranks(exp, {"easy": (1, 1), "slow": (1, 10), "fair": (1, 2), "hard": (2, 4, 4)})
    data = data_directory(exp / "data" / "test", {"easy": "我", "slow": "你", "fair": "他", "hard": "她们"})
    text = report(exp, "dev", ["test"], data=data).read_text()
    assert rows(text, "Sentence by sentence") == [
        ["#", "sentence", "Mandarin", "N", "R@1", "MRR"],
        ["1", "hard", "她们", "3", "0.0", "33.3"],  # (1/2 + 1/4 + 1/4) / 3
        ["2", "slow", "你", "2", "50.0", "55.0"],
        ["3", "fair", "他", "2", "50.0", "75.0"],
        ["4", "easy", "我", "2", "100.0", "100.0"],
    ]
    assert "1 is the hardest of 4 sentences, chance 10.0 %." in text


def test_of_many_sentences_the_first_and_the_last_are_shown_with_a_gap_between(exp, unrendered):
    ranks(exp, {f"s{n:02d}": (max(1, 8 - n),) for n in range(14)})  # s07 and the later ones are found
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Sentence by sentence")
    assert body[0] == ["#", "sentence", "N", "R@1", "MRR"]  # no data directory, no wording
    assert [row[:2] for row in body[1:]] == [
        *(["1", "s00"], ["2", "s01"], ["3", "s02"], ["4", "s03"], ["5", "s04"]),
        ["⋮", "4 others"],
        *(["10", "s09"], ["11", "s10"], ["12", "s11"], ["13", "s12"], ["14", "s13"]),
    ]
    assert "7 sentences are always found." in text


def test_the_wording_of_a_sentence_is_the_one_that_most_utterances_have(exp, unrendered):
    ranks(exp, {"s1": (1,), "s2": (2,)})
    wordings = {"a": ("好", "去"), "b": ("好吗", "走"), "c": ("好吗", "去")}
    utterances = [
        datadir.Utterance(f"{v}-s{n}", "/x.wav", "x", v, v, f"s{n}", 1.0, text)
        for v, texts in wordings.items()
        for n, text in enumerate(texts, 1)
    ]
    datadir.write(exp / "data" / "test", utterances)
    text = report(exp, "dev", ["test"], data=exp / "data").read_text()
    assert [row[1:3] for row in rows(text, "Sentence by sentence")[1:]] == [["s2", "去"], ["s1", "好吗"]]


def test_without_ranks_one_sentence_says_so(made):
    assert "No ranks of single queries were found on test: run the stage measure again." in made.read_text()


def test_malformed_ranks_and_those_of_other_layers_are_refused(exp):
    ranks(exp, {"s": (1,)}, layer="layer02")
    with pytest.raises(DataError, match="ranks.tsv: the layer chosen is layer01, got none of its ranks"):
        report(exp, "dev", ["test"])
    ranks(exp, {"s": (11,)})
    with pytest.raises(DataError, match=r"ranks.tsv:4: .* got rank 11, 1 of 10 right"):
        report(exp, "dev", ["test"])
    ranks(exp, {"s": (1,)})
    with pytest.raises(DataError, match=r"data.test: no data directory there"):
        report(exp, "dev", ["test"], data=exp / "data")

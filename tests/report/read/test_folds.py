"""`fangyan.report.read.folds`: a report whose layer the halves of the sentences chose, by hand."""

import re
from itertools import permutations
from pathlib import Path

import pytest

from fangyan.errors import UserError
from fangyan.measure.retrieval.tables import Pair, RankedQuery, pairs_of
from fangyan.report import headline
from fangyan.tables import write_rows

from ..fabricated import RANKS, report, write
from ..reading import Page, rows

# In the order of their SHA-256: s3 s2 s1 s0, so that s3 and s1 are the first half.
SPLIT = {"layer01": {"s3": 1, "s1": 1, "s2": 2, "s0": 2}, "norm": {"s3": 2, "s1": 1, "s2": 1, "s0": 1}}
AGREED = {"layer01": {"s3": 1, "s1": 1, "s2": 2, "s0": 1}, "norm": {"s3": 2, "s1": 1, "s2": 3, "s0": 1}}


def ranked(folder: Path, layers: dict[str, dict[str, int]]) -> None:
    """The tables of a retrieval with these ranks in both directions of one pair, among 10."""
    lines, pairs = [], []
    for layer, places in layers.items():
        asked = [
            RankedQuery(a, b, f"{a}-{sentence}", sentence, rank, 1, 10)
            for a, b in permutations(("cmn", "yue"), 2)
            for sentence, rank in places.items()
        ]
        lines += ("\t".join(map(str, (layer, *query))) + "\n" for query in asked)
        pairs += pairs_of(layer, asked)
    write(folder / "ranks.tsv", RANKS + "".join(lines))
    write_rows(folder / "pairs.tsv", pairs, Pair)


@pytest.fixture
def exp(tmp_path) -> Path:
    """An experiment of one test set; random weights choose norm in both halves."""
    ranked(tmp_path / "retrieval" / "test", SPLIT)
    ranked(tmp_path / "retrieval_pooled" / "test", AGREED)
    never = dict.fromkeys(SPLIT["norm"], 9)
    ranked(tmp_path / "baselines/random/retrieval/test", {"layer01": never, "norm": SPLIT["norm"]})
    ranked(tmp_path / "baselines/mfcc/retrieval/test", {"mfcc": AGREED["norm"]})
    return tmp_path


def test_halves_that_disagree_are_both_named_and_their_cross_is_the_result(exp):
    path = report(exp, "", ["test"], folds=True)
    head = headline(path)
    # norm on s3 and s1: 1/2; layer01 on s2 and s0: 0. MRR (1/2 + 1 + 1/2 + 1/2) / 4
    assert "| test     | layer01, norm | 25.0 (0.0–75.0) | 100.0 | 62.5 |   – |   4 |   10.0 |" in head
    assert "2 sentences chose layer01, which has R@1 0.0 % on the other 2;" in head
    assert "these chose norm, which has 50.0 % on the first." in head
    assert "What is shown of one layer below is of layer01" in head
    text = path.read_text()
    systems = [row[:4] for row in rows(text, "Systems compared")[1:]]
    # Pooled at the same layers: norm has ranks 2 and 1 of s3 and s1, layer01 2 and 1 of s2 and s0.
    assert systems == [
        ["this encoder", "layer01, norm", "25.0", "50.0"],
        ["random weights", "norm", "75.0", "–"],
        ["MFCC", "mfcc", "50.0", "–"],
    ]
    assert "Every system with its own layer, chosen by folds." in text
    assert rows(text, "Layer by layer")[1][:2] == ["layer01", "50.0"]
    assert rows(text, "Variety by variety")[1] == ["Mandarin (cmn)", "–", "50.0"]
    assert [row[1] for row in rows(text, "Sentence by sentence")[1:]] == ["s0", "s2", "s1", "s3"]
    assert "At layer01, norm, chosen by folds" in "".join(Page(exp / "report.html").text)


def test_halves_that_agree_give_the_plain_result_of_the_layer(exp, unrendered):
    ranked(exp / "retrieval" / "test", AGREED)
    head = headline(report(exp, "", ["test"], folds=True))
    plain = headline(report(exp, "", ["test"]))
    assert "| layer01 | 75.0 (" in head and "shown of one layer" not in head
    assert re.search(r"\| layer01 +\| +75.0 \|", plain)


def test_folds_beside_a_development_set_are_refused(exp):
    with pytest.raises(UserError, match="--dev dev: chooses the layer, and so do folds"):
        report(exp, "dev", ["test"], folds=True)

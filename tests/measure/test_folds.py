"""`fangyan.measure.folds`: four sentences by hand, and its properties."""

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.files import write_table
from fangyan.measure import folds
from fangyan.measure.folds import Half, choose_by_folds, halves, layer_of_report
from fangyan.measure.retrieval.tables import RANKS, Pair, RankedQuery, pairs_of
from fangyan.measure.selection import Mean, by_layer
from fangyan.tables import write_rows

BY_HASH = ("s3", "s4", "s2", "s1", "s0")
"""In the order of their SHA-256: 4124..., 5b84..., ad32..., e8bc..., ec18..."""

RANKS_BY_HAND = {
    "layer01": {"s3": 1, "s1": 1, "s2": 2, "s0": 2},
    "norm": {"s3": 2, "s1": 1, "s2": 1, "s0": 1},
}
"""Of s3 and s1 layer01 has R@1 1 and norm 1/2; of s2 and s0 it is 0 and 1."""


def queries(ranks: dict[str, int], codes=("cmn", "yue"), candidates=10) -> list[RankedQuery]:
    """Each sentence once in each ordered pair, with the same rank in all of them."""
    return [
        RankedQuery(a, b, f"{a}-{sentence}", sentence, rank, 1, candidates)
        for a, b in permutations(codes, 2)
        for sentence, rank in ranks.items()
    ]


def write(folder: Path, layers: dict[str, list[RankedQuery]]) -> Path:
    """The folder of a set with its ranks and its pairs."""
    rows = [{"layer": layer} | query._asdict() for layer, asked in layers.items() for query in asked]
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "ranks.tsv", rows, RANKS)
    write_rows(folder / "pairs.tsv", [row for of in layers.items() for row in pairs_of(*of)], Pair)
    return folder


def test_sentences_are_dealt_by_the_hash_of_their_ids():
    assert halves([*BY_HASH, "s0"]) == {"s3": 0, "s4": 1, "s2": 0, "s1": 1, "s0": 0}
    assert halves("s2 s3 s0 s1".split()) == {"s3": 0, "s2": 1, "s1": 0, "s0": 1}


def test_each_half_chooses_and_is_reported_at_the_choice_of_the_other(tmp_path):
    folder = write(tmp_path, {layer: queries(ranks) for layer, ranks in RANKS_BY_HAND.items()})
    found = choose_by_folds([folder])
    assert found.halves == (Half(2, "layer01", 0.0), Half(2, "norm", 0.5))
    assert found.layers == "layer01, norm"
    asked = found.queries(folder)
    # Half a, s3 and s1, at norm: 2 and 1; half b, s2 and s0, at layer01: 2 and 2. (1/2 + 1 + 1/2 + 1/2) / 4
    assert {(q.sentence, q.rank) for q in asked} == {("s3", 2), ("s1", 1), ("s2", 2), ("s0", 2)}
    assert len(asked) == 8
    assert folds.mean(asked) == Mean(0.25, 1.0, 0.625, pytest.approx(0.1), 2, 4, 4)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=2, max_size=9))
def test_a_layer_that_is_best_everywhere_gives_its_plain_result(tmp_path_factory, drawn):
    best = queries({f"s{n}": rank for n, (rank, _) in enumerate(drawn)}, candidates=20)
    worse = queries({f"s{n}": rank + more for n, (rank, more) in enumerate(drawn)}, candidates=20)
    folder = write(tmp_path_factory.mktemp("set"), {"layer01": best, "norm": worse})
    found = choose_by_folds([folder])
    assert found.layers == "layer01" and sorted(found.queries(folder)) == sorted(best)
    assert folds.mean(found.queries(folder)) == by_layer(pairs_of("layer01", best))["layer01"]


def test_several_sets_choose_together_from_the_layers_that_all_have(tmp_path):
    near = write(
        tmp_path / "near", {"layer01": queries({"s0": 2, "s1": 2}), "norm": queries({"s0": 1, "s1": 2})}
    )
    far = write(tmp_path / "far", {"extra": queries({"s1": 1, "s2": 1}), "norm": queries({"s1": 1, "s2": 1})})
    found = choose_by_folds([near, far])
    assert found.layers == "norm"
    assert found.place == {"s2": 0, "s1": 1, "s0": 0}  # s1 is on one side in both sets
    # s0 of near and s2 of far are of one half, all right; s1 of the other is wrong in near.
    assert [half.recall_at_1 for half in found.halves] == [0.5, 1.0]


def test_what_cannot_be_folded_is_refused(tmp_path):
    one = write(tmp_path / "one", {"norm": queries({"s0": 1})})
    with pytest.raises(DataError, match=r"one/ranks.tsv: folds need at least 2 sentences, got s0"):
        choose_by_folds([one])
    other = write(tmp_path / "other", {"layer01": queries({"s1": 1})})
    with pytest.raises(DataError, match=r"ranks.tsv: folds need a layer that all sets have, got none"):
        choose_by_folds([one, other])
    with pytest.raises(DataError, match=r"lost/ranks.tsv: no such file: run the stage measure first"):
        choose_by_folds([tmp_path / "lost"])


def test_the_layer_of_a_report_is_the_recommended_or_the_last_one_or_that_of_the_first_half(tmp_path):
    write(tmp_path / "test", {layer: queries(ranks) for layer, ranks in RANKS_BY_HAND.items()})
    assert layer_of_report(tmp_path, ["test"]) == layer_of_report(tmp_path, ["test"], "layer99") == "norm"
    assert layer_of_report(tmp_path, ["test", "lost"], "layer01") == "layer01"
    assert layer_of_report(tmp_path, ["test"], "norm", folds=True) == "layer01"
    assert layer_of_report(tmp_path, ["lost"], "norm", folds=True) == ""

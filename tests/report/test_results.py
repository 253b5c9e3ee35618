"""`fangyan.report.results`: the choice of a layer, means over pairs, files that are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError, UserError
from fangyan.report import report, results, tables
from fangyan.report.results import Mean, Pair, choose

from .fabricated import HISTORY, scores, write


def pair(layer: str, recall: float, mrr: float, source="a") -> Pair:
    return Pair(layer, source, "b", 10, recall, 1.0, mrr, 0.1)


def test_ties_go_to_mrr_then_to_the_shallower_layer():
    assert choose([]) is None
    assert choose([pair("layer01", 0.5, 0.6), pair("layer02", 0.5, 0.7)]) == "layer02"
    assert choose([pair("norm", 0.5, 0.7), pair("layer02", 0.5, 0.7)]) == "layer02"
    # 1/3 + 1/3 with six digits against 2/3 + 0: the same mean
    thirds = [pair("layer01", 0.333333, 0.5), pair("layer01", 0.333333, 0.5, "c")]
    assert choose([*thirds, pair("layer02", 0.666667, 0.5), pair("layer02", 0, 0.5, "c")]) == "layer01"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6))
def test_choice_is_the_first_maximum_whatever_the_order_of_rows(values):
    pairs = [pair(f"layer{n:02d}", r / 4, m / 4) for n, (r, m) in enumerate(values)]
    assert choose(pairs[::-1]) == f"layer{values.index(max(values)):02d}"


def test_means_are_over_pairs_and_keep_the_range_of_queries():
    pairs = [
        Pair("l", "a", "b", 40, 0.2, 0.4, 0.3, 0.025),
        Pair("l", "b", "a", 80, 0.5, 0.6, 0.7, 0.0125),
    ]
    mean = results.by_layer(pairs)["l"]
    assert mean == Mean(0.35, 0.5, 0.5, pytest.approx(0.01875), 2, 40, 80)
    assert tables.queries(mean) == "40-80"


def test_other_malformed_files_are_refused(exp):
    write(exp / "train.json", '{\n"seed": }')
    with pytest.raises(DataError, match=r"train.json:2: must be JSON"):
        report(exp, "dev", ["test"])
    write(exp / "train.json", "[1]")
    with pytest.raises(DataError, match="must be a JSON object, got a list"):
        report(exp, "dev", ["test"])
    write(exp / "train.json", "{}")
    write(exp / "history.tsv", HISTORY.replace("80.5", "much"))
    with pytest.raises(DataError, match=r"history.tsv:2: train_loss is a number or nothing, got 'much'"):
        report(exp, "dev", ["test"])


def test_a_chosen_layer_that_the_test_set_lacks_is_refused(exp):
    scores(exp / "retrieval" / "test", {"layer02": (0.78, 0.82)})
    with pytest.raises(DataError, match="dev chose layer01, got scores of layer02"):
        report(exp, "dev", ["test"])


def test_scores_of_the_dev_set_are_no_test(exp):
    with pytest.raises(UserError, match="the layer is chosen on this set"):
        report(exp, "dev", ["test", "dev"])
    with pytest.raises(UserError, match="no such experiment folder"):
        report(exp / "nowhere", "dev", ["test"])

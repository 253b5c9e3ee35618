"""`fangyan.measure.selection`: which layer is chosen, by hand and by its property; means over pairs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Pair
from fangyan.measure.selection import Mean, by_layer, choose_layer, chosen_on, recall_table
from fangyan.report.render import tables
from fangyan.tables import write_rows


def pair(layer: str, recall: float, mrr: float, source="a") -> Pair:
    return Pair(layer, source, "b", 10, recall, 1.0, 1.0, mrr, 1.0, 0.1)


def test_ties_go_to_mrr_then_to_the_shallower_layer():
    assert choose_layer([]) is None
    assert choose_layer([pair("layer01", 0.5, 0.6), pair("layer02", 0.5, 0.7)]) == "layer02"
    assert choose_layer([pair("blocks.9", 0.5, 0.7), pair("blocks.10", 0.5, 0.7)]) == "blocks.9"
    # 1/3 + 1/3 with six digits against 2/3 + 0: the same mean
    thirds = [pair("layer01", 0.333333, 0.5), pair("layer01", 0.333333, 0.5, "c")]
    assert choose_layer([*thirds, pair("layer02", 0.666667, 0.5), pair("layer02", 0, 0.5, "c")]) == "layer01"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6))
def test_choice_is_the_first_maximum_in_the_order_of_layers(values):
    pairs = [pair(f"{-n}", r / 4, m / 4) for n, (r, m) in enumerate(values)]
    assert choose_layer(pairs) == f"{-values.index(max(values))}"
    assert list(by_layer(pairs)) == [row.layer for row in pairs]


def test_means_are_over_pairs_and_keep_the_range_of_queries():
    pairs = [
        Pair("l", "a", "b", 40, 0.2, 0.4, 0.5, 0.3, 2, 0.025),
        Pair("l", "b", "a", 80, 0.5, 0.6, 0.7, 0.7, 1, 0.0125),
    ]
    mean = by_layer(pairs)["l"]
    assert mean == Mean(0.35, 0.5, 0.5, pytest.approx(0.01875), 2, 40, 80)
    assert tables.queries(mean) == "40-80"


def test_the_layer_is_chosen_from_the_folder_of_a_retrieval(tmp_path):
    with pytest.raises(DataError, match=r"dev/pairs.tsv: no such file: run the stage measure first"):
        chosen_on(tmp_path / "dev")
    write_rows(tmp_path / "pairs.tsv", [], Pair)
    with pytest.raises(DataError, match=r"pairs.tsv:2: a layer is chosen by the rows, got none"):
        chosen_on(tmp_path)
    rows = [pair("layer01", 0.5, 0.8), pair("layer02", 0.7, 0.8), pair("norm", 0.6, 0.8)]
    write_rows(tmp_path / "pairs.tsv", rows, Pair)
    assert chosen_on(tmp_path) == "layer02"


def test_a_table_of_what_retrievals_found_is_for_the_eye(tmp_path):
    rows = [pair("layer01", 0.25, 0.4), pair("layer01", 0.5, 0.4, "c"), pair("norm", 0.125, 0.2)]
    for name in ("retrieval", "retrieval_pooled"):
        (tmp_path / name / "test").mkdir(parents=True)
    write_rows(tmp_path / "retrieval" / "test" / "pairs.tsv", rows, Pair)
    folders = {name: tmp_path / name for name in ("retrieval", "intervals", "retrieval_pooled")}
    assert recall_table(folders, ["dev", "test"]).splitlines() == [
        "retrieval  set   best layer   R@1  last layer   R@1  chance",
        "retrieval  test  layer01     37.5  norm        12.5    10.0",  # (25 + 50) / 2
    ]
    assert recall_table({"intervals": tmp_path / "intervals"}, ["test"]) == ""


def test_the_table_of_retrievals_fits_a_terminal(tmp_path):
    layer = "+".join(["layer01"] * 4)
    (tmp_path / "test_long_name").mkdir()
    write_rows(tmp_path / "test_long_name" / "pairs.tsv", [pair(layer, 1.0, 1.0)], Pair)
    lines = recall_table({"baselines/hf_someone_something/retrieval": tmp_path}, ["test_long_name"])
    assert max(map(len, lines.splitlines())) <= 80

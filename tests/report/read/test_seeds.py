"""Experiments that differ by their seed, as one row: every mean and deviation is worked out by hand."""

from pathlib import Path

import pytest

from fangyan.errors import UserError
from fangyan.measure.retrieval.tables import Pair
from fangyan.report.read.seeds import average
from fangyan.rounding import NONE
from fangyan.tables import write_rows


def pairs(path: Path, layers: dict[str, float]) -> None:
    rows = [
        Pair(layer, *pair, 10, recall, recall, recall, recall, 1.0, 0.1)
        for layer, recall in layers.items()
        for pair in ("ab", "ba")
    ]
    write_rows(path, rows, Pair)


def experiment(exp: Path, dev: dict[str, float], test: dict[str, float], errors: int | None = None) -> Path:
    for name, layers in {"dev": dev, "test": test}.items():
        pairs(exp / "retrieval" / name / "pairs.tsv", layers)
        pairs(
            exp / "retrieval_pooled" / name / "pairs.tsv",
            {layer: recall / 2 for layer, recall in layers.items()},
        )
    if errors is not None:
        table = exp / "decode" / "test" / "cer.tsv"
        table.parent.mkdir(parents=True)
        table.write_text(
            f"variety\tsentences\tcharacters\terrors\tcer\nall\t5\t100\t{errors}\t{errors / 100}\n"
        )
    return exp


def test_each_seed_chooses_its_own_layer_and_the_row_is_their_mean_and_deviation(tmp_path):
    one = experiment(tmp_path / "ctc_seed1", {"l1": 0.9, "l2": 0.8}, {"l1": 0.4, "l2": 0.7}, errors=10)
    two = experiment(tmp_path / "ctc_seed2", {"l1": 0.1, "l2": 0.2}, {"l1": 0.9, "l2": 0.6}, errors=20)
    (row,) = average([one, two], "dev", "test").rows
    # R@1: 0.4 and 0.6, mean 0.5, deviation 0.2 / sqrt(2); pooled half of both; last layer 0.7 and 0.6; CER 0.1 and 0.2
    assert row == ("ctc", "l1 l2", "2", "50.0 ± 14.1", "25.0 ± 7.1", "65.0 ± 7.1", "15.0 ± 7.1")


def test_layers_are_named_in_their_depth_order_and_the_last_is_the_deepest(tmp_path):
    test = {"blocks.9": 0.1, "blocks.10": 0.2}
    one = experiment(tmp_path / "a_seed1", {"blocks.9": 0.3, "blocks.10": 0.5}, test)
    two = experiment(tmp_path / "a_seed2", {"blocks.9": 0.5, "blocks.10": 0.3}, test)
    (row,) = average([one, two], "dev", "test").rows
    assert (row[1], row[3], row[5]) == ("blocks.9 blocks.10", "15.0 ± 7.1", "20.0 ± 0.0")


def test_kinds_keep_their_order_and_a_single_seed_has_no_deviation(tmp_path):
    exps = [experiment(tmp_path / tag, {"l1": 0.5}, {"l1": 0.25}) for tag in ("b_seed1", "a_seed10")]
    rows = average(exps, "dev", "test").rows
    assert rows == tuple((kind, "l1", "1", "25.0", "12.5", "25.0", NONE) for kind in "ba")


def test_a_score_that_a_seed_lacks_is_not_averaged_over_the_others(tmp_path):
    whole = experiment(tmp_path / "a_seed1", {"l1": 0.5}, {"l1": 0.5}, errors=10)
    undecoded = experiment(tmp_path / "a_seed2", {"l1": 0.5}, {"l1": 0.5})
    (row,) = average([whole, undecoded], "dev", "test").rows
    assert row[-1] == NONE and row[3] == "50.0 ± 0.0"


@pytest.mark.parametrize("tag", ["plain", "plain_seed", "plain_seed1_again"])
def test_a_tag_without_a_seed_is_refused(tmp_path, tag):
    with pytest.raises(UserError, match=r"TAG_seedN"):
        average([experiment(tmp_path / tag, {"l1": 0.5}, {"l1": 0.5})], "dev", "test")


def test_an_experiment_counts_once_by_whatever_path(tmp_path, monkeypatch):
    one = experiment(tmp_path / "a_seed1", {"l1": 0.5}, {"l1": 0.5})
    (tmp_path / "a_seed2").symlink_to(one)
    copy = experiment(tmp_path / "elsewhere" / "a_seed01", {"l1": 0.5}, {"l1": 0.5})
    renamed = experiment(tmp_path / "a_seed3", {"l1": 0.5}, {"l1": 0.5})
    (renamed / "train.json").write_text('{"seed": 1}')
    monkeypatch.chdir(tmp_path)
    for again in (one, Path("a_seed1"), tmp_path / "a_seed2", copy, renamed):
        with pytest.raises(
            UserError, match=rf"--exp {again}: seed 1 of a counts once, got it as {one} before"
        ):
            average([one, again], "dev", "test")


@pytest.mark.parametrize(
    ("dev", "test", "option"), [("dve", "test", "--dev dve"), ("dev", "tset", "--test tset")]
)
def test_a_set_without_results_is_refused(tmp_path, dev, test, option):
    exp = experiment(tmp_path / "a_seed1", {"l1": 0.5}, {"l1": 0.5})
    with pytest.raises(UserError, match=f"{option}: no results of this set in .*known are dev, test"):
        average([exp], dev, test)

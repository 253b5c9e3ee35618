"""`fangyan.report.read.results`: files that are refused."""

import pytest

from fangyan.errors import DataError, UserError

from ..fabricated import HISTORY, report, scores, write


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
    with pytest.raises(UserError, match="nowhere: no such experiment: known are none"):
        report(exp / "nowhere", "dev", ["test"])

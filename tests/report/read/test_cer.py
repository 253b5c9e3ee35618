"""`fangyan.report.read.cer`: malformed errors by exit layer, and those of another model, are refused."""

import pytest

from fangyan.errors import DataError

from ..fabricated import EXITS, early_exit, report


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("200 200 1", "200 200 x", "cer.tsv:4: cer is a number from 0 up, got 'x'"),
        (
            "100 26 0.26",
            "100 25 0.25",
            "the rows of norm are those of the whole model, got others than decode/test",
        ),
        ("norm", "layer03", "the rows of norm are those of the whole model"),
        ("layer02 yue", "layer02 hak", "layer02 has a row for each of cmn yue all, got cmn hak all"),
        ("layer variety", "exit variety", "cer.tsv:1: the columns are .* got none named layer"),
    ],
)
def test_malformed_exits_and_those_of_another_model_are_refused(exp, old, new, message):
    assert old in EXITS
    early_exit(exp, EXITS.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])


def test_exits_of_a_set_that_was_not_decoded_are_refused(exp):
    early_exit(exp, name="far")
    with pytest.raises(
        DataError, match="got others than decode/far has: run the stages decode and score again"
    ):
        report(exp, "dev", ["test", "far"])

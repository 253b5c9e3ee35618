"""`fangyan.report.read.explain`: malformed explanations are refused."""

import pytest

from fangyan.errors import DataError

from ..fabricated import TELLING, explained, report, write


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.9 0.25", "high 0.25", "telling.tsv:2: score is a number, got 'high'"),
        (
            "hit right cmn-a",
            "hit wrong cmn-a",
            "kind and answer are hit right, miss right, miss wrong, got hit wrong",
        ),
        ("hit1", "", "similarity.png: no such file"),
    ],
)
def test_malformed_explanations_are_refused(exp, old, new, message):
    explained(exp)
    assert old in TELLING
    write(exp / "explain" / "test" / "telling.tsv", TELLING.replace(old, new, 1).replace(" ", "\t"))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])

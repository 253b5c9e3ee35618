"""`fangyan.report.records`: malformed tables are refused with file, line and rule."""

import pytest

from fangyan.errors import DataError
from fangyan.report import report

from .fabricated import write

BAD = "layer\tsource\ttarget\tn\trecall_at_1\trecall_at_5\tmrr\tchance\n# a comment\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BAD + "l\ta\tb\t10\t1.5\t1\t1\t0.1\n",
            r"pairs.tsv:3: recall_at_1 is a fraction in \[0, 1\], got '1.5'",
        ),
        (
            BAD + "l\ta\tb\t10\t1\tnan\t1\t0.1\n",
            r"pairs.tsv:3: recall_at_5 is a fraction in \[0, 1\], got 'nan'",
        ),
        (BAD + "l\ta\tb\t10\t1\t1\t\t0.1\n", r"pairs.tsv:3: mrr is a fraction in \[0, 1\], got ''"),
        (BAD + "l\ta\tb\t0\t1\t1\t1\t0.1\n", "pairs.tsv:3: n is a whole number above 0, got '0'"),
        (BAD + "l\ta\tb\t10\t1\t1\n", "pairs.tsv:3: 8 columns"),
        ("layer\tsource\nl\ta\n", "pairs.tsv:1: the columns are .* got none named target n recall_at_1"),
        (BAD + 2 * "l\ta\tb\t10\t1\t1\t1\t0.1\n", "pairs.tsv: one row a layer and pair, got l a b twice"),
        (
            BAD + "l\ta\tb\t9\t1\t1\t1\t0.1\nm\ta\tc\t9\t1\t1\t1\t0.1\n",
            "every layer has the same ordered pairs",
        ),
    ],
)
def test_malformed_pairs_are_refused_with_the_line(exp, text, message):
    write(exp / "retrieval" / "test" / "pairs.tsv", text)
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])
    assert not (exp / "RESULTS.md").exists()

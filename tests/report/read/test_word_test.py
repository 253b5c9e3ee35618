"""`fangyan.report.read.word_test`: malformed tables of the word-level test are refused."""

import pytest

from fangyan.errors import DataError

from ..fabricated import TRIPLES, report, words


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5 0.405", "1.5 0.405", r"layers.tsv:2: preference is a fraction in \[0, 1\], got '1.5'"),
        ("0.405 0.625", "0.625 0.405", "layers.tsv: low is at most high, got 0.625 and 0.405 in layer01"),
        ("norm", "layer01", "layers.tsv: one row a layer, got layer01, layer01"),
        ("voices", "speakers", "layers.tsv:1: the columns are .* got none named voices"),
    ],
)
def test_malformed_words_are_refused(exp, old, new, message):
    assert old in TRIPLES
    words(exp, TRIPLES.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])

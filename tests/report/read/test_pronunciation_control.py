"""`fangyan.report.read.pronunciation_control`: malformed tables of the pronunciation control are refused."""

import pytest

from fangyan.errors import DataError

from ..fabricated import BINS, CONTROLLED, SOURCES, control, report, write


def test_sources_of_ipa_are_read_strictly(exp):
    write(exp / "control" / "test" / "pronunciation.tsv", SOURCES + "cmn\tutt2ipa\t0\n")
    with pytest.raises(
        DataError, match=r"pronunciation.tsv:2: utterances is a whole number above 0, got '0'"
    ):
        report(exp, "dev", ["test"])


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "controlled",
            "40 0.6 ",
            "40 1.6 ",
            r"controlled.tsv:4: recall_at_1 is a fraction in \[0, 1\], got '1.6'",
        ),
        ("controlled", "0.05 20 0.35", "0.05 20 much", "recall_at_1_controlled is .* or nothing, got 'much'"),
        (
            "controlled",
            "0.05 4 0.75",
            "0.05 - 0.75",
            "tsv:3: n_controlled is a whole number from 0 up, got ''",
        ),
        ("controlled", "0.2\n", "1.2\n", r"tsv:5: partial_correlation is a number in \[-1, 1\] or nothing"),
        ("controlled", " quantile ", " quantum ", "controlled.tsv:1: the columns are .* named quantile"),
        ("controlled", "layer02 cmn yue", "layer02 yue cmn", "one row a layer and pair, got layer02 yue cmn"),
        ("controlled", "layer02 all all", "layer02 all cmn", "every layer has the same ordered pairs"),
        ("controlled", "all all", "both both", "controlled.tsv: the last row of a layer is from all to all"),
        (
            "controlled",
            "layer01",
            "layer00",
            "controlled.tsv: the layer chosen is layer01, got layer00, layer02",
        ),
        (
            "bins",
            "layer01",
            "layer00",
            "bins.tsv: the layer chosen is layer01, got layer00, layer02: control",
        ),
        ("bins", "1 0.05", "0 0.05", "bins.tsv:2: bin is a whole number above 0, got '0'"),
        ("bins", "0.5 20", "5 20", "bins.tsv:3: high is a fraction"),
    ],
)
def test_malformed_control_is_refused_with_the_line(exp, file, old, new, message):
    tables = {"controlled": CONTROLLED, "bins": BINS}
    assert old in tables[file]
    tables[file] = tables[file].replace(old, new)
    control(exp, "test", **tables)
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])

"""`fangyan.report.read.intervals`: brackets and bars, and intervals of other scores."""

import re

import pytest

from fangyan.errors import DataError
from fangyan.report import headline

from ..fabricated import INTERVALS, intervals, report
from ..reading import Page, rows


def test_intervals_stand_in_brackets_and_say_what_was_drawn(exp):
    intervals(exp)
    path = report(exp, "dev", ["test"])
    text = path.read_text()
    cells = [cell.strip() for cell in headline(path).splitlines()[4].strip("|").split("|")]
    assert cells[1:4] == ["layer01", "70.0 (61.0–78.5)", "84.0"]
    assert "In brackets: 95 % intervals, bootstrap over 80 sentences." in headline(path)
    body = rows(text, "Layer by layer")
    assert [row[1] for row in body[1:3]] == ["70.0 (61.0–78.5)", "80.0 (75.0–90.0)"]
    assert [row[1] for row in body[4:6]] == ["60.0", "50.0"]  # dev has none
    assert text.count("In brackets") == 2  # headline, layers of test
    assert text.count("Vertical bars: 95 % intervals, bootstrap over 80 sentences.") == 1
    page = Page(exp / "report.html")
    assert "chance 1.3\u00a0%. 95\u00a0% interval 61.0–78.5\u00a0%. CER" in "".join(page.text)


def test_without_intervals_nothing_is_said_about_them(made):
    assert not re.search(r"bracket|interval|bootstrap|Vertical", made.read_text())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.7 0.61", "0.7 -0.61", r"intervals.tsv:2: low is a fraction in \[0, 1\], got '-0.61'"),
        ("clusters", "drawn", "intervals.tsv:1: the columns are .* got none named clusters"),
        ("0.61 0.785", "0.785 0.61", "intervals.tsv: low is at most high, got 0.785 and 0.61 in layer01"),
        (
            "0.7 0.61",
            "0.71 0.61",
            "pairs.tsv has a mean recall_at_1 of 0.7 in layer01, got 0.71: make the inter",
        ),
        ("layer02 recall_at_1", "layer02 recall", "layers layer01, layer02 has one row of .*, got layer01$"),
        ("layer01 mrr", "layer01 recall_at_1", "one row of recall_at_1, got layer01, layer01, layer02"),
    ],
)
def test_malformed_intervals_and_those_of_other_scores_are_refused(exp, old, new, message):
    assert old in INTERVALS
    intervals(exp, text=INTERVALS.replace(old, new))
    with pytest.raises(DataError, match=message):
        report(exp, "dev", ["test"])

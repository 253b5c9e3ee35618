"""`fangyan.rounding`: half up, everywhere; every expected number is worked out by hand."""

import ast
import math
import re
from pathlib import Path

import pytest

from fangyan.files import ROOT
from fangyan.rounding import NONE, decimals, group_digits, percent

PACKAGE = ROOT / "local" / "fangyan"


@pytest.mark.parametrize(
    ("number", "places", "shown"),
    [
        (6.25, 1, "6.3"),  # half to even it would be 6.2
        (1.25, 1, "1.3"),
        (-6.25, 1, "-6.3"),
        (6.249999, 1, "6.2"),
        (6.2499999999, 1, "6.3"),  # 6.25 to the six digits that files carry
        (0.8125, 3, "0.813"),
        (0.5, 0, "1"),
        (-0.04, 1, "0.0"),
        (12, 2, "12.00"),
        (1490.845, 2, "1,490.85"),
        (math.inf, 1, "inf"),
        (math.nan, 1, "nan"),
    ],
)
def test_a_half_is_rounded_up(number, places, shown):
    assert decimals(number, places) == shown


def test_percent_with_a_sign_and_of_nothing():
    assert [percent(x) for x in (None, 0.0, 0.0125, 0.7749, 1.0)] == [NONE, "0.0", "1.3", "77.5", "100.0"]
    assert [percent(x, "+") for x in (0.0125, -0.0125, -0.0001, 0)] == ["+1.3", "-1.3", "+0.0", "+0.0"]


def test_a_score_in_memory_reads_as_the_one_in_its_file():
    """0.12249996 is 0.1225 in a file of six significant digits."""
    assert percent(0.12249996) == percent(float(f"{0.12249996:.6g}")) == "12.3"


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("2238 sentences", "2,238 sentences"),
        ("80 sentences and 1490844 utterances", "80 sentences and 1,490,844 utterances"),
        ("0.12345 of 1,490,844", "0.12345 of 1,490,844"),
    ],
)
def test_whole_numbers_within_words_are_grouped(text, grouped):
    assert group_digits(text) == grouped


ROOMS = ("report", "data_report", "publish", "demo", "search", "cli", "measure")

ALLOWED = {
    ("report/read/sentences.py", "round"),  # sorts what is equal but for the order of a sum
    ("report/render/templates/report.html", "%.3f"),  # a colour, which nobody reads
    ("report/render/templates/report.html", "%.1f"),  # the place of a tick
}


def test_no_number_of_a_result_is_rounded_in_another_way():
    """Python's own ``:.1f`` rounds a half to even: the same score would read 6.2 here and 6.3 there."""
    found = set()
    for room in ROOMS:
        for path in (PACKAGE / room).rglob("*.*"):
            roundings = {".py": in_python, ".html": in_template, ".md": in_template}.get(path.suffix)
            found |= {
                (str(path.relative_to(PACKAGE)), form) for form in (roundings(path) if roundings else ())
            }
    assert found == ALLOWED


def in_python(path: Path):
    """Formats to a fixed number of digits, in f-strings, of ``%`` and of ``format``; calls of ``round``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"%[-+ 0-9]*\.\d+[fF%]|:?[-+<>^=,0-9]*\.\d+[fF%](?![\w.])", node.value)
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "round":
            yield "round"


def in_template(path: Path):
    """The same in what Jinja2 is to fill in."""
    for filled in re.findall(r"\{[{%].*?[%}]\}", path.read_text(encoding="utf-8"), re.DOTALL):
        yield from re.findall(r"%[-+ 0-9]*\.\d+f|:[-+,0-9]*\.\d+[f%]|\| *round\b", filled)

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data_report import columns
from fangyan.data_report.suspects import bounds, suspects

SOUND = {"error": "", "seconds": 2.0, "level": -20.0, "silent": 0.1, "clipped": 0.0, "missing": 0.0}


@pytest.fixture
def ordinary(said):
    """A function: thirty utterances of 2 s at rates around one, by a fifth more or less."""

    def made(speaker: str, variety: str = "cmn", rate: int = 4):
        return [said(f"{speaker}-{n:02d}", 2 * rate + n % 3 - 1, 2.0, variety) for n in range(30)]

    return made


def reasons(rows):
    return [(row["id"], row["reason"]) for row in rows]


def test_a_rate_is_judged_within_its_variety(write, said, ordinary):
    slow = ordinary("s", "hak", 10)  # as fast as z-1, which is odd in Mandarin
    data = write("train", *ordinary("a"), *slow, said("z-1", 20, 2.0), said("z-2", 1, 2.0))
    found = suspects(columns.read([data]), {})
    assert reasons(found) == [("z-1", "too much text"), ("z-2", "too little text")]
    assert found[0]["value"] == 10 and found[0]["set"] == "train"
    low, high = bounds(np.array([3.5, 4.0, 4.5] * 10 + [10.0, 0.5]))
    assert found[0]["expected"] == f"{low:.1f} to {high:.1f} characters per second"


def test_the_limit_that_is_told_is_the_limit_that_is_used(write, said, monkeypatch):
    """Rates of 3.6, 3.5 and 3.625 characters per second; limits of 3.55 and 3.56 are told as 3.6."""
    sets = columns.read([write("train", said("a-1", 9, 2.5), said("a-2", 7, 2.0), said("a-3", 29, 8.0))])
    monkeypatch.setitem(suspects.__globals__, "bounds", lambda values: (3.55, 3.56))
    found = suspects(sets, {})
    assert reasons(found) == [("a-2", "too little text"), ("a-3", "too much text")]
    assert {row["expected"] for row in found} == {"3.6 to 3.6 characters per second"}


def test_a_rate_is_judged_over_all_sets_together(write, said, ordinary):
    sets = columns.read([write("train", *ordinary("a")), write("test", said("z-1", 20, 2.0))])
    assert reasons(suspects(sets, {})) == [("z-1", "too much text")]


def test_too_short_too_long_and_no_text(write, said):
    data = write("train", said("a-1", 1, 0.25), said("a-2", 99, 30.5), said("a-3", 0, 1.0, text="OK"))
    rows = suspects(columns.read([data]), {})
    assert [(row["id"], row["reason"], row["value"]) for row in rows] == [
        ("a-1", "short", 0.25),
        ("a-2", "long", 30.5),
        ("a-3", "no text", 0),
    ]


def test_a_set_without_text_is_no_suspect(write, said):
    assert suspects(columns.read([write("t", said("a-1", 0, 1.0), said("a-2", 0, 1.0))]), {}) == []


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        ({}, []),
        ({"clipped": 0.002}, ["clipping"]),
        ({"silent": 0.9}, ["silence"]),
        ({"silent": 0.9, "level": -100.0}, ["silence"]),
        ({"level": -50.0}, ["low level"]),
        ({"seconds": 1.9}, ["other duration"]),
        ({"missing": 1.0}, ["cut short"]),
        ({"seconds": 1.0, "clipped": 0.5, "level": -46.0}, ["other duration", "clipping", "low level"]),
        ({"error": "x.wav: no such file", "seconds": 0.0}, ["unreadable audio"]),
    ],
)
def test_sound(write, heard, found, said):
    data = write("train", said("a-1", 8, 2.0), said("a-2", 8, 2.0))
    rows = suspects(columns.read([data]), {"train": [SOUND, SOUND | heard]})
    assert reasons(rows) == [("a-2", reason) for reason in found]


def test_few_or_equal_values_tell_nothing():
    assert bounds(np.array([4.0] * 10 + [400.0])) == (0, float("inf"))
    assert bounds(np.array([4.0] * 30 + [400.0])) == (0, float("inf"))
    assert bounds(np.array([])) == (0, float("inf"))


@given(st.lists(st.floats(0.1, 100), min_size=20, max_size=60))
def test_the_bounds_are_those_of_the_robust_z_score(values):
    logs = [float(np.log(value)) for value in values]
    spread = median(abs(x - median(logs)) for x in logs)
    low, high = bounds(np.array(values))
    if spread == 0:
        assert (low, high) == (0, float("inf"))
        return
    for value, x in zip(values, logs, strict=True):
        z = 0.6745 * (x - median(logs)) / spread
        if abs(abs(z) - 3.5) > 1e-6:
            assert (abs(z) > 3.5) == (not low <= value <= high)

"""`fangyan.report.sections.speech_and_text`: tables of a joint space as they were written, and no section without."""

import pytest

from fangyan.errors import DataError
from fangyan.measure.classification import Classified
from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.hard_negatives import HardScore, KindOfChange
from fangyan.report.read import results
from fangyan.report.render.bars import Bar, bars
from fangyan.tables import write_rows

from ..fabricated import report, scores
from ..reading import rows


def joint(exp):
    """All three measurements on test, and a second line of the first."""
    values = {"joint": (0.8, 0.7, 0.6, 0.5, 0.4, 0.3)}
    scores(exp / "cross_modal/retrieval/test", values, ("cmn", "text_cmn", "yue"))
    scores(exp / "cross_modal_text/retrieval/test", {"joint": (0.25, 0.75)}, ("cmn", "text:cmn"))
    found = [
        KindInterval(kind, "joint", metric, value, value - 0.1, value + 0.1, 160, "80 sentences", 0.0125)
        for kind, value in (("speech to text", 0.75), ("text to speech", 0.5))
        for metric in ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")
    ]
    write_rows(exp / "cross_modal/kinds/test/kinds.tsv", found, KindInterval)
    hard = [
        HardScore(
            "joint", source, against, 80, count, value, value - 0.1, value + 0.05, "80 sentences", 1 / count
        )
        for source in ("cmn", "yue", "all")
        for against, count, value in (("sentences", 80, 0.9), ("variants", 400, 0.5))
    ]
    write_rows(exp / "hard_negatives/scores/test/scores.tsv", hard, HardScore)
    kinds = [
        KindOfChange("joint", "cmn", "number", 40, 0.1, 0.0, 0.2, 0.75, 3),
        KindOfChange("joint", "all", "number", 80, 0.25, 0.125, 0.375, 0.75, 7),
        KindOfChange("joint", "all", "exchange", 4, 1.0, None, None, 0.5, 4),
    ]
    write_rows(exp / "hard_negatives/scores/test/kinds.tsv", kinds, KindOfChange)
    classified = [
        Classified(
            "joint",
            source,
            "utt2topic",
            80,
            6,
            0.8,
            0.7,
            0.9,
            0.75,
            0.65,
            0.85,
            1 / 6,
            0.3,
            0.1,
            "80 sentences",
        )
        for source in ("cmn", "all")
    ]
    write_rows(exp / "classify/scores/test/scores.tsv", classified, Classified)


def test_the_tables_are_as_they_were_measured(exp):
    joint(exp)
    text = report(exp, "dev", ["test"]).read_text()
    body = rows(text, "Speech and text")
    assert body[0] == ["source / target", "cmn", "yue", "text_cmn"]
    assert body[1] == ["Mandarin (cmn)", "–", "70.0", "80.0"]
    assert ["speech to text", "joint", "75.0 (65.0–85.0)", "75.0", "75.0", "160", "1.3"] in body
    assert ["Mandarin (cmn)", "90.0 (80.0–95.0)", "50.0 (40.0–55.0)", "80"] in body
    assert ["mean of varieties", "90.0 (80.0–95.0)", "50.0 (40.0–55.0)", "80"] in body
    assert ["number", "25.0 (12.5–37.5)", "75.0", "80", "7"] in body and [
        "exchange",
        "100.0",
        "50.0",
        "4",
        "4",
    ] in body
    expected = ["80.0 (70.0–90.0)", "30.0", "75.0 (65.0–85.0)", "10.0", "80"]
    assert ["mean of varieties", *expected] in body
    assert ["text:cmn", "75.0", "–"] in body
    names = ("cross_modal", "cross_modal_text", "hard_negatives", "classify")
    assert all((exp / f"images/{name}_test.png").exists() for name in names)
    head = "R@1 on test with one vector each, at layer joint, in percent: speech to text 75.0 (65.0–85.0), "
    assert head in text.partition("## Contents")[0]
    assert "among 80 sentences (chance 1.3 %), and with all variants among 400 texts (chance 0.3 %)" in text


def test_without_a_joint_space_there_is_no_section(made):
    assert "## Speech and text" not in made.read_text() and "## What layers know" not in made.read_text()


def test_a_row_that_is_there_twice_is_named(exp):
    joint(exp)
    path = exp / "hard_negatives/scores/test/scores.tsv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(DataError, match="scores.tsv: one row a variety and what .*, got cmn sentences again"):
        results.read(exp, "dev", ["test"])


def test_a_bar_has_its_interval_and_its_chance():
    axes = bars([Bar("a", 0.5, 0.25, 0.75, 0.1), Bar("b", 1, None, None, 0.2)], "t").axes[0]
    assert [bar.get_height() for bar in axes.patches] == [50, 100]
    segments = [[[x, float(y)] for x, y in s] for lines in axes.collections for s in lines.get_segments()]
    assert [[0, 25.0], [0, 75.0]] in segments and [[-0.45, 10.0], [0.45, 10.0]] in segments
    assert [[0.55, 20.0], [1.45, 20.0]] in segments and len(segments) == 3

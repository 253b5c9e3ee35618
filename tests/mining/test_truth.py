"""`fangyan.mining.truth`: precision and recall of thresholds, by hand."""

import numpy as np
import pytest

from fangyan.errors import UserError
from fangyan.mining.margins import CANDIDATE
from fangyan.mining.truth import ALL, SCORES, Score, Truth, choose, count, read_choice, thresholds
from fangyan.tables import write_rows

SOURCE = Truth(np.array(["s1", "s2", "s3", ""], object), np.array(["cmn"] * 4, object))
TARGET = Truth(
    np.array(["s1", "s3", "s2", "s2", ""], object), np.array(["yue", "yue", "yue", "hak", "hak"], object)
)
PAIRS = [(0, 0, 1.5008), (2, 1, 1.4), (3, 4, 1.2999), (1, 3, 1.2)]
"""s1-s1 and s3-s3 in cmn-yue, right; two of which nothing is known, wrong; s2-s2 in cmn-hak, right."""


@pytest.fixture
def chosen():
    found = np.zeros(len(PAIRS), CANDIDATE)
    for name, values in zip(("source", "target", "margin"), zip(*PAIRS, strict=True), strict=True):
        found[name] = values
    return found


def test_by_hand(chosen):
    every, hak, yue = count(chosen, (SOURCE, TARGET))
    assert [(one.source, one.target, one.possible) for one in (every, hak, yue)] == [
        (ALL, ALL, 3),  # s1, s2, s3: the side with fewer recordings of a sentence has one of each
        ("cmn", "hak", 1),
        ("cmn", "yue", 3),
    ]
    assert thresholds(chosen).tolist() == [1.2, 1.299, 1.4, 1.5]
    assert every.curve(thresholds(chosen)) == [
        Score(ALL, ALL, 1.2, 4, 3, 3 / 4, 1.0, 6 / 7),
        Score(ALL, ALL, 1.299, 3, 2, 2 / 3, 2 / 3, 2 / 3),
        Score(ALL, ALL, 1.4, 2, 2, 1.0, 2 / 3, 4 / 5),
        Score(ALL, ALL, 1.5, 1, 1, 1.0, 1 / 3, 1 / 2),
    ]
    assert hak.at(1.35) == Score("cmn", "hak", 1.35, 0, 0, None, 0.0, 0.0)
    assert yue.at(1.35) == Score("cmn", "yue", 1.35, 2, 2, 1.0, 2 / 3, 4 / 5)
    assert [row.threshold for row in yue.curve(thresholds(chosen))] == [1.4, 1.5]  # nothing more below


def test_the_threshold_is_of_the_best_f1_or_of_the_best_recall_with_a_precision(chosen):
    curve = count(chosen, (SOURCE, TARGET))[0].curve(thresholds(chosen))
    assert choose(curve) == 1.2
    assert choose(curve, 0.9) == 1.4
    with pytest.raises(UserError, match="--precision 1.01: no threshold has it, the best has 1$"):
        choose(curve, 1.01)
    with pytest.raises(UserError, match="nothing on one side is alike"):
        choose([])


def test_a_choice_is_read_from_where_it_was_made(tmp_path):
    row = Score(ALL, ALL, 1.25, 2, 1, 0.5, 0.25, 1 / 3)
    write_rows(tmp_path / SCORES, [row], Score)
    assert read_choice(tmp_path).threshold == 1.25
    with pytest.raises(
        UserError, match="a number, or a folder that `fangyan mine --truth` wrote, got neither"
    ):
        read_choice(tmp_path / "other")

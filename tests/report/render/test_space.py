"""The picture of a joint space: every point is drawn, with a line from each utterance to its text."""

import numpy as np
import pytest

from fangyan.report.read.space import Space
from fangyan.report.render import figures, space


def of(varieties) -> Space:
    places = [(n, np.array([float(n), k])) for n in (1, 2) for k in (0, 1)]
    return Space(
        {"a": "甲", "b": "乙"}, {1: np.zeros(2), 2: np.ones(2)}, dict.fromkeys(varieties, places), 0.5
    )


@pytest.mark.parametrize(("varieties", "labels"), [(("cmn", "yue"), 3), ([f"v{n}" for n in range(9)], 1)])
def test_each_point_is_there(varieties, labels):
    figure = space.draw(of(varieties), "test")
    (axes,) = figure.axes
    assert len(axes.lines) == 4 * len(varieties) and len(axes.collections) == len(varieties) + 1
    assert axes.lines[2].get_xydata().tolist() == [[1, 1], [2, 0]]  # text 2, and its utterance
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    assert len(figure.legends[0].get_texts()) == labels
    assert figure.get_size_inches()[0] <= 3.5  # of a phone


def test_equal_results_give_equal_bytes():
    one, two = (figures.data_uri(space.draw(of(("cmn", "yue")), "test")) for _ in range(2))
    assert one == two

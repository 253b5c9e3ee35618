"""`fangyan.report.render.figures`: the bars of sound have the heights of its tables."""

import pytest

from fangyan.report.read import results
from fangyan.report.render import figures

from ..fabricated import control


def test_figures_of_sound_show_the_numbers(exp):
    control(exp)
    found = results.read(exp, "dev", ["test"]).control["test"]
    axes = figures.control(found.pooled, "test").axes[0]
    assert [[bar.get_height() for bar in bars] for bars in axes.containers] == [[60, 70], [35, 60]]
    assert [line.get_ydata()[0] for line in axes.lines] == [25, 10]
    axes = figures.bins(found.bins, "test").axes[0]
    assert [bar.get_height() for bar in axes.containers[0]] == [75, 45]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.05–0.20", "0.21–0.50"]
    assert axes.lines[0].get_ydata()[0] == pytest.approx(10)

"""`fangyan.report.sections`: the training curves and what their caption says."""

import math

import pytest

from fangyan.report.read import results
from fangyan.report.render import figures

from .fabricated import HISTORY, report, write


def test_training_caption_has_the_last_epoch(made):
    text = made.read_text()
    assert "2 epochs. On the development set, the last one ends at: loss 45.5, accuracy (%) 45.0" in text
    assert "CER by CTC (%) 87.5." in text


def test_a_diverged_loss_is_a_gap(exp, unrendered):
    write(exp / "history.tsv", HISTORY.replace("45.5", "nan"))
    assert "ends at: accuracy (%) 45.0" in report(exp, "dev", ["test"]).read_text()
    losses, _ = figures.training(results.read(exp, "dev", ["test"]).history).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in losses.lines}
    assert lines == {"training": [80.5, 40], "development": pytest.approx([90.25, math.nan], nan_ok=True)}

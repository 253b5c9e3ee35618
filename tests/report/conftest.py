"""The fabricated experiment: one to be changed, and one that is reported as it is."""

from pathlib import Path

import pytest

from fangyan.report.render import blocks, figures

from .fabricated import experiment, report


@pytest.fixture
def exp(tmp_path) -> Path:
    """An experiment of its own, to be changed."""
    return experiment(tmp_path / "tag")


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """RESULTS.md of the unchanged experiment; to be read only."""
    return report(experiment(tmp_path_factory.mktemp("made") / "tag"), "dev", ["test"])


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Figures are drawn but not rendered: for tests that are about words."""
    monkeypatch.setattr(blocks, "save", lambda figure, path: None)
    monkeypatch.setattr(figures, "data_uri", lambda figure: "data:,")

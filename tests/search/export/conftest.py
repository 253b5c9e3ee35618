"""The index that is exported."""

import exported
import pytest


@pytest.fixture
def axes(tmp_path, settings, entry):
    """The index of `exported.FOUND`."""
    (tmp_path / "index").mkdir()
    return exported.fill(tmp_path / "index", settings, entry)

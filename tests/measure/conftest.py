"""What the tests of measures share: packages with measurements of their own."""

import sys

import pytest


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function that installs a package with one module, ``counting``, and these entry points of our group."""

    def write(entries: str, module: str) -> None:
        home = tmp_path / "site"
        information = home / "counting-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[fangyan.measures]\n{entries}\n")
        (home / "counting.py").write_text(module)
        monkeypatch.delitem(sys.modules, "counting", raising=False)
        monkeypatch.syspath_prepend(home)

    return write

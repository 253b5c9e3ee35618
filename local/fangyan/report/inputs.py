"""What reports and model cards are made of: what is up to date is known without understanding any of it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fangyan.files import ROOT, fingerprint

KINDS = (".tsv", ".json", ".png")
"""What results are kept in."""
NOT_READ = ("RESULTS.md", "report.html", "images", "tables", "times.tsv")
NOT_READ += ("feats", "index", "init", "layers", "llm", "log", "packed", "stats")
"""What of an experiment is a report itself or none of its matter; how long stages took is told as it was then."""


def results(*folders: Path) -> list[Path]:
    """The files of experiment folders that results are read from, in order."""
    return sorted({file for folder in folders if folder.is_dir() for file in _results(folder)})


def _results(folder: Path) -> Iterator[Path]:
    for top in folder.iterdir():
        if not top.name.startswith(".") and top.name not in NOT_READ:
            found = [top] if top.is_file() else top.rglob("*")
            yield from (file for file in found if file.suffix in KINDS)


def state(files: Iterable[Path], home: Path) -> str:
    """A fingerprint of the names of files, as seen from ``home``, and their content: a copy is what it is a copy of."""
    files = [file for file in files if file.is_file()]
    return fingerprint([os.path.relpath(file, home) for file in files], *files)


def code() -> str:
    """A fingerprint of what makes reports and cards: our modules, templates and tables."""
    package = (path for path in (ROOT / "local" / "fangyan").rglob("*") if "__pycache__" not in path.parts)
    files = [*filter(Path.is_file, package), *(ROOT / "conf").glob("*.tsv")]
    return fingerprint(*sorted(files))

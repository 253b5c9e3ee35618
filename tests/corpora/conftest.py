"""Miniatures: each corpus as it lies on disk, with the defects that are known of it, in a few tiny files.

``miniatures/<corpus>.py`` has a function ``build(tree)`` that writes the tree below ``tree.root``; the contract of all
corpora (test_contract.py) and the tests of the one use it. ``LIMIT``, where a miniature has it, is the number of
sentences a set to prepare: of a corpus that is generated. ``OPTIONS`` are options of the corpus.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

MINIATURES = Path(__file__).parent / "miniatures"


@dataclass(frozen=True)
class Tree:
    """Files below a folder, each written by one call."""

    root: Path

    def text(self, path: str, text: str, encoding: str = "utf-8", crlf: bool = False) -> None:
        """A text file; ``utf-8-sig`` gives it a byte order mark."""
        file = self._file(path)
        file.write_bytes((text.replace("\n", "\r\n") if crlf else text).encode(encoding))

    def wav(
        self, path: str, seconds: float = 0.1, rate: int = 16_000, channels: int = 1, **form: str
    ) -> None:
        """A quiet recording; ``form``: ``format="MP3"``, or ``format="OGG", subtype="OPUS"``."""
        samples = np.zeros((round(seconds * rate), channels))
        soundfile.write(self._file(path), samples, rate, **({"format": "WAV"} | form))

    def wavs(self, *paths: str) -> None:
        """Recordings of 0.1 s, 16 kHz, mono."""
        for path in paths:
            self.wav(path)

    def empty(self, path: str) -> None:
        """A file of 0 bytes."""
        self._file(path).touch()

    def remove(self, path: str) -> None:
        """No such file any more."""
        (self.root / path).unlink()

    def rename(self, path: str, name: str) -> None:
        """The file or folder under another name beside it."""
        (self.root / path).rename((self.root / path).with_name(name))

    def _file(self, path: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


@dataclass(frozen=True)
class Miniature:
    """A corpus in miniature: its tree, and how to prepare it."""

    tree: Tree
    limit: int
    options: dict

    @property
    def root(self) -> Path:
        return self.tree.root


def load(name: str) -> ModuleType:
    """The module ``miniatures/<name>.py``."""
    file = MINIATURES / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"miniature_of_{name}", file)
    assert spec and spec.loader and file.exists(), f"{file}: each corpus has a miniature, with build(tree)"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def miniature(tmp_path, monkeypatch):
    """A function: name of a corpus -> its miniature, in a folder whose name is no friend of shells."""
    monkeypatch.chdir(tmp_path)  # some corpora make or unpack recordings in the working directory

    def build(name: str) -> Miniature:
        module = load(name)
        tree = Tree(tmp_path / f'it\'s a "$(false)" {name}')
        tree.root.mkdir()
        module.build(tree)
        return Miniature(tree, getattr(module, "LIMIT", 0), getattr(module, "OPTIONS", {}))

    return build

"""`fangyan.bench.search`: both sides search the same index, one of them all of it; no timings."""

import numpy as np
import pytest

from fangyan.bench import search
from fangyan.bench.benchmark import Size, measure

ROW, TEXT, CELLS = search.BENCHMARKS


def test_one_side_cuts_and_the_other_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(search, "FOLD", 3)
    asked = []
    monkeypatch.setattr(search, "nearest", lambda index, queries, top, cut: asked.append((len(index), cut)))
    row = measure(ROW, Size(utterances=2, repeats=1))
    assert set(asked) == {(6, search.SHORTLIST), (6, 6)}
    assert row["value"] > 0 and row["baseline"] > 0
    assert not list(tmp_path.iterdir())


def test_a_sentence_is_looked_for_among_vectors(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(search, "VECTORS", 3)
    _, index, sentence = search.vectors(Size(utterances=2), "cpu")
    assert len(index) == 6 and (index.dimension, sentence.shape) == (384, (1, 384))
    ((best, *_),) = search.nearest(index, [sentence], 10)
    assert best.cosine == pytest.approx(
        (index.means @ sentence[0]).max() / np.linalg.norm(sentence), abs=1e-3
    )
    row = measure(TEXT, Size(utterances=2, repeats=1))
    assert row["unit"] == "ms" and row["value"] > 0 and row["baseline"] > 0


def test_a_first_cut_in_cells_finds_the_recording_itself(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(search, "BLOCK", 60)
    for name, value in {"FLAT": 100, "ASKED": 10, "NEAREST": 5, "MOST": 1}.items():
        monkeypatch.setattr(search.cells, name, value)
    _, index, query = search.clustered(Size(utterances=3), "cpu")
    assert len(index) == 180 and index.cells.nlist == 16
    ((best, *_),) = search.nearest(index, [query], cut=5)
    assert best.entry.id == "000-0000" and best.f1 > 0.999
    row = measure(CELLS, Size(utterances=3, repeats=1))
    assert row["unit"] == "ms" and row["value"] > 0 and row["baseline"] > 0

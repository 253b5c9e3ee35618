"""`fangyan.bench.preparation`: what is prepared, and that nothing stays behind."""

from pathlib import Path

from fangyan.bench import preparation
from fangyan.bench.benchmark import Size, measure
from fangyan.data import datadir

(ROW,) = preparation.BENCHMARKS


def test_all_recordings_are_prepared_as_they_are(monkeypatch):
    monkeypatch.setattr(preparation, "FOLD", 2)
    folder, data = preparation.recordings(Size(utterances=3), "cpu")
    assert preparation.prepared(folder, data) > 0 and preparation.opened(folder, data) > 0
    utterances = datadir.read(Path(folder.name) / "data" / "test")
    assert [Path(u.wav).parent for u in utterances] == [data / "wav"] * 6
    assert {u.duration for u in utterances} == {0.1}


def test_the_recordings_are_gone_afterwards(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(preparation, "FOLD", 1)
    row = measure(ROW, Size(utterances=2, repeats=1))
    assert row["value"] > 0 and row["baseline"] > 0
    assert not list(tmp_path.iterdir())

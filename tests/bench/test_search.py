"""`fangyan.bench.search`: both sides search the same index, one of them all of it; no timings."""

from fangyan.bench import search
from fangyan.bench.benchmark import Size, measure

(ROW,) = search.BENCHMARKS


def test_one_side_cuts_and_the_other_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(search, "FOLD", 3)
    asked = []
    monkeypatch.setattr(search, "nearest", lambda index, queries, top, cut: asked.append((len(index), cut)))
    row = measure(ROW, Size(utterances=2, repeats=1))
    assert set(asked) == {(6, search.SHORTLIST), (6, 6)}
    assert row["value"] > 0 and row["baseline"] > 0
    assert not list(tmp_path.iterdir())

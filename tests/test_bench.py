"""`fangyan.bench`: rows, columns and equal results of the scorers that race; no timings."""

import math

import pytest
import torch

from fangyan import bench
from fangyan.files import read_table
from fangyan.seqsim import seqsim_matrix


def test_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIDES", (8, 16))
    bench.run(tmp_path, utterances=3, repeats=2)
    rows = read_table(tmp_path / "bench.tsv")
    assert tuple(rows[0]) == bench.COLUMNS
    assert {row["name"] for row in rows} >= {
        "seqsim_vs_matmul_d256",
        "seqsim_vs_matmul_d512",
        "seqsim_vs_loop_d256",
        "seqsim_vs_published_d512",
    }
    for row in rows:
        figures = [float(row[column]) for column in ("ratio", "value", "baseline")]
        assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    printed = capsys.readouterr().out.splitlines()
    assert "torch" in printed[0] and printed[0].startswith("#")
    assert "seed 0" in printed[1] and printed[2].split("\t") == list(bench.COLUMNS)


def test_a_ratio_is_the_median_of_the_ratios_after_the_warm_up():
    values, baselines = iter((1.0, 1.0, 2.0, 9.0)), iter((100.0, 1.0, 4.0, 3.0))
    benchmark = bench.Benchmark("x", lambda a, b: next(values), "u", lambda a, b: next(baselines), "y", 2)
    row = bench.measure(benchmark, utterances=1, repeats=3)
    assert (row["ratio"], row["value"], row["baseline"]) == (1, 2, 3)


@pytest.mark.parametrize("form", [bench.by_pair, bench.as_published])
def test_the_slow_forms_give_the_same(form):
    queries, candidates = bench.sets(6, 4)
    torch.testing.assert_close(
        form(queries, candidates), seqsim_matrix(queries, candidates).f1, atol=1e-5, rtol=0
    )


def test_sets_are_reproducible():
    (a, b), (again, _) = bench.sets(3, 4), bench.sets(3, 4)
    assert all(torch.equal(x, y) for x, y in zip(a, again, strict=True))
    assert all(bench.SHORTEST <= len(x) <= bench.LONGEST and x.shape[1] == 3 for x in a + b)

"""`fangyan.bench`: the rows and columns of all benchmarks, at a small size; no timings."""

import math
from dataclasses import replace

import pytest

from fangyan import bench
from fangyan.bench import seqsim
from fangyan.bench.benchmark import COLUMNS, Size
from fangyan.errors import DataError, UserError
from fangyan.files import read_table

SMALL = Size(utterances=3, repeats=2, sites=3, sentences=2)


def refuse(*data):
    raise DataError("results differ")


@pytest.fixture
def rows(tmp_path, monkeypatch, capsys):
    """The table of a run of all benchmarks, one that cannot run and one that is wrong, and what was printed."""
    monkeypatch.setattr(seqsim, "SIDES", {"cpu": (8, 16), "cuda": (8, 16)})
    first = replace(bench.BENCHMARKS[0], devices=("cpu",))
    absent = replace(first, name="seqsim_vs_nobody", obstacle=lambda: "not installed: pip install it")
    wrong = replace(first, name="seqsim_vs_other", check=refuse)
    monkeypatch.setattr(bench, "BENCHMARKS", (absent, wrong, *bench.BENCHMARKS))
    bench.run(tmp_path, SMALL)
    return read_table(tmp_path / "bench.tsv"), capsys.readouterr().out.splitlines()


def test_run(rows):
    table, printed = rows
    assert {row["name"] for row in table} >= {
        "seqsim_vs_matmul_d256",
        "seqsim_vs_matmul_d512",
        "seqsim_vs_loop_d256",
        "seqsim_vs_published_d512",
        "seqsim_working_memory",
        "yubao_job",
    }
    for row in table:
        figures = [float(row[column]) for column in ("ratio", "value", "baseline")]
        assert all(math.isfinite(figure) and figure > 0 for figure in figures), row
    assert "torch" in printed[0] and "GPU: " in printed[0]
    assert "seed 0" in printed[1] and "3 sites x 2 sentences" in printed[1]
    assert printed[2].split("\t") == list(COLUMNS) == list(table[0])
    assert printed[3] == "# seqsim_vs_nobody on cpu left out: not installed: pip install it"
    assert printed[4] == "# seqsim_vs_other on cpu left out: results differ"
    told = {line.split()[1] for line in printed[3:] if line.startswith("#")}
    assert told | {row["name"] for row in table} == {benchmark.name for benchmark in bench.BENCHMARKS}


def test_some_rows_alone(tmp_path, capsys):
    bench.run(tmp_path, SMALL, only=("seqsim_vs_loop", "yubao"))
    assert [row["name"] for row in read_table(tmp_path / "bench.tsv")] == ["seqsim_vs_loop_d256", "yubao_job"]
    with pytest.raises(UserError, match="--only 'seqsin': known are seqsim_vs_matmul_d256, "):
        bench.run(tmp_path, SMALL, only=("seqsim", "seqsin"))

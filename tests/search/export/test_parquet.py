"""`fangyan.search.export.parquet`: what another reader finds in the table."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from pyarrow.parquet import ParquetFile, read_table

from fangyan.__main__ import cli
from fangyan.errors import UserError
from fangyan.search.export import export, groups
from fangyan.search.index import create


@pytest.mark.parametrize("form", ["f16", "int8"])
def test_the_recordings_that_count_are_read_again(form, tmp_path, settings, entry, turned, monkeypatch):
    monkeypatch.setattr(groups, "AT_ONCE", 2)
    index = create(tmp_path, replace(settings, frames=form))
    cut = replace(entry("b", "yue"), start=1.5, end=2.0, text="佢")
    spoken = [
        (entry("a", "cmn"), turned(0, 90), -1),
        (cut, turned(45), -1),
        (entry("c"), turned(1, 2, 3), -1),
    ]
    index.append(spoken)
    index.append([(entry("a", size=2), turned(30, 30), 0)])
    out = tmp_path / "out" / "index.parquet"
    assert export(tmp_path, out) == 3
    rows = read_table(out).to_pylist()
    assert [row["id"] for row in rows] == ["b", "c", "a"] and ParquetFile(out).num_row_groups == 2
    assert (rows[0]["start"], rows[0]["end"], rows[0]["variety"], rows[0]["text"]) == (1.5, 2.0, "yue", "佢")
    assert rows[1]["end"] is None and rows[1]["wav"] == "/c.wav"
    for row, angles in zip(rows, [(45,), (1, 2, 3), (30, 30)], strict=True):
        np.testing.assert_allclose(row["frames"], turned(*angles), atol=0.01)
    np.testing.assert_allclose([row["mean"] for row in rows], turned(45, 2, 30), atol=1e-6)


def test_an_empty_index_is_an_empty_table(tmp_path, settings):
    create(tmp_path, settings)
    assert export(tmp_path, tmp_path / "x.parquet") == 0
    assert read_table(tmp_path / "x.parquet").num_rows == 0


def test_the_command_line(indexed, tmp_path):
    out = tmp_path / "x.parquet"
    words = ["export_index", "--index", str(indexed), "--out", str(out)]
    told = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert told.stdout == f"{out}: 24 recordings\n" and read_table(out).num_rows == 24


@pytest.mark.parametrize("name", ["x.csv", "x"])
def test_another_suffix_is_refused(name, tmp_path, settings):
    create(tmp_path, settings)
    with pytest.raises(
        UserError, match=rf"--out .*{name}: a table is written as .parquet, got (.csv|no suffix)"
    ):
        export(tmp_path, tmp_path / name)

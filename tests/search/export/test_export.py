"""`fangyan.search.export`: the forms by their names."""

import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.errors import DataError, UserError
from fangyan.search.export import export


def test_the_command_line_names_the_form(indexed, tmp_path):
    out = tmp_path / "x.plaid"
    words = ["export_index", "--index", str(indexed), "--to", "plaid", "--out", str(out)]
    told = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert told.stdout == f"{out}: 24 recordings\n" and (out / "metadata.json").exists()


def test_an_unknown_form_and_a_folder_without_index_are_refused(tmp_path):
    with pytest.raises(UserError, match="form of an exported index 'qdrnt' is not installed: .*qdrant"):
        export(tmp_path, tmp_path / "x", "qdrnt")
    with pytest.raises(DataError, match="no index there"):
        export(tmp_path, tmp_path / "x.parquet")

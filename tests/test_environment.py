import os
import subprocess
import sys
from datetime import date

import pytest

from fangyan import environment
from fangyan.errors import DataError


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one commit that stands for ours; a function that runs git in it."""

    def git(*command: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        line = ["git", "-C", str(tmp_path), *who, *command]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "code.py").write_text("x = 1\n")
    git("add", "code.py")
    git("commit", "--quiet", "-m", "one")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    return git


def test_the_commit_is_named_and_local_changes_are_told(repository, tmp_path):
    commit = repository("rev-parse", "HEAD")
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "new.txt").write_text("untracked: results, not code")
    assert environment.code() == {"commit": commit, "dirty": False}
    (tmp_path / "code.py").write_text("x = 2\n")
    assert environment.code() == {"commit": commit, "dirty": True}


def test_a_package_within_somebody_elses_repository_has_no_commit(repository, tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setattr(environment, "ROOT", tmp_path / "site-packages")
    assert environment.code() == {}


def test_without_git_or_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.code() == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.code() == {}


def test_the_summary_names_versions_and_commit(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "versions", lambda: {"python": "3.12.1", "espnet": "202611"})
    commit = repository("rev-parse", "HEAD")[:7]
    line = f"fangyan 0.1.0, commit {commit}, ESPnet 202611, PyTorch missing, Python 3.12.1"
    assert environment.summary() == line
    (tmp_path / "code.py").write_text("x = 2\n")
    assert environment.summary() == line.replace(commit, f"{commit} with changes")
    monkeypatch.setattr(environment, "ROOT", tmp_path / "site-packages")
    assert environment.summary() == line.replace(f", commit {commit}", "")


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_what_is_to_be_typed_is_a_name_where_the_environment_is_active_else_a_path(monkeypatch, variable):
    monkeypatch.setattr(sys, "executable", "/home/ann/my env/bin/python3")
    monkeypatch.setattr(sys, "prefix", "/home/ann/my env")
    monkeypatch.setattr(environment, "ROOT", environment.Path("/home/ann/a clone"))
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    wanted = "-m pip install -c '/home/ann/a clone/constraints.txt' -e '/home/ann/a clone[lora]'"
    assert environment.typed("hf") == "'/home/ann/my env/bin/hf'"
    assert environment.install_extra("lora") == f"'/home/ann/my env/bin/python3' {wanted}"
    monkeypatch.setenv(variable, "/home/ann/my env")
    assert environment.typed("hf") == "hf"
    assert environment.install_extra("lora") == f"python3 {wanted}"


def test_the_day_of_a_table_survives_a_copy_and_a_second_writing_of_the_same(tmp_path):
    table = tmp_path / "pairs.tsv"
    table.write_text("one")
    os.utime(table, (0, 86400 * 20_000.5))
    assert environment.day_of(table) == "2024-10-04"  # as long as none is recorded: that of the file
    environment.record_day(table)
    assert environment.day_of(table) == f"{date.today()}"
    kept = tmp_path / environment.DAY
    kept.write_text(kept.read_text().replace(f"{date.today()}", "2024-01-02"))
    os.utime(table, (0, 0))
    environment.record_day(table)
    assert environment.day_of(table) == "2024-01-02"
    table.write_text("another")
    environment.record_day(table)
    assert environment.day_of(table) == f"{date.today()}"
    kept.write_text('{"day": 7}')
    with pytest.raises(DataError, match=r"\.day\.json: day is a date like 2026-11-28, got 7"):
        environment.day_of(table)

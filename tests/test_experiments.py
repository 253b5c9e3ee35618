from pathlib import Path

import pytest

from fangyan import experiments
from fangyan.encoders import espnet_model
from fangyan.errors import UserError
from fangyan.features import dump


def test_a_folder_is_an_experiment_by_what_a_stage_left_in_it(tmp_path):
    for name, mark in (("b", "times.tsv"), ("a", ".stage"), ("c", "RESULTS.md"), ("survey", "SURVEY.md")):
        (tmp_path / name).mkdir()
        (tmp_path / name / mark).touch()
    (tmp_path / "conf/decode").mkdir(parents=True)
    (tmp_path / "jobs/log/train").mkdir(parents=True)
    (tmp_path / "jobs/log/train/train.7.sh").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked/.lock").touch()
    (tmp_path / "file").touch()
    assert experiments.names(tmp_path) == ["a", "b", "c", "jobs"]
    assert experiments.describe(tmp_path) == "known are a, b, c, jobs"
    assert experiments.describe(tmp_path / "gone") == "known are none"


def test_the_reason_of_a_failure_is_the_first_line_of_what_was_said_last(tmp_path, monkeypatch):
    record = tmp_path / experiments.STAGE
    monkeypatch.setenv(experiments.RECORD, str(record))
    experiments.note_failure("nobody runs a stage")
    assert experiments.failed_stage(tmp_path) == ("", "")
    record.write_text("dump\n")
    assert experiments.failed_stage(tmp_path) == ("dump", "")
    experiments.note_failure("one")
    experiments.note_failure("wav.scp:1: 方言\nmore of it")
    assert record.read_text(encoding="utf-8") == "dump\none\nwav.scp:1: 方言\n"
    assert experiments.failed_stage(tmp_path) == ("dump", "wav.scp:1: 方言")


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_record_that_was_cut_off_says_nothing(tmp_path: Path, text: str):
    (tmp_path / experiments.STAGE).write_text(text)
    assert experiments.failed_stage(tmp_path) == ("", "")


def test_a_process_that_no_stage_started_notes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv(experiments.RECORD, raising=False)
    monkeypatch.chdir(tmp_path)
    experiments.note_failure("x")
    assert not list(tmp_path.iterdir())


def test_an_experiment_that_is_not_there_is_told_with_those_that_are(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/times.tsv").touch()
    experiments.check_there(tmp_path / "a")
    message = f"{tmp_path / 'b'}: no such experiment: known are a"
    for refuse in (
        experiments.check_there,
        espnet_model.locate,  # decode, pack, publish
        lambda exp: dump.layers(exp / "feats" / "test"),  # measure, explain
    ):
        with pytest.raises(UserError, match=f"^{message}$"):
            refuse(tmp_path / "b")

import fcntl
import os
from pathlib import Path

import pytest

from fangyan.cluster import job_files, scheduler, status
from fangyan.cluster.scheduler import JobState
from fangyan.errors import UserError

NAMES = ("data", "train", "dump")


@pytest.fixture
def queue(monkeypatch) -> dict[str, JobState]:
    """What Slurm says of jobs that have not ended; of others it knows nothing."""
    jobs: dict[str, JobState] = {}
    monkeypatch.setattr(scheduler, "own_jobs", lambda: jobs)
    monkeypatch.setattr(scheduler, "installed", lambda: False)
    return jobs


@pytest.fixture
def exp(tmp_path) -> Path:
    """An experiment whose first stage is done."""
    folder = tmp_path / "exp" / "x"
    folder.mkdir(parents=True)
    (folder / "times.tsv").write_text("stage\tseconds\ndata\t70\ndata\t3661\n")
    os.utime(folder / "times.tsv", (0, 0))
    return folder


def stages(exp: Path) -> dict[str, tuple[str, str]]:
    return {stage.name: (stage.state, stage.detail) for stage in status.status(exp, NAMES)}


def submitted(exp: Path, stage: str, job: str, code: int | None) -> None:
    job_files.write(exp / "log" / stage, stage, job, f"#!/bin/sh\n# {job}\n")
    (exp / "log" / stage / f"{stage}.{job}.log").write_text("oops\n")
    if code is not None:
        (exp / "log" / stage / f"{stage}.{job}.exit").write_text(f"{code}\t9\n")


def test_what_is_done_takes_its_last_time(exp, queue):
    (exp / "a.pth").write_bytes(b"x" * 1500)
    (exp / "feats").mkdir()
    (exp / "feats" / "feats.ark").write_bytes(b"x" * 20)
    lines = status.table(status.status(exp, NAMES)).splitlines()
    assert lines == [
        "  1 data      done       1:01:01",
        "  2 train     -                     1.5 kB",
        "  3 dump      -                       20 B",
    ]


def test_a_stage_that_was_stopped_is_told_from_one_that_runs(exp, queue):
    (exp / ".stage").write_text("train\n")
    (exp / ".lock").write_text("ann on node1 (process 7 or one it started) since 2026-01-02 03:04:05\n")
    assert status.owner(exp) == "" and stages(exp)["train"] == ("failed", "it was stopped")
    with (exp / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert status.owner(exp).startswith("ann on node1")
        assert stages(exp)["train"] == ("running", status.owner(exp))


def test_a_stage_that_failed_says_why(exp, queue):
    (exp / ".stage").write_text("train\nexit code 7\n")
    assert stages(exp)["train"] == ("failed", "exit code 7")
    (exp / ".stage").write_text("train\ndata/train/text: no such file\n")
    assert stages(exp)["train"] == ("failed", "data/train/text: no such file")
    assert stages(exp)["dump"] == ("", "")
    (exp / ".stage").write_text("retrieve\nno such layer\n")
    assert status.status(exp, ["measure"])[0].detail == "no such layer"
    submitted(exp, "measure", "7", 2)
    assert status.status(exp, ["measure"])[0].detail.startswith(
        "no such layer; job 7 failed with exit code 2: "
    )


def test_jobs_that_run_or_wait_are_named(exp, queue):
    submitted(exp, "train", "7", None)
    submitted(exp, "dump", "8", None)
    queue |= {"7": JobState("RUNNING"), "8": JobState("PENDING", "Dependency")}
    assert stages(exp)["train"] == ("running", "job 7 RUNNING")
    assert stages(exp)["dump"] == ("running", "job 8 PENDING, Dependency")


def test_a_job_that_failed_says_why_and_where(exp, queue):
    submitted(exp, "train", "7", 3)
    log = exp / "log/train/train.7.log"
    assert stages(exp)["train"] == ("failed", f"job 7 failed with exit code 3: {log}")
    log.write_text("Loading\nfangyan: data/train/text: no such file\n")
    told = f"job 7 failed with exit code 3: data/train/text: no such file: {log}"
    assert stages(exp)["train"] == ("failed", told)
    submitted(exp, "train", "8", 0)
    assert stages(exp)["train"] == ("done", "")


def test_a_job_that_left_nothing_failed(exp, queue):
    submitted(exp, "train", "7", None)
    assert stages(exp)["train"][1].startswith("job 7 left no result, and Slurm no longer knows of it: ")


def test_success_since_then_forgives(exp, queue):
    submitted(exp, "data", "7", 3)
    assert stages(exp)["data"][0] == "failed"
    os.utime(exp / "times.tsv")
    assert stages(exp)["data"] == ("done", "")


def test_times_of_jobs_nobody_waited_for_are_those_of_the_jobs(exp, queue):
    submitted(exp, "dump", "7", 0)
    submitted(exp, "dump", "8", 0)
    assert status.status(exp, ["dump"])[0].seconds == 18


def test_a_stage_that_was_renamed_is_found_under_its_former_name(exp, queue):
    (exp / "times.tsv").write_text("stage\tseconds\nretrieve\t61\n")
    assert status.status(exp, ["measure"])[0].seconds == 61
    submitted(exp, "retrieve", "7", None)
    queue |= {"7": JobState("RUNNING")}
    assert status.status(exp, ["measure"])[0].state == "running"
    queue.clear()
    (exp / ".stage").write_text("retrieve\n")
    assert status.status(exp, ["measure"])[0].state == "failed"


def test_an_experiment_that_is_not_there_lists_those_that_are(exp, queue):
    exp.with_name("survey").mkdir()
    with pytest.raises(UserError, match="y: no such experiment: known are x$"):
        status.status(exp.with_name("y"), NAMES)
    with pytest.raises(UserError, match="known are none"):
        status.status(exp / "z" / "y", NAMES)


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (4e12, "4.0 TB")]
)
def test_sizes_are_readable(size, text):
    assert status.table([status.Stage("x", "done", "", 0, size)]).split("0:00:00")[1].strip() == text

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fangyan.cluster import records
from fangyan.cluster.classes import job_class
from fangyan.cluster.ending import ended, hopeless, how
from fangyan.cluster.records import Record
from fangyan.cluster.scheduler import Standing


@pytest.fixture
def record(tmp_path, monkeypatch) -> Record:
    monkeypatch.setenv("FANGYAN_SLURM", str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("")
    return records.write(tmp_path / "log" / "dump", "dump", "7", "#!/bin/sh\n")


CPU = "cpu"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("TIMEOUT", "TIMEOUT: its time was over: raise `time` of class cpu in"),
        ("OUT_OF_MEMORY", "OUT_OF_MEMORY: it took more than its 16G: raise `memory` of class cpu in"),
        ("NODE_FAIL", r"NODE_FAIL: the node n1 failed: leave it out with sbatch: \[--exclude=n1\] in"),
        ("PREEMPTED", "PREEMPTED: a job of higher priority took its place"),
        ("CANCELLED", "CANCELLED: it was cancelled, not by this run"),
    ],
)
def test_an_end_by_slurm_says_what_to_change(record, state, said):
    ending = ended(record, job_class(CPU), "7", None, Standing(state, "None", "n1", "0:0"))
    assert ending.code == 1 and re.search(f"^job 7 .* ended as {said}", ending.sentence)
    assert "finished work is kept" in ending.sentence and ending.sentence.endswith("(there is no log)")


@pytest.mark.parametrize(
    ("last", "code", "standing", "said"),
    [
        ("", 3, Standing("FAILED", "NonZeroExitCode", "n1", "3:0"), "failed with exit code 3"),
        ("", 137, None, "failed with exit code 137, killed by signal 9"),
        ("", 137, Standing("OUT_OF_MEMORY"), "OUT_OF_MEMORY"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7", 1, Standing("FAILED"), "OUT_OF_MEMORY"),
        (
            "",
            None,
            Standing("FAILED", "JobLaunchFailure", "n1", "0:9"),
            "ended as FAILED, killed by signal 9",
        ),
        (
            "",
            None,
            Standing("FAILED", "Prolog", "n1", "1:0"),
            r"ended as FAILED, exit code 1:0 \(reason Prolog\)",
        ),
        ("", None, None, "left no result, and Slurm no longer knows of it"),
        ("", None, Standing("COMPLETED", exit_code="0:0"), "ended, but left no result that is seen here"),
    ],
)
def test_an_end_in_words(last, code, standing, said):
    assert re.match(said, how(last, code, standing))


def test_the_exit_code_of_the_command_is_passed_on(record):
    standing = Standing("FAILED", "NonZeroExitCode", "n1", "3:0")
    assert ended(record, job_class(CPU), "7", 3, standing).code == 3
    assert ended(record, job_class(CPU), "7", None, standing).code == 1
    assert ended(record, job_class(CPU), "7", 143, replace(standing, state="CANCELLED")).code == 1


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("PartitionTimeLimit", "lower `time`"),
        ("QOSMaxWallDurationPerJobLimit", "lower `time`"),
        ("AssocMaxNodePerJobLimit", "lower --num_nodes"),
        ("QOSMaxMemoryPerJob", "change `memory`"),
        ("QOSMinGRES", "change `memory`, `cpus` or `gpus`"),
        ("BadConstraints", "no node has all that"),
        ("InvalidAccount", "mend `account`"),
        ("InvalidQOS", "mend `qos`"),
    ],
)
def test_what_would_wait_for_ever(record, reason, advice):
    sentence = hopeless(record, job_class(CPU), "7", reason).sentence
    assert sentence.startswith(f"job 7 (dump) can never start, {reason}: {advice}")
    assert sentence.endswith(f"(class cpu, {Path(record.script).parents[2]}/mine.yaml); it is cancelled")


@pytest.mark.parametrize(
    "reason", ["Resources", "Priority", "Dependency", "BeginTime", "None", "QOSMaxJobsPerUserLimit"]
)
def test_what_may_start_later(record, reason):
    assert hopeless(record, job_class(CPU), "7", reason) is None


def test_what_no_setting_can_mend(record):
    sentence = hopeless(record, job_class(CPU), "7", "launch failed requeued held").sentence
    assert sentence.endswith("held: ask who runs the cluster why it could not be started; it is cancelled")

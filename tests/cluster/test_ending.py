import re
from dataclasses import replace
from pathlib import Path

import pytest

from fangyan.cluster import job_files
from fangyan.cluster.classes import job_class
from fangyan.cluster.ending import classify_end, end_of_task, end_of_waiting, explain_refusal
from fangyan.cluster.job_files import JobRecord
from fangyan.cluster.scheduler import JobState


@pytest.fixture
def record(tmp_path, monkeypatch) -> JobRecord:
    monkeypatch.setenv("FANGYAN_SLURM", str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("")
    return job_files.write(tmp_path / "log" / "dump", "dump", "7", "#!/bin/sh\n")


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
    ending = end_of_task(record, job_class(CPU), "7", None, JobState(state, "None", "n1", "0:0"))
    assert ending.code == 1 and re.search(f"^job 7 .* ended as {said}", ending.sentence)
    assert "finished work is kept" in ending.sentence and ending.sentence.endswith("(there is no log)")


@pytest.mark.parametrize(
    ("last", "code", "standing", "said"),
    [
        ("", 3, JobState("FAILED", "NonZeroExitCode", "n1", "3:0"), "failed with exit code 3"),
        ("", 137, None, "failed with exit code 137, killed by signal 9"),
        ("", 137, JobState("OUT_OF_MEMORY"), "OUT_OF_MEMORY"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=7", 1, JobState("FAILED"), "OUT_OF_MEMORY"),
        (
            "",
            None,
            JobState("FAILED", "JobLaunchFailure", "n1", "0:9"),
            "ended as FAILED, killed by signal 9",
        ),
        (
            "",
            None,
            JobState("FAILED", "Prolog", "n1", "1:0"),
            r"ended as FAILED, exit code 1:0 \(reason Prolog\)",
        ),
        ("", None, None, "left no result, and Slurm no longer knows of it"),
        ("", None, JobState("COMPLETED", exit_code="0:0"), "ended, but left no result that is seen here"),
    ],
)
def test_an_end_in_words(last, code, standing, said):
    assert re.match(said, classify_end(last, code, standing))


def test_the_exit_code_of_the_command_is_passed_on(record):
    standing = JobState("FAILED", "NonZeroExitCode", "n1", "3:0")
    assert end_of_task(record, job_class(CPU), "7", 3, standing).code == 3
    assert end_of_task(record, job_class(CPU), "7", None, standing).code == 1
    assert end_of_task(record, job_class(CPU), "7", 143, replace(standing, state="CANCELLED")).code == 1


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
    sentence = end_of_waiting(record, job_class(CPU), "7", reason).sentence
    assert sentence.startswith(f"job 7 (dump) can never start, {reason}: {advice}")
    assert sentence.endswith(f"(class cpu, {Path(record.script).parents[2]}/mine.yaml); it is cancelled")


@pytest.mark.parametrize(
    "reason", ["Resources", "Priority", "Dependency", "BeginTime", "None", "QOSMaxJobsPerUserLimit"]
)
def test_what_may_start_later(record, reason):
    assert end_of_waiting(record, job_class(CPU), "7", reason) is None


def test_what_no_setting_can_mend(record):
    sentence = end_of_waiting(record, job_class(CPU), "7", "launch failed requeued held").sentence
    assert sentence.endswith("held: ask who runs the cluster why it could not be started; it is cancelled")


FAILED = "Batch job submission failed: "
POLICY = FAILED + "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        (FAILED + "Invalid job array specification", "lower --nj, "),
        (POLICY, "lower --nj, or wait"),
        ("AssocMaxSubmitJobLimit; " + POLICY, "lower --nj, or wait"),
        ("QOSMaxSubmitJobPerUserLimit; " + POLICY, "lower --nj, or wait"),
        ("AssocGrpSubmitJobsLimit; " + POLICY, "lower --nj, or wait"),
        ("QOSMaxWallDurationPerJobLimit; " + POLICY, "lower `time`, or choose"),
        ("QOSMaxMemoryPerJob; " + POLICY, "change `memory`, `cpus` or `gpus`"),
        ("QOSMaxNodePerJobLimit; " + POLICY, "lower --num_nodes"),
        (
            "invalid partition specified: x; " + FAILED + "Invalid partition name specified",
            "mend `partition`",
        ),
        (FAILED + "No partition specified or system default partition", "mend `partition`"),
        (FAILED + "User's group not permitted to use this partition", "mend `partition`"),
        (FAILED + "Invalid account or account/partition combination specified", "mend `account`, or choose"),
        (FAILED + "Invalid qos specification", "mend `qos`"),
        (FAILED + "Invalid generic resource (gres) specification", "mend `gres`, or lower `gpus`"),
        (FAILED + "Invalid feature specification", "mend `constraint`"),
        (FAILED + "Requested time limit is invalid (missing or exceeds some limit)", "mend `time`"),
        ("Invalid --time specification", "mend `time`"),
        (
            "Memory specification can not be satisfied; " + FAILED + "Node count specification invalid",
            "mend or lower",
        ),
        (FAILED + "Memory required by task is not available", "mend or lower `memory`"),
        ("Invalid --mem specification", "mend or lower `memory`"),
        (FAILED + "Requested node configuration is not available", "no node has all that: lower `memory`"),
        (FAILED + "More processors requested than permitted", "no node has all that: lower `memory`"),
        (FAILED + "Node count specification invalid", "lower --num_nodes"),
        (FAILED + "Requested reservation is invalid", "mend the reservation under `sbatch`"),
        (FAILED + "Job dependency problem", "the job before it is gone"),
        (FAILED + "Access/permission denied", "mend `account` or `partition`, or ask"),
        ("unrecognized option '--colour=red'", "mend `sbatch`"),
        ("come back after lunch", "mend `sbatch` or the setting that it speaks of"),
        ("it said nothing", "mend `sbatch` or the setting that it speaks of"),
    ],
)
def test_a_refusal_says_what_to_change(record, said, advice):
    sentence = explain_refusal(said, job_class(CPU))
    assert sentence.startswith(f"Slurm refused a job of class cpu: {said}: {advice}")
    named = sentence.endswith(f" (class cpu, {Path(record.script).parents[2]}/mine.yaml)")
    assert named == ("`" in sentence)

"""Job scripts: what they ask of sbatch, and that a command arrives in them unchanged, through a real bash."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fangyan.cluster.job import Job, jobs
from fangyan.errors import UserError

RECORD = ("bash", "-c", 'printf "%s\\0" "$@" >arguments', "bash")
WORDS = st.lists(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12), max_size=4
)


def options(job: Job) -> dict[str, str]:
    """What the script asks of sbatch."""
    lines = re.findall(r"^#SBATCH --([^=\n]+)=?(.*)$", job.script, re.M)
    assert len(lines) == len(dict(lines)), "an option stands once"
    return dict(lines)


def bash(job: Job, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script, run as Slurm would."""
    (folder / job.folder).mkdir(parents=True, exist_ok=True)
    slurm = {"SLURM_JOB_ID": "17", "SLURM_CPUS_PER_TASK": "3"}
    return subprocess.run(
        ["bash"],
        input=job.script,
        cwd=folder,
        env={"PATH": os.environ["PATH"]} | slurm | variables,
        capture_output=True,
        text=True,
    )


def test_a_job_asks_for_what_its_class_has(own):
    own.write_text(
        "gpu: {partition: a100, account: me, qos: high, time: 1-12, memory: 40G, cpus: 6, gpus: 2, "
        "constraint: fast&big, gres: 'gpu:a100:{gpus}', sbatch: [--exclude=node7, nice=5]}"
    )
    (job,) = jobs("gpu", "dump", Path("exp/x/log/dump"), ("true",), 1, None, 1)
    assert options(job) == {
        "job-name": "dump.x",
        "output": "exp/x/log/dump/dump.%j.log",
        "open-mode": "append",
        "export": "ALL",
        "partition": "a100",
        "account": "me",
        "qos": "high",
        "time": "1-12",
        "nodes": "1",
        "ntasks-per-node": "1",
        "cpus-per-task": "6",
        "mem": "40G",
        "gres": "gpu:a100:2",
        "constraint": "'fast&big'",
        "exclude": "node7",
        "nice": "5",
    }


def test_what_is_not_set_is_not_asked_for(own):
    own.write_text("all: {memory: ''}")
    (job,) = jobs("cpu", "data", Path("log"), ("true",), 1, None, 1)
    assert set(options(job)) == set(
        "job-name output open-mode export nodes ntasks-per-node cpus-per-task".split()
    )


def test_shards_are_an_array_and_a_job_that_joins_them(own):
    own.write_text("gpu: {at_once: 5}")
    array, joined = jobs("gpu", "dump", Path("log"), ("dump",), 12, None, 1)
    assert options(array)["array"] == "1-12%5" and options(array)["output"] == "log/dump.%A_%a.log"
    assert '--shard "$SLURM_ARRAY_TASK_ID/12")' in array.script
    assert "array" not in options(joined) and "gres" not in options(joined)
    assert "command=(dump --merge 12)" in joined.script


@pytest.mark.parametrize(
    ("ngpu", "nodes", "tasks", "gres"),
    [(4, 2, 4, "gpu:4"), (0, 2, 1, None), (2, 1, 2, "gpu:2"), (None, 3, 1, "gpu:1")],
)
def test_several_ranks_are_started_by_srun(own, ngpu, nodes, tasks, gres):
    (job,) = jobs("train", "train", Path("log"), ("train",), 1, ngpu, nodes)
    asked = options(job)
    assert (asked["nodes"], asked["ntasks-per-node"], asked.get("gres")) == (str(nodes), str(tasks), gres)
    assert "command=(srun --kill-on-bad-exit=1 train)" in job.script
    assert "MASTER_ADDR=$(scontrol show hostnames" in job.script


@pytest.mark.parametrize("ngpu", [0, 1, None])
def test_one_process_needs_no_srun(own, ngpu):
    (job,) = jobs("train", "train", Path("log"), ("train",), 1, ngpu, 1)
    assert "srun" not in job.script and "MASTER" not in job.script


def test_a_job_that_queues_again_is_told_before_its_time_is_over(own):
    (job,) = jobs("train", "train", Path("log"), ("train",), 1, 1, 1)
    assert options(job)["signal"] == "B:USR1@300" and "requeue" in options(job)
    own.write_text("train: {requeue: 0}")
    (job,) = jobs("train", "train", Path("log"), ("train",), 1, 1, 1)
    assert not {"signal", "requeue"} & set(options(job))


def test_setup_lines_and_container_come_before_the_command(own, tmp_path):
    own.write_text("cpu: {setup: ['export A=1', 'A=$((A + 1))'], container: [env, 'B=two words']}")
    (job,) = jobs("cpu", "x", Path("log"), ("sh", "-c", 'echo "$A $B $OMP_NUM_THREADS"'), 1, None, 1)
    assert bash(job, tmp_path).stdout == "2 two words 3\n"


@given(words=WORDS, folder=st.sampled_from(["log", "a b", "it's", "方言; x", "100%j"]))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_argument_arrives_unchanged(own, tmp_path, words, folder):
    (job,) = jobs("cpu", "x", Path(folder), (*RECORD, *words), 1, None, 1)
    assert bash(job, tmp_path).returncode == 0
    assert (tmp_path / "arguments").read_bytes() == "".join(f"{word}\0" for word in words or [""]).encode()
    assert (tmp_path / folder / "x.17.exit").read_text().startswith("0\t")


def test_a_task_of_an_array_knows_its_share_and_has_a_result_of_its_own(own, tmp_path):
    array, _ = jobs("cpu", "x", Path("log"), RECORD, 3, None, 1)
    bash(array, tmp_path, SLURM_ARRAY_JOB_ID="15", SLURM_ARRAY_TASK_ID="2")
    assert (tmp_path / "arguments").read_bytes() == b"--shard\x002/3\0"
    assert [path.name for path in (tmp_path / "log").iterdir()] == ["x.15_2.exit"]


@pytest.mark.parametrize("name", ["a\nb", "a\\b"])
def test_what_sbatch_cannot_read_is_refused(own, name):
    (job,) = jobs("cpu", "x", Path("exp") / name / "log", ("true",), 1, None, 1)
    with pytest.raises(UserError, match="no line break and no backslash in an option, got"):
        _ = job.script


def test_the_exit_code_is_passed_on_and_written_down(own, tmp_path):
    (job,) = jobs("cpu", "x", Path("log"), ("sh", "-c", "exit 7"), 1, None, 1)
    assert bash(job, tmp_path).returncode == 7
    assert re.fullmatch(r"7\t\d+\n", (tmp_path / "log/x.17.exit").read_text())


@pytest.mark.parametrize(
    ("ends", "requeued"),
    [("exit 75", True), ("kill -9 $$", True), ("exit 3", False), ("exit 0", False)],
)
def test_a_command_that_stops_when_it_is_asked_to_queues_again(own, tmp_path, ends, requeued):
    """The command is told by SIGUSR1; stopping with 75, or being stopped with the other ranks, is no end of the job."""
    (tmp_path / "scontrol").write_text('#!/bin/sh\necho "$@" >requeued\n')
    (tmp_path / "scontrol").chmod(0o755)
    command = f"trap '{ends}' USR1; kill -USR1 $PPID; while :; do sleep 0.05; done"
    (job,) = jobs("train", "x", Path("log"), ("sh", "-c", command), 1, 1, 1)
    bash(job, tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (tmp_path / "requeued").exists() == requeued
    assert (tmp_path / "log/x.17.exit").exists() != requeued
    assert not requeued or (tmp_path / "requeued").read_text() == "requeue 17\n"


def test_75_that_nobody_asked_for_is_an_exit_code_like_others(own, tmp_path):
    (job,) = jobs("train", "x", Path("log"), ("sh", "-c", "exit 75"), 1, 1, 1)
    assert bash(job, tmp_path).returncode == 75 and (tmp_path / "log/x.17.exit").exists()

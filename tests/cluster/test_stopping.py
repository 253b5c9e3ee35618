"""Runs that are stopped while their job goes on: cancelled with them, or left and found again."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from fangyan.cluster.stopping import Interrupted, hold_signals, sleep_unless_orphaned, stop_on_signals

SLEEP = ("sh", "-c", "echo working; sleep 100")


def live(slurm, job: str) -> bool:
    """Whether a job has not ended, half a minute from now at the latest."""
    for _ in range(300):
        if (
            slurm.command("squeue", "--noheader", f"--jobs={job}", "--states=all", "--format=%T").strip()
            == "CANCELLED"
        ):
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_cancels_its_job(bench, slurm, number):
    run = bench.start(*SLEEP)
    job = bench.job(run)
    run.send_signal(number)
    assert f"job {job} (dump) is cancelled" in run.communicate(timeout=200)[1]
    assert run.returncode == 128 + number
    assert not live(slurm, job)


def test_a_run_whose_parent_was_killed_cancels_its_job(bench, slurm):
    code = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:]).returncode)"
    submit = bench.command(*SLEEP)
    parent = subprocess.Popen([sys.executable, "-c", code, *submit], cwd=bench.folder, env=bench.env)
    job = bench.job(parent)
    parent.kill()
    assert not live(slurm, job)


def test_a_job_whose_run_lost_its_terminal_is_found_by_the_next_run(bench):
    command = ("sh", "-c", "echo working; while [ ! -e go ]; do sleep 0.1; done")
    run = bench.start(*command)
    job = bench.job(run)
    run.send_signal(signal.SIGHUP)
    assert run.wait(timeout=200) == 129
    again = bench.start(*command)
    first = again.stderr.readline()
    (bench.folder / "go").touch()
    assert first == f"job {job} (dump), which an earlier run submitted, does this: waiting for it\n"
    assert again.wait(timeout=200) == 0
    assert [path.name for path in bench.folder.glob("exp/log/dump/*.sh")] == [f"dump.{job}.sh"]


def test_another_command_does_not_start_beside_the_job_of_an_earlier_run(bench, slurm):
    run = bench.start(*SLEEP)
    job = bench.job(run)
    run.send_signal(signal.SIGHUP)
    run.wait(timeout=200)
    refused = bench.run("true", stage="train")
    assert refused.code == 2
    assert refused.err.startswith(
        f"fangyan: job {job} (dump, RUNNING) of an earlier run still works in exp: wait for"
    )
    slurm.command("scancel", job)
    assert bench.run("true", stage="train").code == 0


def test_a_chain_is_handed_over_and_ends_when_a_link_breaks(bench, slurm):
    first = bench.run("sh", "-c", "sleep 1; exit 4", options=("--no_wait",), stage="data")
    second = bench.run(
        "true", options=("--no_wait", "--after", first.out.strip(), "--shards", "2"), stage="dump"
    )
    job, (array, merge) = first.out.strip(), second.out.split()
    shown = slurm.command("scontrol", "show", "job", merge)
    assert f"Dependency=afterok:{array}" in shown and re.search(r"Kill\w+Dependent=Yes", shown)
    while slurm.command("squeue", "--noheader", f"--jobs={job},{array},{merge}"):
        time.sleep(0.2)
    assert (bench.folder / f"exp/log/data/data.{job}.exit").read_text().startswith("4\t")
    assert not list(bench.folder.glob("exp/log/dump/*.exit"))
    said = bench.status("data", "dump")
    assert (
        "1 data      failed" in said
        and f"job {job} failed with exit code 4: exp/log/data/data.{job}.log" in said
    )
    assert "2 dump      failed" in said and f"job {merge} CANCELLED" in said


def test_a_dependency_that_can_never_be_satisfied_is_told(bench, slurm):
    failing = bench.run("false", options=("--no_wait",))
    job = failing.out.strip()
    while slurm.command("squeue", "--noheader", f"--jobs={job}"):
        time.sleep(0.2)
    with (bench.folder / "slurm.yaml").open("a") as file:
        file.write(f"cpu: {{sbatch: [--dependency=afterok:{job}]}}\n")
    said = bench.run("true")
    assert said.code == 1
    assert "can never start, DependencyNeverSatisfied: the job before it did not end well" in said.err


def test_a_job_whose_time_is_nearly_over_queues_again_and_goes_on(bench, slurm):
    with (bench.folder / "slurm.yaml").open("a") as file:
        file.write("cpu: {requeue: 60}\n")
    first = "echo working; touch begun; trap 'exit 75' USR1; while :; do sleep 0.1; done"
    run = bench.start("sh", "-c", f"[ ! -e begun ] || exit 0; {first}")
    job = bench.job(run)
    slurm.command("scancel", "--batch", "--signal=USR1", job)
    log = bench.folder / f"exp/log/dump/dump.{job}.log"
    while "queues again" not in log.read_text():
        time.sleep(0.1)
    while slurm.command("squeue", "--noheader", f"--jobs={job}", "--format=%T").strip() != "PENDING":
        time.sleep(0.1)
    time.sleep(2)  # Slurm takes the credential of a start within the same second for that of the one before
    slurm.command("scontrol", "update", f"JobId={job}", "StartTime=now")  # else it rests for two minutes
    said = run.communicate()[1]
    assert run.returncode == 0, said
    assert "Restarts=1" in slurm.command("scontrol", "show", "job", job)
    assert log.read_text().startswith("working\n")  # the log was appended to


def test_a_signal_that_is_held_back_ends_a_rest():
    with stop_on_signals(), pytest.raises(Interrupted) as stop, hold_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        sleep_unless_orphaned(1000, os.getppid())
    assert stop.value.signal == signal.SIGTERM

"""Slurm as it is asked and what it answers: sbatch, squeue, scontrol, sacct, scancel.

Answers are told apart by what they mean: a refusal stands, silence is asked again. What sites write around an answer,
on stdout too, is passed over.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fangyan.cluster.stopping import Interrupted, sleep_unless_orphaned
from fangyan.errors import UserError

LIVE = frozenset(
    "PENDING CONFIGURING RUNNING COMPLETING SUSPENDED STOPPED SIGNALING STAGE_OUT RESIZING REQUEUED REQUEUE_FED "
    "REQUEUE_HOLD SPECIAL_EXIT".split()
)
"""States of jobs that have not ended."""
FIELDS = "%i|%T|%r|%N"
QUEUED = re.compile(r"^(\d+(?:_[^|\s]+)?)\|([A-Z_]+)\|(.*)\|([^|\r\n]*?)\s*$", re.M)
"""A line of squeue in the form of `FIELDS`."""
KEPT = re.compile(r"^([A-Z_]+)[^|\n]*\|([^|\n]*)\|([^|\n]*)\|([\d:]*)\s*$", re.M)
"""A line of sacct: the state, which may be followed by who did it ("CANCELLED by 1000"), reason, nodes, exit code."""
JOB = re.compile(r"^(?:Submitted batch job )?(\d+)(?:;\S+| on cluster \S+)?\s*$", re.M)
"""The line of sbatch with the id of a job, and of a cluster where there are several."""
TRANSIENT = re.compile(
    "Unable to contact slurm controller|Socket timed out|Zero Bytes were transmitted|in standby mode"
    "|Communication (connection|shutdown) failure|Message (send|receive) failure"
    "|Connection (refused|reset|timed out)|Resource temporarily unavailable|not responding"
    "|(sleeping and|disabled,) retrying|temporarily unable|Unable to create job record, try again",
    re.I,
)
"""What Slurm says (slurm_errno.c, sbatch.c) when it may answer later: restarting, cut off or too busy."""
WAITS = (5, 10, 20, 40, 60, 60, 60)
"""Seconds before it is asked again: longer than a restart of the controller takes, and than it waits for an answer."""
BRIEFLY = WAITS[:2]
"""Where a run can go on without the answer."""
SILENT = "Slurm does not answer, asked again for minutes"


@dataclass(frozen=True)
class JobState:
    """How Slurm sees a job, or a task of an array: its state, the reason for that, its nodes and exit code."""

    state: str
    reason: str = ""
    nodes: str = ""
    exit_code: str = ""

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state in LIVE

    def __str__(self) -> str:
        waits = self.state == "PENDING" and self.reason != "None"
        return f"{self.state}, {self.reason}" if waits else self.state


class SubmissionRefused(UserError):
    """Slurm takes no such job; the message is what it said."""

    def __init__(self, said: str):
        errors = re.findall(r"^sbatch: (?:error: )?(.+?)\s*$", said, re.M) or said.strip().splitlines()[-1:]
        super().__init__("; ".join(errors) or "it said nothing")


def installed() -> bool:
    """Whether there is a Slurm to ask."""
    return shutil.which("sbatch") is not None


def submit(script: str, name: str, after: str = "") -> str:
    """The id of the job that was submitted, to start when the job ``after`` has ended well.

    Where Slurm does not answer it is tried again for some minutes. A job may be accepted though nobody was told, so it
    is called ``name`` and a mark of its own, by which it is looked for before each new try. Signals to our process
    group do not reach sbatch. `SubmissionRefused` with what Slurm said; `UserError` where it stayed silent.
    """
    mark = f"{name}.{secrets.token_hex(4)}"
    dependency = [f"--dependency=afterok:{after}", "--kill-on-invalid-dep=yes"] if after else []
    command = ["sbatch", "--parsable", f"--job-name={mark}", *dependency]
    number = _submit(command, script)
    try:
        for wait in WAITS:
            if number:
                return number
            _pause(wait)
            there = _named(mark)
            number = _submit(command, script) if there == "" else there
    except (Interrupted, KeyboardInterrupt):
        _ask(["scancel", f"--name={mark}"])
        raise
    if number:
        return number
    raise UserError(f"{SILENT}: before you run again see whether `squeue --name={mark}` shows a job")


def _submit(command: list[str], script: str) -> str | None:
    """The id of the job, None where it is not known whether there is one; `SubmissionRefused` where there is none."""
    answer = _ask(command, script)
    number = JOB.findall(answer.stdout)
    if number and not answer.returncode:
        return number[-1]
    if not answer.returncode or TRANSIENT.search(answer.stderr):
        return None
    raise SubmissionRefused(answer.stderr)


def _named(mark: str) -> str | None:
    """The id of the job with this name, nothing if there is none, None if Slurm is silent."""
    answer = _ask(["squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%F|%j"])
    found = re.findall(rf"^(\d+)\|{re.escape(mark)}\s*$", answer.stdout, re.M)
    return None if answer.returncode else "".join(found[:1])


def job_states(job: str) -> dict[str, JobState] | None:
    """How the job or the tasks of the array ``job`` stand, by id: none if Slurm forgot it; None if Slurm is silent."""
    return _queue(f"--jobs={job}", "--states=all")


def own_jobs() -> dict[str, JobState]:
    """The jobs of this user that have not ended, by id; tasks of arrays one by one. `UserError` if Slurm is silent."""
    if not installed():
        return {}
    found = _patiently(partial(_queue, f"--user={os.getuid()}"), WAITS)
    if found is None:
        raise UserError(f"{SILENT}: which jobs run is not known, try again later")
    return found


def end_of(task: str) -> JobState | None:
    """How a job or task ended, asked of scontrol, then of sacct where it is kept; None if neither knows."""
    fields = dict(re.findall(r"(\w+)=(\S*)", _said("scontrol", "--oneliner", "show", "job", task)))
    if "JobState" in fields:
        return JobState(fields["JobState"], fields["Reason"], fields.get("NodeList", ""), fields["ExitCode"])
    form = "--format=State,Reason,NodeList,ExitCode"
    kept = KEPT.findall(_said("sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={task}", form))
    return JobState(*kept[-1]) if kept else None


def cancel(jobs: Sequence[str]) -> bool:
    """Whether Slurm was told to cancel the jobs, as far as they have not ended."""
    return _patiently(partial(_heard, "scancel", *jobs), BRIEFLY) is not None


def _queue(*which: str) -> dict[str, JobState] | None:
    answer = _ask(["squeue", "--noheader", "--array", f"--format={FIELDS}", *which])
    if answer.returncode and "Invalid job id" not in answer.stderr:
        return None
    return {
        task: JobState(state, reason, nodes) for task, state, reason, nodes in QUEUED.findall(answer.stdout)
    }


def _said(*words: str) -> str:
    """What a command says on stdout; nothing where Slurm stays silent."""
    return _patiently(partial(_heard, *words), BRIEFLY) or ""


def _heard(*words: str) -> str | None:
    """What a command says on stdout, None where Slurm does not answer it."""
    answer = _ask(list(words))
    return None if answer.returncode and TRANSIENT.search(answer.stderr) else answer.stdout


def _patiently[T](ask: Callable[[], T | None], waits: Sequence[int]) -> T | None:
    """What ``ask`` gives, asked again after each of the ``waits`` as long as that is None."""
    found = ask()
    for wait in waits:
        if found is not None:
            break
        _pause(wait)
        found = ask()
    return found


def _pause(seconds: int) -> None:
    """Sleeps so long; raises `Interrupted` as `sleep_unless_orphaned` does, also by a held-back signal."""
    print(f"Slurm does not answer: asking again in {seconds} s", file=sys.stderr)
    sleep_unless_orphaned(seconds, os.getppid())


def _ask(words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    form = {"encoding": "utf-8", "errors": "replace"}  # a banner may be in any, whatever ours is
    try:
        return subprocess.run(words, input=given, capture_output=True, start_new_session=True, **form)
    except (FileNotFoundError, PermissionError) as error:
        if words[0] == "sacct":
            return subprocess.CompletedProcess(words, 127, "", "")
        why = "not found" if isinstance(error, FileNotFoundError) else "not ours to run"
        raise UserError(f"{words[0]}: {why}: --backend slurm needs the commands of Slurm here") from None

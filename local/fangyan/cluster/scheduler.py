"""Slurm as it is asked and what it answers: sbatch, squeue, scontrol, sacct, scancel."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from fangyan.errors import UserError

LIVE = frozenset(
    "PENDING CONFIGURING RUNNING COMPLETING SUSPENDED STOPPED SIGNALING STAGE_OUT RESIZING REQUEUED REQUEUE_FED "
    "REQUEUE_HOLD SPECIAL_EXIT".split()
)
"""States of jobs that have not ended."""
FIELDS = "%i|%T|%r|%N"


@dataclass(frozen=True)
class Standing:
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


def installed() -> bool:
    """Whether there is a Slurm to ask."""
    return shutil.which("sbatch") is not None


def submit(script: str, after: str = "") -> str:
    """The id of the job that was submitted, to start when the job ``after`` has ended well.

    Signals to our process group do not reach sbatch: whether a job was submitted is always known.
    """
    dependency = [f"--dependency=afterok:{after}", "--kill-on-invalid-dep=yes"] if after else []
    answer = _ask(["sbatch", "--parsable", *dependency], script)
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or ["it said nothing"]
        raise UserError(said[-1].removeprefix("sbatch: error: "))
    return answer.stdout.strip().split(";")[0]


def standings(job: str) -> dict[str, Standing] | None:
    """How the job or the tasks of the array ``job`` stand, by id: none if Slurm forgot it; None if Slurm is silent."""
    return _queue(f"--jobs={job}", "--states=all")


def mine() -> dict[str, Standing]:
    """The jobs of this user that have not ended, by id; tasks of arrays one by one."""
    return (_queue(f"--user={os.getuid()}") or {}) if installed() else {}


def end_of(task: str) -> Standing | None:
    """How a job or task ended, asked of scontrol, then of sacct where it is kept; None if neither knows."""
    shown = _ask(["scontrol", "--oneliner", "show", "job", task]).stdout
    fields = dict(re.findall(r"(\w+)=(\S*)", shown))
    if "JobState" in fields:
        return Standing(fields["JobState"], fields["Reason"], fields.get("NodeList", ""), fields["ExitCode"])
    form = "--format=State,Reason,NodeList,ExitCode"
    kept = _ask(["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={task}", form]).stdout
    if not kept.strip():
        return None
    state, *rest = kept.splitlines()[-1].split("|")
    return Standing(state.split()[0], *rest)  # "CANCELLED by 1000"


def cancel(jobs: Sequence[str]) -> None:
    """Nothing; the jobs are cancelled, as far as they have not ended."""
    _ask(["scancel", *jobs])


def _queue(*which: str) -> dict[str, Standing] | None:
    answer = _ask(["squeue", "--noheader", "--array", f"--format={FIELDS}", *which])
    if answer.returncode and "Invalid job id" not in answer.stderr:
        return None
    lines = (line.split("|") for line in answer.stdout.splitlines())
    return {task: Standing(state, reason, nodes) for task, state, reason, nodes in lines}


def _ask(words: list[str], given: str = "") -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, input=given, capture_output=True, text=True, start_new_session=True)
    except FileNotFoundError:
        if words[0] == "sacct":
            return subprocess.CompletedProcess(words, 127, "", "")
        raise UserError(f"{words[0]}: not found: --backend slurm needs the commands of Slurm here") from None

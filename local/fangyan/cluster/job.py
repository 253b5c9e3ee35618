"""A job: a command, the class it belongs to, and the script that Slurm is handed for it."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from fangyan.cluster.classes import JobClass, job_class
from fangyan.errors import UserError
from fangyan.files import ROOT

RANKS = (
    'MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
    "export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 10000))",
)
"""Where the ranks of a training meet: one port a job."""
SRUN = ("srun", "--kill-on-bad-exit=1")


@dataclass(frozen=True)
class Job:
    """A command for Slurm. Script, logs and results go to ``folder``, named after the job and its id.

    ``shards``: so many array tasks, each with ``--shard I/N``. ``nodes`` and ``tasks`` (of each node): more than one
    process in all is started by srun.
    """

    kind: JobClass
    name: str
    folder: Path
    command: tuple[str, ...]
    shards: int = 1
    nodes: int = 1
    tasks: int = 1

    @property
    def experiment(self) -> str:
        """The name of its experiment folder, for squeue."""
        return self.folder.parent.parent.name

    @property
    def script(self) -> str:
        """The job script, whole."""
        ranks = self.nodes * self.tasks > 1
        before = [*self.kind.setup, *(RANKS if ranks else ())]
        words = [
            shlex.quote(word) for word in ((*SRUN, *self.kind.container) if ranks else self.kind.container)
        ]
        words += [shlex.quote(word) for word in self.command]
        if self.shards > 1:
            words += ["--shard", f'"$SLURM_ARRAY_TASK_ID/{self.shards}"']
        lines = [
            "#!/usr/bin/env bash",
            *(f"#SBATCH --{option}" for option in self._options()),
            "",
            "export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK",
            *before,
            f"record={shlex.quote(str(self.folder / self.name))}",
            f"command=({' '.join(words)})",
            f". {shlex.quote(str(ROOT / 'utils' / 'job.sh'))}",
        ]
        return "\n".join(lines) + "\n"

    def _options(self) -> list[str]:
        kind = self.kind
        log = str(self.folder / self.name).replace("%", "%%") + (
            ".%A_%a.log" if self.shards > 1 else ".%j.log"
        )
        options = {
            "job-name": f"{self.name}.{self.experiment}",
            "output": log,
            "open-mode": "append",
            "export": "ALL",
            "partition": kind.partition,
            "account": kind.account,
            "qos": kind.qos,
            "time": kind.time,
            "nodes": self.nodes,
            "ntasks-per-node": self.tasks,
            "cpus-per-task": kind.cpus,
            "mem": kind.memory,
            "gres": kind.gres.replace("{gpus}", str(kind.gpus)) if kind.gpus else "",
            "constraint": kind.constraint,
            "array": f"1-{self.shards}%{kind.at_once}" if self.shards > 1 else "",
            "signal": f"B:USR1@{kind.requeue}" if kind.requeue else "",
        }
        given = [f"{name}={_quoted(str(value))}" for name, value in options.items() if value]
        return [*given, *(["requeue"] if kind.requeue else []), *(o.removeprefix("--") for o in kind.sbatch)]


def jobs(
    kind: str, name: str, folder: Path, command: tuple[str, ...], shards: int, ngpu: int | None, nodes: int
) -> list[Job]:
    """The job of a command; in several shards, these and the job that merges them.

    ``ngpu`` (None: as the class has it, one process) is the number of GPUs of each node, each with a process of
    its own; 0: one process a node, on the CPU.
    """
    asked = job_class(kind)
    if ngpu is not None:
        asked = replace(asked, gpus=ngpu)
    if shards == 1:
        return [Job(asked, name, folder, command, nodes=nodes, tasks=max(1, ngpu or 1))]
    merge = Job(job_class("cpu"), name, folder, (*command, "--merge", str(shards)))
    return [Job(asked, name, folder, command, shards), merge]


def _quoted(value: str) -> str:
    """``value`` as sbatch reads it in a line of a script: it knows quotes, but no way to write these two characters."""
    if "\n" in value or "\\" in value:
        raise UserError(f"sbatch takes no line break and no backslash in an option, got {value!r}")
    return shlex.quote(value)

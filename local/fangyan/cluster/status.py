"""How far an experiment is: each stage done, running or failed, with its jobs, time and size."""

import fcntl
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fangyan import experiments
from fangyan.cluster import job_files, scheduler
from fangyan.cluster.ending import classify_end
from fangyan.cluster.job_files import JobRecord
from fangyan.cluster.scheduler import JobState
from fangyan.environment import StageTime
from fangyan.rounding import data_size
from fangyan.tables import read_rows

OUTPUTS = {
    "stats": ("stats",),
    "train": ("*.pth", "*.log", "history.tsv", "llm", "train"),
    "decode": ("decode", "early_exit"),
    "dump": ("feats", "baselines/*/feats"),
    "measure": ("retrieval*", "intervals*", "control*", "synonymy*", "probe*", "baselines/*/retrieval*"),
    "report": ("RESULTS.md", "report.html", "images", "tables", "explain"),
    "pack": ("model.zip", "packed"),
}
"""What stages leave in the experiment folder, for the sizes."""
FORMER = {"measure": "retrieve"}
"""What a stage is called in experiments from before it was renamed."""


@dataclass(frozen=True)
class Stage:
    """A stage of an experiment: done, running, failed or nothing yet; seconds it took; bytes it left."""

    name: str
    state: str = ""
    detail: str = ""
    seconds: int | None = None
    size: int = 0


def owner(exp: Path) -> str:
    """Who runs in the experiment folder at this moment, or nothing."""
    try:
        with (exp / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        return (exp / ".lock").read_text().strip() or "another run"
    except OSError:
        return ""


def status(exp: Path, names: Sequence[str]) -> list[Stage]:
    """The stages of an experiment; `UserError` where there is none."""
    experiments.check_there(exp)
    seconds = {run.stage: run.seconds for run in read_rows(exp / "times.tsv", StageTime)}
    standings = (
        scheduler.own_jobs() if job_files.read(exp / "log") else {}
    )  # a silent Slurm is asked for minutes
    live = job_files.live(exp / "log", standings)
    return [_stage(exp, name, seconds.get(name, seconds.get(FORMER.get(name, ""))), live) for name in names]


def table(stages: Sequence[Stage]) -> str:
    """The stages as lines of text."""
    lines = []
    for number, stage in enumerate(stages, 1):
        time = "" if stage.seconds is None else str(timedelta(seconds=stage.seconds))
        size = data_size(stage.size) if stage.size else ""
        lines.append(
            f"{number:3} {stage.name:9} {stage.state or '-':8} {time:>9} {size:>9}  {stage.detail}".rstrip()
        )
    return "\n".join(lines)


def _stage(exp: Path, name: str, seconds: int | None, live: list[tuple[JobRecord, JobState]]) -> Stage:
    names = (name, FORMER.get(name))
    size = sum(_size(path) for pattern in OUTPUTS.get(name, ()) for path in exp.glob(pattern))
    running = [f"job {record.id} {standing}" for record, standing in live if record.stage in names]
    if running:
        return Stage(name, "running", "; ".join(running), None, size)
    current, reason = experiments.failed_stage(exp)
    interrupted = current in names
    if interrupted and owner(exp):
        return Stage(name, "running", owner(exp), None, size)
    jobs = [record for record in job_files.read(exp / "log") if record.stage in names]
    since = (exp / "times.tsv").stat().st_mtime if seconds is not None else 0
    why = _why(jobs[-1]) if jobs and jobs[-1].script.stat().st_mtime > since else ""
    if interrupted or why:
        detail = "; ".join(filter(None, (reason if interrupted else "", why)))
        return Stage(name, "failed", detail or "it was stopped", None, size)
    if seconds is None and jobs:
        seconds = sum(spent for record in jobs for _, spent in record.results().values())
    return Stage(name, "" if seconds is None else "done", "", seconds, size)


def _why(record: JobRecord) -> str:
    """How the first task that did not end well ended, or nothing."""
    results = record.results()
    for task in record.tasks:
        code = results[task][0] if task in results else None
        if code != 0:
            log = record.log(task)
            last = job_files.tail(log)
            standing = scheduler.end_of(task) if scheduler.installed() else None
            told = re.findall(r"^ *fangyan: (.+)$", last, re.MULTILINE)
            return ": ".join([f"job {task} {classify_end(last, code, standing)}", *told[-1:], f"{log}"])
    return ""


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())

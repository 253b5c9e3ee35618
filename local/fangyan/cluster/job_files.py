"""What a job leaves beside its log: ``<name>.<id>.sh`` as submitted, ``<name>.<id>.exit`` written last by the job."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fangyan.cluster.scheduler import JobState
from fangyan.files import write_text

SCRIPT = re.compile(r"(.+)\.(\d+)\.sh")
TAIL_BYTES = 8_192


@dataclass(frozen=True)
class JobRecord:
    """A job that was submitted, known by its script."""

    script: Path
    name: str
    id: str

    @property
    def stage(self) -> str:
        """The stage it belongs to."""
        return self.script.parent.name

    @property
    def tasks(self) -> list[str]:
        """The ids of its tasks: its own, or those of the array."""
        shards = re.search(r"^#SBATCH --array=1-(\d+)", self.script.read_text(encoding="utf-8"), re.M)
        return [f"{self.id}_{n}" for n in range(1, int(shards[1]) + 1)] if shards else [self.id]

    def log(self, task: str) -> Path:
        """The log of a task."""
        return self.script.with_name(f"{self.name}.{task}.log")

    def results(self) -> dict[str, tuple[int, int]]:
        """Exit code and seconds of each task that said how it ended."""
        found = {}
        for name in {
            path.name for path in self.script.parent.iterdir()
        }:  # listing: NFS caches what was absent
            match = re.fullmatch(rf"{re.escape(self.name)}\.({self.id}(_\d+)?)\.exit", name)
            if match:
                code, seconds = self.script.with_name(name).read_text().split()
                found[match[1]] = int(code), int(seconds)
        return found


def write(folder: Path, name: str, job: str, script: str) -> JobRecord:
    """The record of a job that was submitted."""
    path = folder / f"{name}.{job}.sh"
    write_text(path, script)
    return JobRecord(path, name, job)


def read(logs: Path) -> list[JobRecord]:
    """The jobs of an experiment, whose logs are ``logs/<stage>/``, in the order they were submitted."""
    scripts = ((path, SCRIPT.fullmatch(path.name)) for path in logs.glob("*/*.sh"))
    found = (JobRecord(path, match[1], match[2]) for path, match in scripts if match)
    return sorted(found, key=lambda record: int(record.id))


def live(logs: Path, standings: Mapping[str, JobState]) -> list[tuple[JobRecord, JobState]]:
    """The jobs of an experiment that have not ended, each with how one of its tasks stands."""
    jobs = {task.partition("_")[0] for task in standings}
    found = []
    for record in (record for record in read(logs) if record.id in jobs):
        results = record.results()
        unfinished = [task for task in record.tasks if task not in results and task in standings]
        if unfinished:
            found.append((record, standings[unfinished[0]]))
    return found


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log, indented; what progress bars wrote over is left out."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return "    (there is no log)"
    last = [line.rpartition("\r")[2] for line in text.rstrip().split("\n")[-lines:]]
    return "\n".join(f"    {line}" for line in last) if text.strip() else "    (the log is empty)"

"""Waiting for a job: every task that ends badly is told at once, with the reason."""

import os
import time
from collections.abc import Callable

from fangyan.cluster import scheduler
from fangyan.cluster.classes import JobClass
from fangyan.cluster.ending import Ending, end_of_task, end_of_waiting
from fangyan.cluster.job_files import JobRecord
from fangyan.cluster.scheduler import JobState
from fangyan.cluster.stopping import sleep_unless_orphaned

GRACE = {"COMPLETED": 60}
"""Seconds that the result of a job may take to be seen here, through a shared file system, by its state."""
SHORT_GRACE = 3


def watch(record: JobRecord, kind: JobClass, tell: Callable[[str], None]) -> list[Ending]:
    """The tasks of a job that did not end well, each told when it was noticed; the others are waited for.

    Results are looked for every second, Slurm is asked at first as often, then up to every ten seconds.
    """
    watcher, parent = _Watcher(record, kind, tell), os.getppid()
    started = asked = time.monotonic() - 1
    while watcher.read():
        now = time.monotonic()
        if now - asked >= min(10, 1 + (now - started) / 60):
            watcher.ask()
            asked = now
        sleep_unless_orphaned(1, parent)
    return watcher.bad


class _Watcher:
    """What is known of the tasks of a job."""

    def __init__(self, record: JobRecord, kind: JobClass, tell: Callable[[str], None]):
        self.record, self.kind, self.tell = record, kind, tell
        self.waiting = set(record.tasks)
        self.bad: list[Ending] = []
        self.gone: dict[str, float] = {}
        self.told = ""

    def read(self) -> bool:
        """Whether some task has still to be waited for, now that all results were read."""
        for task, (code, _) in self.record.results().items():
            if task in self.waiting:
                self._end(task, code)
        return bool(self.waiting)

    def ask(self) -> None:
        """Stops waiting for tasks that are dead without a result, or never will start."""
        standings = scheduler.job_states(self.record.id)
        if standings is None:
            return self._note("Slurm does not answer: asking again")
        self._note_states([standings[task] for task in self.waiting & standings.keys()])
        for task in sorted(self.waiting):
            self._judge(task, standings.get(task))

    def _judge(self, task: str, standing: JobState | None) -> None:
        """Ends the task if it is dead and left no result, or never will start."""
        if standing and standing.live:
            self.gone.pop(task, None)
            if standing.state == "PENDING":
                self._judge_waiting(task, standing.reason)
            return
        since = self.gone.setdefault(task, time.monotonic())
        grace = GRACE.get(standing.state if standing else "", SHORT_GRACE)
        if time.monotonic() - since >= grace:
            self._end(task, None)

    def _judge_waiting(self, task: str, reason: str) -> None:
        ending = end_of_waiting(self.record, self.kind, task, reason)
        if ending:
            scheduler.cancel([task])
            self._add(ending)

    def _end(self, task: str, code: int | None) -> None:
        self.waiting.discard(task)
        if code != 0:
            self._add(end_of_task(self.record, self.kind, task, code, self._settled(task)))

    def _settled(self, task: str) -> JobState | None:
        """How the task stands once Slurm has noticed its end."""
        for _ in range(30):
            standing = scheduler.end_of(task)
            if not standing or not standing.live:
                break
            time.sleep(0.3)
        return standing

    def _add(self, ending: Ending) -> None:
        self.waiting.discard(ending.task)
        self.bad.append(ending)
        self.tell(ending.sentence)

    def _note_states(self, standings: list[JobState]) -> None:
        live = {str(standing) for standing in standings if standing.live}
        if live:
            self._note("; ".join(sorted(live)))

    def _note(self, what: str) -> None:
        if what != self.told:
            self.tell(f"job {self.record.id} ({self.record.name}): {what}")
            self.told = what

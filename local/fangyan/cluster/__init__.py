"""Commands as jobs of Slurm.

    class of job, command -> job script -> sbatch -> record beside the log -> results and squeue -> one sentence

A job is submitted once, watched to its end, and cancelled with the run that waits for it.
"""

import signal
import time
from collections.abc import Callable

from fangyan.cluster import job_files, scheduler
from fangyan.cluster.ending import explain_refusal
from fangyan.cluster.job import Job, jobs
from fangyan.cluster.job_files import JobRecord
from fangyan.cluster.stopping import Interrupted, hold_signals, stop_on_signals
from fangyan.cluster.watching import watch
from fangyan.errors import UserError

__all__ = ["Job", "jobs", "run", "submit"]


def run(job: Job, tell: Callable[[str], None]) -> int:
    """The exit code of a job that is submitted and waited for; ``tell`` is called with each thing worth saying.

    A job of an earlier run that still does exactly this is waited for in place of another. Ctrl-C, SIGTERM and the end
    of the run that started us cancel the job; a lost terminal (SIGHUP) leaves it.
    """
    record = None
    with stop_on_signals():
        try:
            record = _running(job, tell)
            with hold_signals():
                record = record or _submitted(job, tell)
            bad = watch(record, job.kind, tell)
        except Interrupted as stop:
            if record and stop.signal != signal.SIGHUP:
                done = (
                    "is cancelled" if scheduler.cancel([record.id]) else "may run on: Slurm does not answer"
                )
                tell(f"job {record.id} ({job.name}) {done}")
            return 128 + stop.signal
    if bad and job.shards > 1:
        tasks = " ".join(ending.task for ending in bad)
        tell(f"{len(bad)} of {job.shards} tasks of job {record.id} ({job.name}) did not end well: {tasks}")
    return bad[0].code if bad else 0


def submit(job: Job, after: str, tell: Callable[[str], None]) -> str:
    """The id of a job that is left to Slurm, to start when the job ``after`` (if any) has ended well."""
    if not after and _running(job, tell):
        raise UserError(f"{job.folder}: an earlier run's job does this already: wait for it, or scancel it")
    return _submitted(job, tell, after).id


def _submitted(job: Job, tell: Callable[[str], None], after: str = "") -> JobRecord:
    job.folder.mkdir(parents=True, exist_ok=True)  # Slurm does not, and then there is no log
    try:
        number = scheduler.submit(job.script, f"{job.name}.{job.experiment}", after)
    except scheduler.SubmissionRefused as error:
        raise UserError(explain_refusal(str(error), job.kind)) from None
    record = job_files.write(job.folder, job.name, number, job.script)
    tell(f"job {number} ({job.name}) is submitted: {record.log(record.tasks[0])}")
    return record


def _running(job: Job, tell: Callable[[str], None]) -> JobRecord | None:
    """The job of this very script that runs already; `UserError` for another job of the same experiment."""
    logs = job.folder.parent
    while live := job_files.live(logs, scheduler.own_jobs()):
        record, standing = live[-1]
        if standing.state == "COMPLETING":  # cancelled a moment ago, its processes may still write
            tell(f"job {record.id} ({record.name}) is ending: waiting for that")
            time.sleep(2)
        elif record.script.read_text(encoding="utf-8") == job.script:
            tell(
                f"job {record.id} ({record.name}), which an earlier run submitted, does this: waiting for it"
            )
            return record
        else:
            raise UserError(
                f"job {record.id} ({record.name}, {standing.state}) of an earlier run still works in {logs.parent}: "
                f"wait for it, or scancel {record.id}"
            )
    return None

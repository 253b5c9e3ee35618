"""How a job ended, or why it never will start, in one sentence that says what to change."""

import re
from dataclasses import dataclass
from itertools import chain

from fangyan.cluster.classes import JobClass, own_file
from fangyan.cluster.job_files import JobRecord, tail
from fangyan.cluster.scheduler import JobState

ADVICE = {
    "TIMEOUT": "its time was over: raise `time` of class {kind} in {file}",
    "OUT_OF_MEMORY": "it took more than its {memory}: raise `memory` of class {kind} in {file}",
    "NODE_FAIL": "the node {nodes} failed: leave it out with sbatch: [--exclude={nodes}] in {file}",
    "BOOT_FAIL": "the node {nodes} did not start: leave it out with sbatch: [--exclude={nodes}] in {file}",
    "PREEMPTED": "a job of higher priority took its place: choose another `qos` or `partition` in {file}",
    "CANCELLED": "it was cancelled, not by this run",
    "DEADLINE": "its deadline has passed",
}
"""What Slurm calls the end of a job, and what that asks for."""
HOPELESS = {
    r"PartitionTimeLimit|.*MaxWall.*PerJob.*": "lower `time`, or choose another `partition`",
    r"PartitionNodeLimit|.*MaxNode.*PerJob.*": "lower --num_nodes, or choose another `partition`",
    r"BadConstraints": "no node has all that: lower `memory`, `cpus` or `gpus`, or mend `gres` or `constraint`",
    r".*PerJob.*|.*MinCpu.*|.*MinGRES.*|.*MinMemory.*": "change `memory`, `cpus` or `gpus` to what the limit admits",
    r"InvalidQOS|QOSNotAllowed": "mend `qos`",
    r"InvalidAccount|AccountNotAllowed|AssociationNotAllowed": "mend `account`",
    r"DependencyNeverSatisfied": "the job before it did not end well: see its log",
    r"ReservationDeleted|InvalidReservation": "mend the reservation under `sbatch`",
    r"launch failed requeued held": "ask who runs the cluster why it could not be started",
}
"""Reasons (patterns) for which a job would wait for ever."""
TOO_LARGE = HOPELESS["BadConstraints"]
REFUSED = {
    r"Invalid job array specification": "lower --nj, an array of this cluster has fewer tasks (MaxArraySize)",
    r"Submit\w*Limit|\w+JobsLimit|job submit limit|job queue full": "lower --nj, or wait until other jobs have ended",
    r"Invalid account": "mend `account`, or choose another `partition`",
    r"[Pp]artition": "mend `partition`",
    r"Invalid qos": "mend `qos`",
    r"generic resource|\bGRES\b|\bgres\b": "mend `gres`, or lower `gpus`",
    r"Invalid feature": "mend `constraint`",
    r"[Tt]ime limit|--time": "mend `time`",
    r"[Mm]emory|--mem": "mend or lower `memory`",
    r"node configuration is not available|More processors requested": TOO_LARGE,
    r"[Nn]ode count|number of nodes": "lower --num_nodes",
    r"reservation": "mend the reservation under `sbatch`",
    r"[Dd]ependency": "the job before it is gone: see its log",
    r"permission denied": "mend `account` or `partition`, or ask who runs the cluster to be let in",
    r"option|Invalid directive|Invalid argument|wckey": "mend `sbatch`",
    r"": "mend `sbatch` or the setting that it speaks of",
}
"""What sbatch says of a job that it does not take (patterns; slurm_errno.c, sbatch.c): the first that is found counts.
Some sites have it followed by a reason as in `HOPELESS`, which says more."""
TOO_MUCH_MEMORY = re.compile(r"oom[-_ ]?kill|exceeded (job )?memory limit", re.I)


@dataclass(frozen=True)
class Ending:
    """A job or task that did not end well: the exit code to pass on, and the sentence to say."""

    task: str
    code: int
    sentence: str


def classify_end(last: str, code: int | None, standing: JobState | None) -> str:
    """How a task with this exit code (None: it left none) and these last lines of its log ended, as `ADVICE` has it."""
    if standing and standing.state in ADVICE:
        return standing.state
    if TOO_MUCH_MEMORY.search(last):
        return "OUT_OF_MEMORY"
    if code is not None:
        killed = f", killed by signal {code - 128}" if code > 128 else ""
        return f"failed with exit code {code}{killed}"
    if standing is None:
        return "left no result, and Slurm no longer knows of it"
    if standing.state == "COMPLETED":
        return "ended, but left no result that is seen here (is the folder shared, is the disk full?)"
    signal = standing.exit_code.partition(":")[2]
    killed = (
        f", killed by signal {signal}" if signal not in ("", "0") else f", exit code {standing.exit_code}"
    )
    return f"ended as {standing.state}{killed} (reason {standing.reason})"


def end_of_task(
    record: JobRecord, kind: JobClass, task: str, code: int | None, standing: JobState | None
) -> Ending:
    """The end of ``task`` that wrote this exit code (None: it wrote none) and that stands so in Slurm."""
    log = record.log(task)
    last = tail(log)
    state = classify_end(last, code, standing)
    nodes = standing.nodes if standing else ""
    advice = ADVICE.get(state, "").format(kind=kind.name, memory=kind.memory, file=own_file(), nodes=nodes)
    what = f"ended as {state}: {advice}" if advice else f"{state}: mend what its log says"
    where = f" on {nodes}" if nodes and nodes not in advice else ""
    sentence = (
        f"job {task} ({record.name}){where} {what}; run again, finished work is kept. {log} ends:\n{last}"
    )
    return Ending(task, 1 if advice or not code else code, sentence)


def explain_refusal(said: str, kind: JobClass) -> str:
    """Why Slurm takes no job of this class, by what it said, and what to change."""
    reasons = (advice for word in re.findall(r"\w+", said) if (advice := _hopeless(word)))
    refusals = (advice for pattern, advice in REFUSED.items() if re.search(pattern, said))
    return f"Slurm refused a job of class {kind.name}: {said}: {_where(next(chain(reasons, refusals)), kind)}"


def _hopeless(reason: str) -> str:
    """What to change about a job with this reason; nothing if there is hope."""
    return next((advice for pattern, advice in HOPELESS.items() if re.fullmatch(pattern, reason)), "")


def end_of_waiting(record: JobRecord, kind: JobClass, task: str, reason: str) -> Ending | None:
    """The end of a job that would wait for ever for this reason; None if there is hope."""
    advice = _hopeless(reason)
    if not advice:
        return None
    sentence = (
        f"job {task} ({record.name}) can never start, {reason}: {_where(advice, kind)}; it is cancelled"
    )
    return Ending(task, 1, sentence)


def _where(advice: str, kind: JobClass) -> str:
    """The advice and, where it speaks of a setting, the class and file in which that is."""
    return f"{advice} (class {kind.name}, {own_file()})" if "`" in advice else advice

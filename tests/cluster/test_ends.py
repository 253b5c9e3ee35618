"""Jobs that end in every way that jobs end, on a real Slurm: what is said of each, and the exit code."""

import re
from collections.abc import Callable

import pytest

HOLD = ("sh", "-c", "echo working; sleep 100")
CASES: dict[str, dict] = {
    "well": {"command": ("sh", "-c", "echo fine"), "code": 0},
    "badly": {
        "command": ("sh", "-c", "echo one; echo 'text:3: two columns, got 1' >&2; exit 3"),
        "code": 3,
        "said": r"job ID \(dump\) on \S+ failed with exit code 3: mend what its log says; run again.*"
        r"exp/log/dump/dump.ID.log ends:\n    one\n    text:3: two columns, got 1\n$",
    },
    "process killed": {
        "command": ("sh", "-c", "kill -9 $$"),
        "code": 137,
        "said": r"job ID .* failed with exit code 137, killed by signal 9: .*Killed",
    },
    "shell killed": {
        "command": ("sh", "-c", "kill -9 $PPID"),
        "code": 1,
        "said": r"job ID .* ended as FAILED, killed by signal 9",
    },
    "memory": {
        "command": ("python3", "-c", "import time; x = bytearray(500_000_000); time.sleep(60)"),
        "code": 1,
        "said": r"job ID .* ended as OUT_OF_MEMORY: it took more than its 200M: raise `memory` of class cpu in "
        r"\S+/slurm.yaml; run again",
    },
    "time": {
        "command": HOLD,
        "do": ("scontrol", "update", "JobId=ID", "EndTime=now+1"),
        "code": 1,
        "said": r"job ID .* ended as TIMEOUT: its time was over: raise `time` of class cpu in .*DUE TO TIME LIMIT",
    },
    "cancelled": {
        "command": HOLD,
        "do": ("scancel", "ID"),
        "code": 1,
        "said": r"job ID .* ended as CANCELLED: it was cancelled, not by this run; .*    working",
    },
    "too long for the partition": {
        "command": HOLD,
        "settings": "cpu: {partition: gpu, time: 2-00:00:00}",
        "code": 1,
        "said": r"job ID \(dump\) can never start, PartitionTimeLimit: lower `time`, or choose another `partition` "
        r"\(class cpu, \S+/slurm.yaml\); it is cancelled",
    },
    "refused": {
        "command": HOLD,
        "settings": "cpu: {partition: nowhere}",
        "code": 2,
        "said": r"^fangyan: Slurm refused a job of class cpu: .*Invalid partition name.*: mend `partition` "
        r"\(class cpu, \S+/slurm.yaml\)\n$",
    },
    "more than a node has": {
        "command": HOLD,
        "settings": "cpu: {memory: 900G}",
        "code": 2,
        "said": r"^fangyan: Slurm refused .*node configuration is not available: mend or lower `memory`",
    },
    "more tasks than an array has": {
        "command": HOLD,
        "options": ("--shards", "5000"),
        "code": 2,
        "said": r"^fangyan: Slurm refused .*Invalid job array specification: lower --nj, .*\(MaxArraySize\)\n$",
    },
    "a device that no node has": {
        "command": HOLD,
        "settings": "cpu: {gpus: 1, gres: 'tpu:{gpus}'}",
        "code": 2,
        "said": r"^fangyan: Slurm refused .*Invalid generic resource.*: mend `gres`, or lower `gpus` \(class cpu, ",
    },
    "a task of an array": {
        "command": ("sh", "-c", 'echo "$2"; [ "$1" != --shard ] || [ "$2" != 2/3 ] || exit 5', "sh"),
        "options": ("--shards", "3"),
        "code": 5,
        "said": r"job ID_2 \(dump\) .* failed with exit code 5.*    2/3\n"
        r"1 of 3 tasks of job ID .* did not end well: ID_2\n$",
    },
}


@pytest.fixture(scope="module")
def ends(slurm, new_bench) -> Callable[[str], tuple]:
    """The end of each case, by name; they all run at the same time."""
    benches = {name: new_bench() for name in CASES}
    running = {}
    for name, case in CASES.items():
        bench = benches[name]
        with (bench.folder / "slurm.yaml").open("a") as file:
            file.write(case.get("settings", ""))
        running[name] = bench.start(*case["command"], options=case.get("options", ()))
    for name, case in CASES.items():
        if "do" in case:
            job = benches[name].job(running[name])
            slurm.command(
                *(word.replace("ID", job) if "=" in word or word == "ID" else word for word in case["do"])
            )
    return lambda name: (benches[name], running[name])


@pytest.mark.parametrize("name", CASES)
def test_an_end_is_one_sentence_and_an_exit_code(ends, name):
    bench, process = ends(name)
    _, said = process.communicate(timeout=300)
    case = CASES[name]
    assert process.returncode == case["code"], said
    scripts = list(bench.folder.glob("exp/log/dump/*.sh"))
    job = min(path.name.split(".")[1] for path in scripts) if scripts else ""
    assert re.search(case.get("said", "").replace("ID", job), said, re.S), said
    assert "Traceback" not in said

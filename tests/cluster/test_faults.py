"""Nodes that die or are drained, tasks that are cancelled, while an array dumps: what is said, what a rerun gives."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from fangyan.features import dump

SHARDS = ("--shards", "3")


def test_a_controller_that_is_away_is_waited_for(bench, slurm):
    slurm.stop_controller()
    run = bench.start("sh", "-c", "echo fine")
    try:
        assert run.stderr.readline() == "Slurm does not answer: asking again in 5 s\n"
    finally:
        slurm.start_controller()
    _, err = run.communicate(timeout=180)
    assert run.returncode == 0 and len(list(bench.folder.glob("exp/log/dump/*.sh"))) == 1, err


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def held(sung) -> tuple[str, ...]:
    """A command that dumps features as soon as there is a file ``go``."""
    words = ("dump", "--encoder", "fbank", "--data", str(sung["test"]), "--out", "feats")
    verb = shlex.join([sys.executable, "-m", "fangyan", *words])
    return "sh", "-c", f'echo begun; until [ -e go ]; do sleep 0.1; done; exec {verb} "$@"', "sh"


@pytest.fixture
def alone(sung, tmp_path, monkeypatch) -> dict[str, bytes]:
    """What one process dumps."""
    monkeypatch.chdir(tmp_path)
    dump.dump("fbank", [sung["test"]], Path("feats"))
    found = content(Path("feats/test"))
    Path("feats/test").rename("alone")
    return found


def began(bench, slurm, process) -> tuple[str, str]:
    """The id of the array, once a task runs, and the node of one of its tasks."""
    job = bench.job(process)
    return job, slurm.command(
        "squeue", "--noheader", f"--job={job}", "--states=running", "--format=%N"
    ).split()[0]


@pytest.mark.parametrize("fault", ["slurmd killed", "task cancelled", "node drained"])
def test_an_array_that_a_fault_hit_is_gone_on_with(bench, slurm, held, alone, fault):
    with (bench.folder / "slurm.yaml").open("a") as own:
        own.write("cpu: {memory: 2G}\n")
    process = bench.start(*held, options=SHARDS)
    job, node = began(bench, slurm, process)
    if fault == "slurmd killed":
        slurm.kill_node(node)
        said = rf"job {job}_\d .*ended as NODE_FAIL: the node {node} failed: leave it out with .*; run again"
    elif fault == "task cancelled":
        slurm.command("scancel", f"{job}_2")
        said = rf"job {job}_2 .*ended as CANCELLED: it was cancelled, not by this run; run again"
    else:
        slurm.command("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
        said = ""
    if fault != "slurmd killed":
        (bench.folder / "go").touch()
    _, err = process.communicate(timeout=180)
    assert re.search(said, err) and "Traceback" not in err, err
    assert bool(process.returncode) == bool(said), err
    if fault == "slurmd killed":
        slurm.start_node(node)
    if fault == "node drained":
        assert slurm.state(node) in ("drained", "draining")
        slurm.command("scontrol", "update", f"NodeName={node}", "State=RESUME")
    (bench.folder / "go").touch()
    again = bench.run(*held, options=SHARDS)
    assert again.code == 0, again.err
    assert content(bench.folder / "feats/test") == alone
    assert [path.name for path in (bench.folder / "feats").iterdir()] == ["test"]

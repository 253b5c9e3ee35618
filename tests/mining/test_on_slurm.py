"""Mining as an array of jobs on a real Slurm: as one process does it, also where a task was lost."""

import os
import subprocess
import sys

import numpy as np
from mined import files

from fangyan.files import ROOT
from fangyan.mining import Rule, Sides, mine

SMALL = "all: {memory: 900M, cpus: 1, gpus: 0}\n"


def test_an_array_of_tasks_gives_what_one_process_gives_and_a_lost_task_is_done_again(
    slurm, tmp_path, new_index
):
    chance = np.random.default_rng(1)
    for side in ("left", "right"):
        frames = {f"{side}{n:04}": chance.normal(0.5, 1, (3, 8)).astype(np.float32) for n in range(1100)}
        new_index(tmp_path / side, frames)
    mine(Sides(tmp_path / "left", tmp_path / "right"), Rule(mutual=True), tmp_path / "whole")
    (tmp_path / "slurm.yaml").write_text(SMALL)
    environment = {"FANGYAN_SLURM": f"{tmp_path / 'slurm.yaml'}", "PYTHONPATH": f"{ROOT / 'local'}"}
    fangyan = [sys.executable, "-m", "fangyan"]
    submit = [*fangyan, "submit", "--kind", "cpu", "--stage", "mine", "--exp", "exp", "--shards", "2", "--"]
    work = ["mine", "--source", "left", "--target", "right", "--mutual", "--out", "exp/mined"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*submit, *fangyan, *work],
            cwd=tmp_path,
            env=os.environ | slurm.environment | environment,
            capture_output=True,
            text=True,
        )

    lost = tmp_path / "exp/.mined.shards/2_of_2"
    lost.parent.mkdir(parents=True)
    lost.write_text("in the way of the second task")
    first = run()
    assert first.returncode == 2 and not (tmp_path / "exp/mined").exists(), first.stderr
    lost.unlink()
    again = run()
    assert again.returncode == 0, again.stderr
    assert files(tmp_path / "exp/mined") | {"mining.json": b""} == files(tmp_path / "whole") | {
        "mining.json": b""
    }

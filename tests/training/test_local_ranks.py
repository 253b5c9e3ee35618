"""Processes of one machine that are started together; none of them imports anything heavy."""

import os
import signal
import subprocess
import sys
import time

import pytest

from fangyan.errors import UserError
from fangyan.files import ROOT
from fangyan.training.local_ranks import launch_ranks, missing_ranks


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import os, signal, sys, time; rank = int(os.environ['RANK']); {code}"]


def test_every_rank_is_told_its_place(tmp_path):
    names = "RANK LOCAL_RANK WORLD_SIZE GROUP_WORLD_SIZE MASTER_ADDR".split()
    code = f"open(f'{tmp_path}/{{rank}}', 'w').write(' '.join(os.environ[name] for name in {names}))"
    assert launch_ranks(python(code), 2) == 0
    assert [(tmp_path / name).read_text() for name in "01"] == ["0 0 2 1 127.0.0.1", "1 1 2 1 127.0.0.1"]


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(75)", 75), ("os.kill(os.getpid(), signal.SIGKILL)", 128 + 9)]
)
def test_the_first_bad_end_is_the_end_of_all(end, code):
    assert launch_ranks(python(f"{end} if rank == 1 else time.sleep(600)"), 3) == code


def test_a_request_to_stop_reaches_every_rank(tmp_path):
    wait = f"open(f'{tmp_path}/{{rank}}', 'w'); time.sleep(600)"
    wait = f"signal.signal(signal.SIGUSR1, lambda *_: sys.exit(rank)); {wait}"
    code = "import sys; from fangyan.training.local_ranks import launch_ranks"
    starter = f"{code}; sys.exit(launch_ranks({python(wait)!r}, 2))"
    started = subprocess.Popen(
        [sys.executable, "-c", starter], env=os.environ | {"PYTHONPATH": str(ROOT / "local")}
    )
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    started.send_signal(signal.SIGUSR1)
    assert started.wait() == 1


def test_ranks_do_not_outlive_who_started_them(tmp_path):
    wait = f"open(f'{tmp_path}/{{os.getpid()}}', 'w'); time.sleep(600)"
    starter = f"from fangyan.training.local_ranks import launch_ranks; launch_ranks({python(wait)!r}, 2)"
    started = subprocess.Popen(
        [sys.executable, "-c", starter], env=os.environ | {"PYTHONPATH": str(ROOT / "local")}
    )
    while len(pids := [int(path.name) for path in tmp_path.iterdir()]) < 2:
        time.sleep(0.01)
    started.kill()
    started.wait()
    while any(alive(pid) for pid in pids):
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def test_ranks_are_started_here_for_several_gpus_unless_a_launcher_has(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert missing_ranks(2, 1, {}) == 2
    assert missing_ranks(None, 1, {}) == missing_ranks(0, 1, {}) == missing_ranks(1, 1, {}) == 0
    assert missing_ranks(2, 2, {}) == 0
    torchrun = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "GROUP_WORLD_SIZE": "1"}
    assert missing_ranks(2, 1, torchrun) == 0
    with pytest.raises(UserError, match="--ngpu 3: 2 GPUs are visible here"):
        missing_ranks(3, 1, {})

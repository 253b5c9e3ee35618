"""A folder in which jobs are submitted, on the real Slurm or with recording fakes of its commands."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fangyan.files import ROOT

SMALL = "all: {memory: 200M, cpus: 1, gpus: 0}\n"
"""Jobs that fit on the cluster of the tests side by side."""


def hear_signals() -> None:
    """Signals arrive, also where the tests run in the background or under nohup and hand on that they are ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Bench:
    """Launches commands as jobs of the experiment ``exp`` in its folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "slurm.yaml").write_text(SMALL)

    @property
    def env(self) -> dict[str, str]:
        own = {"FANGYAN_SLURM": str(self.folder / "slurm.yaml"), "PYTHONPATH": str(ROOT / "local")}
        outer = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "SBATCH_"))}
        return outer | self.environment | own

    def command(self, *words: str, options: tuple[str, ...] = (), stage: str = "dump") -> list[str]:
        """The command that submits the command ``words``."""
        submit = [
            sys.executable,
            "-m",
            "fangyan",
            "submit",
            "--kind",
            "cpu",
            "--stage",
            stage,
            "--exp",
            "exp",
        ]
        return [*submit, *options, "--", *words]

    def start(self, *words: str, **how) -> subprocess.Popen:
        """A submission of the command ``words``, as a process; its stdout and stderr can be read."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = self.command(*words, **how)
        return subprocess.Popen(command, cwd=self.folder, env=self.env, preexec_fn=hear_signals, **pipes)

    def job(self, process: subprocess.Popen) -> str:
        """The id of the job that was submitted, once its command has written to its log."""
        for _ in range(3000):
            for log in self.folder.glob("exp/log/dump/*.log"):
                if log.read_text():
                    return log.name.split(".")[1].partition("_")[0]
            if process.poll() is not None:
                break
            time.sleep(0.1)
        process.kill()
        raise RuntimeError(f"no job began: {process.communicate()}")

    def run(self, *words: str, **how) -> "Said":
        """How a submission ended."""
        process = self.start(*words, **how)
        out, err = process.communicate()
        return Said(process.returncode, out, err)

    def status(self, *stages: str) -> str:
        """What the verb status says of the experiment."""
        words = [sys.executable, "-m", "fangyan", "status", "--exp", "exp", *stages]
        return subprocess.run(words, cwd=self.folder, env=self.env, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Said:
    """What a process left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The user's own file of classes, empty."""
    path = tmp_path / "mine.yaml"
    path.write_text("")
    monkeypatch.setenv("FANGYAN_SLURM", str(path))
    return path


@pytest.fixture
def bench(slurm, tmp_path) -> Bench:
    """A bench of its own, on the real Slurm."""
    return Bench(tmp_path, slurm.environment)


@pytest.fixture(scope="session")
def new_bench(slurm, tmp_path_factory) -> Callable[[], Bench]:
    """More of them."""
    return lambda: Bench(tmp_path_factory.mktemp("bench"), slurm.environment)

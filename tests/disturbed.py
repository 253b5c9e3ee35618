"""The stages of an experiment as processes that are told when to die, or on a full disk: do the results suffer?

The processes are forked from a server that has imported the heavy libraries once. What they do to the files below their
working folder is counted: opening one to write, making, renaming and removing. So one can be killed before the n-th
such step, and these are all the moments that a half-written result could come from.
"""

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from ctypes import CDLL, c_uint32
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from fangyan.files import fingerprint

HEAVY = ["espnet2.bin.asr_inference", "espnet2.tasks.asr", "matplotlib.pyplot", "panphon", "scipy.signal"]
CAPABILITY_VERSION = 0x20080522
STEPS = ("os.rename", "os.mkdir", "os.remove", "os.truncate", "os.rmdir")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

EXP = "exp/micro"
JOB = "--config conf/micro.yaml --train data/train --dev data/dev --tokens data/tokens --target text_cmn --seed 1"
STAGES = {
    "data": "data --corpus kaldi --corpus_dir corpus --out data",
    "tokens": "tokens --data data/train --target text_cmn --out data/tokens",
    "stats": f"stats {JOB} --exp {EXP}",
    "train": f"train {JOB} --exp {EXP}",
    "decode": f"decode --exp {EXP} --data data/test --config conf/quick.yaml --out {EXP}/decode",
    "score": f"score --decode {EXP}/decode/test --data data/test --target text_cmn",
    "dump": f"dump --encoder espnet:{EXP} --data data/dev --data data/test --out {EXP}/feats",
    "retrieve": f"retrieve --feats {EXP}/feats --data data/dev --data data/test --out {EXP}/retrieval",
    "intervals": f"intervals --retrieval {EXP}/retrieval --set test --out {EXP}/intervals",
    "control": f"control --feats {EXP}/feats --data data/test --out {EXP}/control",
    "measure": f"measure --exp {EXP} --data data/dev --data data/test",
    "explain": f"explain --encoder espnet:{EXP} --feats {EXP}/feats --data data/test --count 1 --out {EXP}/explain",
    "report": f"report --exp {EXP} --dev dev --test test --data data --command ./run.sh",
    "pack": f"pack --exp {EXP}",
}
TELLS_THE_TIME = ("history.tsv", "checkpoint.pth", "checkpoint.previous.pth")

server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(HEAVY)


class Ended(NamedTuple):
    """How a verb ended: its exit code (minus the signal that killed it), what it said, its steps."""

    code: int
    said: str
    steps: int


def run(stage: str, cwd: Path, dies_at: int = 0, obedient: bool = False) -> Ended:
    """What became of a stage in the folder ``cwd``: killed before step ``dies_at`` (0: never).

    ``obedient``: permissions of files hold, even for root.
    """
    steps = server.Value("i", 0)
    with TemporaryDirectory() as elsewhere:  # than on a disk that may be full
        said = Path(elsewhere) / "said"
        said.touch()
        process = server.Process(
            target=_work, args=(STAGES[stage].split(), cwd, said, steps, dies_at, obedient)
        )
        process.start()
        process.join()
        return Ended(process.exitcode, said.read_text(), steps.value)


def _work(words: Sequence[str], cwd: Path, said: Path, steps, dies_at: int, obedient: bool) -> None:
    stream = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.chdir(cwd)
    multiprocessing.set_start_method("fork", force=True)  # for the workers that ESPnet reads data with
    if obedient:
        header, no_capability = (c_uint32 * 2)(CAPABILITY_VERSION, 0), (c_uint32 * 6)()
        CDLL(None).capset(header, no_capability)

    def count(event: str, args: tuple) -> None:
        if not (event in STEPS or (event == "open" and (args[2] or 0) & WRITING)):
            return
        if isinstance(args[0], int) or not os.path.abspath(os.fsdecode(args[0])).startswith(f"{cwd}{os.sep}"):
            return
        steps.value += 1
        if steps.value == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    sys.argv = ["fangyan", *words]
    from fangyan.__main__ import main

    main()


def results(home: Path) -> dict[str, str]:
    """Fingerprints of what must not depend on disturbances: data, features, hypotheses, tables, models."""
    kept = [path for path in home.rglob("*") if path.is_file() and path.name not in TELLS_THE_TIME]
    return {
        str(path.relative_to(home)): fingerprint(path)
        for path in kept
        if path.suffix in (".ark", ".npz", ".pth", ".scp", ".tsv", ".txt", ".wav", "")
    }


@dataclass(frozen=True)
class Calm:
    """What the stages left that nothing disturbed: the folder, the files there before each stage, its steps."""

    home: Path
    before: dict[str, set[Path]]  # the last one: ``end``
    steps: dict[str, int]

    def until(self, stage: str, home: Path) -> Path:
        """``home``, a copy of what was there before the stage."""
        for path in self.before[stage]:
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.home / path, home / path)
        return home

    def after(self, stage: str) -> set[Path]:
        """The files there after the stage."""
        stages = list(self.before)
        return self.before[stages[stages.index(stage) + 1]]

    def results(self, stage: str) -> dict[str, str]:
        """The `results` there after the stage."""
        there = self.after(stage)
        return {name: value for name, value in results(self.home).items() if Path(name) in there}

    def size(self, files: set[Path]) -> int:
        """The bytes of files in whole blocks of 4 KiB."""
        return sum(-(-(self.home / path).stat().st_size // 4096) * 4096 for path in files)


def files(home: Path) -> set[Path]:
    """The files below a folder, relative to it."""
    return {path.relative_to(home) for path in home.rglob("*") if path.is_file()}

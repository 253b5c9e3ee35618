"""Experiment folders: what makes a folder one, which there are, and why a stage of one failed."""

import os
from pathlib import Path

from fangyan.errors import UserError, known_names

STAGE = ".stage"
"""The stage that runs in an experiment, or failed: a line with its name, then the reason (``utils/stages.sh``)."""
MARKS = (
    "times.tsv",
    STAGE,
    "log/*/*.sh",
    "*.pth",
    "llm",
    "feats",
    "retrieval",
    "RESULTS.md",
    "model.zip",
    "packed",
)
"""What a stage leaves in the folder of its experiment (patterns); where none has begun there is none of it."""
RECORD = "FANGYAN_STAGE"
"""The variable of the environment that names the file `STAGE` of the run that has started this process."""


def names(folder: Path) -> list[str]:
    """The experiments in a folder, in code point order."""
    return sorted(path.name for path in folder.glob("*") if begun(path))


def begun(exp: Path) -> bool:
    """Whether some stage of run.sh has left something in a folder."""
    return any(any(exp.glob(mark)) for mark in MARKS)


def check_there(exp: Path) -> None:
    """`UserError` with the names of those that are there, for an experiment whose folder is not."""
    if not exp.is_dir():
        raise UserError(f"{exp}: no such experiment: {describe(exp.parent, exp.name)}")


def describe(folder: Path, name: str = "") -> str:
    """The end of a sentence on an experiment ``name`` that is not in ``folder``, as `known_names` has it."""
    return known_names(name, names(folder))


def note_failure(message: str) -> None:
    """Writes the first line of ``message`` to the record of the stage that runs, if this process is part of one."""
    record = Path(os.environ.get(RECORD, ""))
    if record.is_file():
        with record.open("a", encoding="utf-8") as stream:
            stream.write(message.partition("\n")[0] + "\n")


def failed_stage(exp: Path) -> tuple[str, str]:
    """The stage of an experiment that did not end well, or has not ended, and the reason; empty where none is known."""
    record = exp / STAGE
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    name, *reasons = lines or [""]
    return name.strip(), reasons[-1] if reasons else ""

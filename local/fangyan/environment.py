"""What a figure depends on: the machine, the versions and the code; and what is typed to add to them."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import quote

import fangyan
from fangyan.errors import DataError
from fangyan.files import ROOT, fingerprint, read_json, write_json
from fangyan.tables import Total

PACKAGES = ("espnet", "torch", "torchaudio", "numpy", "kaldiio", "jiwer", "espeakng-loader", "fangyan")

DAY = ".day.json"
"""Beside a table of results: on which day it was made."""
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class StageTime:
    """A row of ``times.tsv``, as ``utils/stages.sh`` writes it: a run of a stage."""

    stage: str
    seconds: Total


def machine() -> dict[str, str | int | float]:
    """The processor, the cores that this process may use, memory in GiB, and the GPU (or "none")."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {"cpu": cpu(), "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory, 1), "gpu": gpu}


def threads() -> int:
    """The threads that one computation takes: rounding depends on them."""
    import torch

    return torch.get_num_threads()


def here() -> dict[str, dict | int]:
    """All of it: machine, versions, code and threads, as a training records them."""
    return {"machine": machine(), "versions": versions(), "code": code(), "threads": threads()}


def record_day(table: Path) -> None:
    """Writes beside a table of results on which day it was made, unless that stands there of the same content.

    A time of the file itself would be another after copying or cloning.
    """
    kept, content = table.with_name(DAY), fingerprint(table)
    if not kept.exists() or read_json(kept).get("content") != content:
        write_json(kept, {"day": f"{date.today()}", "content": content})


def day_of(table: Path) -> str:
    """The day, as 2026-11-28, that was recorded of a table of results; of an older one that of its file."""
    kept = table.with_name(DAY)
    if not kept.exists():
        return f"{date.fromtimestamp(table.stat().st_mtime)}"
    day = read_json(kept).get("day")
    if not isinstance(day, str) or not DATE.fullmatch(day):
        raise DataError(f"{kept}: day is a date like 2026-11-28, got {day!r}: remove this file")
    return day


def versions() -> dict[str, str]:
    """The version of Python and of each package that makes a difference."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code() -> dict[str, str | bool]:
    """The commit of the repository, and whether files that it tracks differ from it; nothing where git knows none."""

    def git(*command: str) -> str:
        line = ["git", "-C", str(ROOT), *command]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != ROOT:  # installed into somebody else's
            return {}
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def summary() -> str:
    """The version, the commit if this is a clone, and the versions that matter most, in a line."""
    known, commit = versions(), code()
    said = [f"fangyan {fangyan.__version__}"]
    if commit:
        said.append(f"commit {str(commit['commit'])[:7]}{' with changes' if commit['dirty'] else ''}")
    names = {"espnet": "ESPnet", "torch": "PyTorch", "python": "Python"}
    return ", ".join([*said, *(f"{title} {known.get(name, 'missing')}" for name, title in names.items())])


def typed(program: str) -> str:
    """What to type for a program of this environment: its name where it is active, else its path."""
    active = sys.prefix in (os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX"))
    return program if active else quote(str(Path(sys.executable).with_name(program)))


def install(package: str) -> str:
    """What to type to install a package here."""
    return f"{typed(Path(sys.executable).name)} -m pip install {package}"


def install_extra(extra: str) -> str:
    """What to type to install what an extra of pyproject.toml names, at the versions of constraints.txt."""
    return install(f"-c {quote(str(ROOT / 'constraints.txt'))} -e {quote(f'{ROOT}[{extra}]')}")


def changed(path: Path) -> bool | None:
    """Whether a file of the repository is other than the one that git tracks, or not tracked; None where git is not."""
    line = ["git", "-C", str(ROOT), "status", "--porcelain", "--ignored", "--", str(path)]
    try:
        return bool(subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip())
    except (OSError, subprocess.CalledProcessError):
        return None


def cpu() -> str:
    """The name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

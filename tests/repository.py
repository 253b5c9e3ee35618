"""The repository, and copies of it in another place: as a fresh clone has it, without what recipes made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from fangyan.config import compose

ROOT = Path(__file__).resolve().parents[1]
MADE = {"data", "exp", "downloads"}
"""Folders in a recipe's that git does not track."""


def presets(*patterns: str) -> list[Path]:
    """The training configurations of these places that ESPnet reads: others are those of the dual encoder."""
    found = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    return [path for path in found if compose(path).get("task") != "dual"]


def copy_folders(target: Path, folders: Iterable[str] = ("conf", "egs2", "local", "utils")) -> Path:
    """Copies these folders of the repository to ``target``, and returns that."""
    for folder in folders:
        shutil.copytree(ROOT / folder, target / folder, ignore=_untracked)
    return target


def run_recipe(recipe: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What ``run.sh`` of a recipe's folder does with these options, in the environment that tests run in."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more
    environment |= {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{environment['PATH']}"}
    return subprocess.run([recipe / "run.sh", *options], env=environment, capture_output=True, text=True)


def _untracked(folder: str, names: list[str]) -> set[str]:
    made = MADE if Path(folder).name in ("emb1", "dual1", "pre1") else set()
    return {name for name in names if name in made | {"__pycache__"} or name.endswith(".egg-info")}

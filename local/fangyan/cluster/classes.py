"""Classes of jobs, and what each asks of Slurm: ``conf/slurm.yaml`` under the user's own file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from fangyan.config import check_keys, compose, merge
from fangyan.errors import DataError
from fangyan.files import ROOT

SHIPPED = ROOT / "conf" / "slurm.yaml"
KINDS = {str: "text", int: "a whole number", list: "a list of texts"}


@dataclass(frozen=True)
class JobClass:
    """What a class of jobs asks of Slurm: the keys of ``conf/slurm.yaml``, explained there."""

    name: str
    partition: str
    account: str
    qos: str
    time: str
    memory: str
    cpus: int
    gpus: int
    gres: str
    constraint: str
    at_once: int
    requeue: int
    sbatch: list[str]
    setup: list[str]
    container: list[str]


def own_file() -> Path:
    """The user's own file: ``$FANGYAN_SLURM``, or else ``fangyan/slurm.yaml`` in the folder of configurations."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(os.environ.get("FANGYAN_SLURM") or Path(home) / "fangyan" / "slurm.yaml")


def job_class(name: str) -> JobClass:
    """The class ``name`` with all its settings; `DataError` that names the file, the key and what it may be."""
    shipped = compose(SHIPPED)
    own = _own(shipped)
    layers = (shipped["all"], shipped[name], own.get("all") or {}, own.get(name) or {})
    settings = reduce(merge, layers)
    return JobClass(
        name, **{key: _fitting(name, key, settings[key], like) for key, like in shipped["all"].items()}
    )


def _own(shipped: Mapping[str, Any]) -> dict[str, Any]:
    path = own_file()
    if not path.exists() and not os.environ.get("FANGYAN_SLURM"):
        return {}
    own = compose(path)
    check_keys(own, dict.fromkeys(shipped, shipped["all"]), str(path))
    for name, settings in own.items():
        if not isinstance(settings or {}, Mapping):
            raise DataError(f"{path}: {name} is a mapping of settings, got {settings!r}")
    return own


def _fitting(name: str, key: str, value: object, like: object) -> Any:
    kind, where = type(like), f"{own_file()}: {name}: {key}"
    if value is None:
        return kind()
    if key == "time" and isinstance(value, int):
        raise DataError(
            f'{where} is text in quotes, "12:00:00", got the number {value}, as YAML reads it without'
        )
    if kind is str and type(value) is int:
        return str(value)
    texts = all(isinstance(item, str) for item in value) if isinstance(value, list) else True
    if type(value) is not kind or not texts or (kind is int and value < 0):
        raise DataError(f"{where} is {KINDS[kind]}, got {value!r}")
    return value

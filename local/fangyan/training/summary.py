"""What an experiment folder records of its training, ``train.json``: written by `training.training`, read by all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fangyan.data.sources import Origin
from fangyan.data.text import NormalForm
from fangyan.errors import DataError, UserError
from fangyan.files import read_json
from fangyan.training.run import TARGETS

NAME = "train.json"
UNITS = "units"
"""Of a model that reads units: the fingerprint of those that it was trained on, empty where nothing told it."""
WORDS, NUMBERS = ("task", "train_set", "dev_set", "init", "text_form", UNITS), ("parameters", "seconds")


def read(folder: Path) -> dict[str, Any]:
    """What ``folder/train.json`` says, nothing where there is none; `DataError` for what no training wrote there."""
    path = folder / NAME
    if not path.exists():
        return {}
    found = read_json(path)
    for keys, kind, rule in ((WORDS, str, "text"), (NUMBERS, int | float, "a number")):
        for key in keys:
            if key in found and not isinstance(found[key], kind):
                raise DataError(f"{path}: {key} is {rule}, got {found[key]!r}")
    if (target := found.get("target", TARGETS[0])) not in TARGETS:
        raise DataError(f"{path}: target is one of {', '.join(TARGETS)}, got {target!r}")
    try:
        form(found)
        origins(found)
    except UserError as error:
        raise DataError(f"{path}: {error}") from None
    return found


def form(found: Mapping[str, Any]) -> NormalForm:
    """The normal form that a model was trained to write, the default one where that is not known."""
    return NormalForm.parse(found.get("text_form", ""))


def origins(found: Mapping[str, Any]) -> list[Origin]:
    """What each corpus gave to the training, as far as that is known."""
    try:
        return [Origin(**row) for row in found.get("data", {}).get("train", {}).get("origins", ())]
    except (TypeError, AttributeError):
        raise DataError("data: train: origins is a list of what `fangyan.data.sources` counts") from None

"""An encoder that is to be handed on: what it loads, copied to its place, without pickle and paths of this machine."""

import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from fangyan import config, encoders
from fangyan.encoders import bare, llm_files
from fangyan.encoders.espnet_model import write_bare
from fangyan.encoders.families import LLM_SETTINGS
from fangyan.encoders.unit_model import HERE, UnitModel
from fangyan.files import read_json, write_json, write_text

ENCODER = "encoder"
"""The folder of the encoder of units, in that of the units."""
RECORD = "train.json"


def carry(spec: str, place: Path, layer: str = "") -> Path | None:
    """Where what the encoder loads has been copied to: ``place``, or a file beside it of that stem.

    None for one that loads nothing, or is of the Hub. Of an experiment of ESPnet that is its encoder alone; a language
    model that reads units takes the encoder of these along. ``layer``: the one to compare utterances at.
    """
    name, _, argument = spec.partition(":")
    home = Path(argument)
    if not argument or not home.exists():
        return None
    if home.is_file():
        place = place.with_name(f"{place.name}{home.suffix}")
        copy(home, place)
        return place
    if name == "llm":
        _carry_language_model(argument, place, layer)
    elif name in ("espnet", "random") and not bare.is_bare(home):
        place.mkdir(parents=True)
        write_bare(home, {"layer": layer}, place)
    else:
        for path in encoders.files(spec):
            copy(path, place / path.relative_to(home))
    copy_record(home, place)
    return place


def copy_record(exp: Path, place: Path) -> None:
    """Copies ``train.json`` into ``place``, if there is one; of a path that training began from its last part."""
    if not (exp / RECORD).exists():
        return
    record = read_json(exp / RECORD)
    began = record.get("init", "")
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / RECORD, record | ({"init": portable_name(began)} if began else {}))


def portable_name(spec: str) -> str:
    """A SPEC, a path or an id as others may know it: of a path that is here its last part."""
    family, colon, argument = spec.rpartition(":")
    return f"{family}{colon}{Path(argument).name}" if Path(argument).exists() else spec


def copy(source: Path, target: Path) -> None:
    """Copies a file, into folders that are made where they are missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _carry_language_model(argument: str, place: Path, layer: str) -> None:
    folder = llm_files.locate(argument)
    units = llm_files.units(folder)
    for path in llm_files.own_files(folder):
        copy(path, place / path.relative_to(folder))
    if layer:
        told = config.load(folder / LLM_SETTINGS) | {"layer": layer}
        write_text(place / LLM_SETTINGS, yaml.safe_dump(told, allow_unicode=True, sort_keys=False))
    carry_units(units, place / llm_files.UNITS)


def carry_units(units: UnitModel, home: Path) -> None:
    """Writes a model of units with their encoder, if that lies here, into the folder ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    carried = carry(units.encoder, home / ENCODER, units.layer)
    if carried:
        units = replace(units, encoder=f"{units.encoder.partition(':')[0]}:{HERE}{carried.name}")
    units.save(home)

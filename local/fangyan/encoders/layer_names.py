"""The names of an encoder's layers before it is loaded: as its settings tell them, or else without its weights."""

import zipfile
from pathlib import Path
from typing import Any

from fangyan.encoders import bare, family, finder, hub, read_spec
from fangyan.encoders.choice import JOINT
from fangyan.encoders.espnet_files import configuration, parse_yaml, read_yaml
from fangyan.encoders.families import FAMILIES
from fangyan.errors import UserError
from fangyan.files import read_json

BLOCKS = {"espnet": ("num_blocks",), "random": ("num_blocks",), "hf": ("encoder_layers", "num_hidden_layers")}
"""What the number of blocks is called in the settings of an encoder."""


def known_layers(spec: str) -> tuple[str, ...]:
    """The names of the layers that an encoder can have; none where only its weights can tell.

    Of a model on the Hub no more than its settings is downloaded.
    """
    if names := layers_in_settings(spec):
        return names
    from fangyan.encoders.facts import facts

    try:
        if not hasattr(family(read_spec(spec)[0])[0], "facts"):  # it would be loaded for them
            return ()
        return tuple(facts(spec).layers)
    except UserError:  # it is loaded next, and that tells what is wrong with it
        return ()


def layers_in_settings(spec: str) -> tuple[str, ...]:
    """The same by nothing but the settings that are here: nobody is asked, and nothing heavy is imported."""
    name, _, argument = spec.partition(":")
    if name in FAMILIES and not FAMILIES[name].finder:
        return (name,)
    if hasattr(finder(name), "layers_at_hand"):
        return finder(name).layers_at_hand(argument)
    place = hub.at_hand(argument, "config.json") if name in BLOCKS and argument else None
    return numbered(_settings(place, name), name) if place else ()


def numbered(settings: Any, family: str = "espnet") -> tuple[str, ...]:
    """layer00 ... and norm for the number of blocks in the settings of a model; none where they have no number.

    A model that was trained towards an encoder of text has ``joint`` besides.
    """
    settings = settings if isinstance(settings, dict) else {}
    of_encoder = settings if family == "hf" else settings.get("encoder_conf")
    found = [of_encoder.get(name) for name in BLOCKS[family]] if isinstance(of_encoder, dict) else []
    count = next((number for number in found if type(number) is int), None)
    joint = (JOINT,) if family != "hf" and settings.get("teacher") else ()
    return () if count is None else (*(f"layer{n:02d}" for n in range(count + 1)), "norm", *joint)


def _settings(model: Path, family: str) -> Any:
    """What a model says of itself; nothing where it does not say it as usual."""
    if family == "hf":
        path = model / "config.json"
        found = read_json(path) if path.is_file() else {}
        return found if not any(key.endswith("_config") for key in found) else None  # an encoder among others
    if model.suffix == ".zip":
        return _packed(model)
    if bare.is_bare(model):
        return bare.read_settings(model)
    path = configuration(model)
    return read_yaml(path) if path.is_file() else None


def _packed(archive: Path) -> dict[str, Any]:
    """The configuration in a packed model."""
    if not zipfile.is_zipfile(archive):
        return {}
    with zipfile.ZipFile(archive) as file:
        name = next((name for name in file.namelist() if name.endswith("/config.yaml")), "")
        return parse_yaml(file.read(name).decode(errors="replace"), archive / name) if name else {}

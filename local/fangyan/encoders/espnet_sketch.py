"""ESPnet models before their checkpoint is fetched or read: their encoder without numbers, and the files it lies in."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from fangyan.encoders import bare, espnet_patches, hub
from fangyan.encoders.choice import Choice, choice_of_experiment
from fangyan.encoders.espnet_build import build, name_of, task_of
from fangyan.encoders.espnet_files import (
    CHECKPOINTS,
    checkpoint_patterns,
    find_statistics,
    name_files,
    read_settings,
    without_configuration,
)
from fangyan.encoders.espnet_kinds import HEARD
from fangyan.encoders.espnet_model import BESIDE, without_decoder
from fangyan.encoders.facts import licence
from fangyan.files import unpack

PARTS = tuple(part for part in bare.PARTS if part != "ctc.")
"""The parts of a model of recognition that features come from, as its weights are named."""


class Sketch(NamedTuple):
    """A model on torch's meta device, the parameters of what features come from, and what lies beside its weights."""

    model: Any
    encoder: str
    parameters: int
    choice: Choice
    licence: str
    files: hub.Listing


def sketch(argument: str) -> Sketch:
    """The model of an experiment, a packed or a plain model or a Hub id, of which nothing but settings is read."""
    with _settings_of(argument) as (place, files), espnet_patches.types_unchecked():
        home = place.parent if place.is_file() else place
        described = bare.is_described(home)
        config = home / bare.SETTINGS if described else name_files(place)[0]
        if not config.exists():
            raise without_configuration(config)
        settings = bare.read_settings(home) if described else read_settings(place)
        task_of(settings, config)  # imports ESPnet: what that makes for itself must not be on meta
        heard = HEARD.get(name_of(settings, config))
        if heard:
            settings = without_decoder(settings, heard)
        model = _on_meta(settings | {"normalize": None, "normalize_conf": {}, "init": None}, config)
        parts = heard.parts if heard else PARTS
        count = sum(weight.numel() for key, weight in model.named_parameters() if key.startswith(parts))
        choice = bare.recommended(home) if described else choice_of_experiment(home)
        return Sketch(model, str(settings.get("encoder")), count, choice, licence(argument, home), files)


def _on_meta(settings: dict, config: Path) -> Any:
    import torch

    with torch.device("meta"):
        return build(settings, config)


@contextmanager
def _settings_of(argument: str) -> Iterator[tuple[Path, hub.Listing]]:
    """Where the settings of a model lie, for the while, and the files that its encoder is read from."""
    place = Path(argument)
    if place.suffix == ".zip":
        with TemporaryDirectory() as folder:
            unpack(place, Path(folder), (*CHECKPOINTS, Path(bare.WEIGHTS).suffix))
            yield Path(folder), hub.Listing({place.name: place.stat().st_size}, (place.name,))
    elif place.parent.is_dir():
        yield place, _here(place)
    else:
        folder = hub.locate(argument, (*BESIDE, bare.SETTINGS))
        yield folder, _there(hub.list_files(argument, folder), folder)


def _here(place: Path) -> hub.Listing:
    """The files of a model that lies here, as far as they are there."""
    home = place.parent if place.is_file() else place
    if bare.is_described(home):
        files, weights = [home / name for name in bare.FILES], [home / bare.WEIGHTS]
    else:
        config, checkpoint = name_files(place)
        files, weights = [config, checkpoint, *list(find_statistics(home))[:1]], [checkpoint]
    sizes = {path.relative_to(home).as_posix(): path.stat().st_size for path in files if path.exists()}
    return hub.Listing(sizes).of(sizes, [path.relative_to(home).as_posix() for path in weights])


def _there(known: hub.Listing, folder: Path) -> hub.Listing:
    """The files of a model of the Hub that are fetched: its encoder alone, or what its checkpoint needs."""
    if all(name in known.sizes for name in bare.FILES):
        return known.of([bare.SETTINGS], [bare.WEIGHTS])
    patterns = checkpoint_patterns(folder)
    weights = [name for name in known.sizes if any(fnmatch(name, pattern) for pattern in patterns)]
    settings = [name for name in known.sizes if any(fnmatch(name, pattern) for pattern in BESIDE)]
    return known.of(settings, weights)

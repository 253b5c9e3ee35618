"""Where the files of an ESPnet model are: of an experiment, a packed model, or a checkpoint beside its configuration.

A packed model says it in its ``meta.yaml``. Others (Dolphin) are published plain: one checkpoint, ``.pth`` or ``.pt``,
and its YAML in one folder, with ``feats_stats.npz`` where features are normalised by it.
"""

import re
from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import Any

from fangyan import experiments
from fangyan.encoders.espnet_kinds import HEARD, OTHERS, kind_of, refusal
from fangyan.errors import DataError, UserError
from fangyan.files import read_text
from fangyan.registry import ASR

META = "meta.yaml"
CONFIGURATIONS = ("config.yaml", "train.yaml")
CHECKPOINTS = (".pth", ".pt")
STATE = re.compile(r"checkpoint|latest|\d+epoch")
"""The stems of what ESPnet leaves while it trains, which is no model to publish."""
STATISTICS = "feats_stats.npz"


def locate(place: Path) -> tuple[Path, Path, Path | None]:
    """The configuration, checkpoint and feature statistics (if any) of an experiment, an unpacked or a plain model.

    ``place``: its folder, or its checkpoint where there are several in one folder.
    """
    config, checkpoint = name_files(place)
    if checkpoint.exists() and not config.exists():
        raise without_configuration(config)
    for path in (config, checkpoint):
        if not path.exists():
            raise UserError(
                f"{path}: no trained ESPnet model there: run ./run.sh --stage train, or name its folder or zip"
            )
    return config, checkpoint, next(find_statistics(_home(place)), None)


def name_files(place: Path) -> tuple[Path, Path]:
    """The configuration and the checkpoint of a model, as `locate` takes it, which need not be there."""
    home = _home(place)
    if not place.is_file():
        experiments.check_there(place)
    if home == place and (home / META).exists():
        config, checkpoint = _packed(home)
    else:
        config = _configuration(home)
        checkpoint = place if place.suffix in CHECKPOINTS and place.is_file() else _checkpoint(home, config)
    for path in (config, checkpoint):
        # Not resolved: checkpoints are links within the folder. A packed model must not point out of it.
        if not path.absolute().is_relative_to(home.absolute()) or ".." in path.relative_to(home).parts:
            raise DataError(f"{home / META}: files lie within the archive, got {path}")
    return config, checkpoint


def _home(place: Path) -> Path:
    return place.parent if place.is_file() else place


def configuration(place: Path) -> Path:
    """The configuration of the model at ``place`` (as of `locate`), whose checkpoint may be gone by now."""
    packed = place.is_dir() and (place / META).exists()
    return _packed(place)[0] if packed else _configuration(place.parent if place.is_file() else place)


def read_settings(place: Path) -> dict[str, Any]:
    """What ESPnet builds the model at ``place`` from; ``task`` says of which kind it is, unless it is recognition."""
    settings = read_yaml(name_files(place)[0])
    if settings.get("task"):
        return settings
    kind = kind_of(settings, packed_kind(place) or ASR)
    return settings | {"task": kind} if kind in HEARD else settings


def packed_kind(folder: Path) -> str:
    """What a ``meta.yaml`` calls the files of its model, such as ``s2t``; empty for nothing."""
    meta = folder / META
    named = _mapping(read_yaml(meta), "yaml_files", meta) if meta.exists() else {}
    kinds = [
        key.removesuffix("train_config").strip("_") for key in named if str(key).endswith("train_config")
    ]
    return next((kind for kind in kinds if kind != "lm"), "")


def checkpoint_patterns(folder: Path) -> list[str]:
    """What of a model on the Hub is its checkpoint, by what lies beside it in ``folder``; errors before it is fetched.

    `DataError` for a kind that is not read, `UserError` where nothing says of which kind it is.
    """
    if (folder / META).exists():
        return [relpath(_packed(folder)[1], folder)]
    config = _configuration(folder)
    if not config.exists():
        raise without_configuration(config)
    settings = read_yaml(config)
    if not settings.get("task") and (kind := kind_of(settings)) in OTHERS:
        raise refusal(config, kind)
    return [f"*{suffix}" for suffix in CHECKPOINTS]


def read_yaml(path: Path) -> dict:
    """The mapping that a file of YAML holds, of plain values; `DataError` for anything else."""
    return parse_yaml(read_text(path), path)


def parse_yaml(text: str, path: Path) -> dict:
    """The mapping that YAML says, of plain values; `DataError` with ``path``, where it stands, for anything else."""
    import yaml

    try:
        # libyaml's parser, where there is one: token lists have 50,000 lines
        found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date without such a day
        raise DataError(f"{path}: must be YAML of plain values, {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: must be a mapping of names to values, got {str(found)[:80]!r}")
    return found


def without_configuration(config: Path) -> UserError:
    """The error for a model without its configuration."""
    return UserError(
        f"{config}: no such file, nor a {META}: a checkpoint of ESPnet is read by its configuration; put it, and "
        f"{STATISTICS} where it normalises features by that, beside the checkpoint, and name their folder"
    )


def _packed(folder: Path) -> tuple[Path, Path]:
    """The configuration and the checkpoint that ``meta.yaml`` names; `DataError` for a kind that is not read."""
    kind, source = packed_kind(folder), folder / META
    meta = read_yaml(source)
    configs, weights = (_mapping(meta, key, source) for key in ("yaml_files", "files"))
    if kind not in (ASR, *HEARD):
        named = folder / str(configs.get("train_config", ""))
        inside = named.is_file() and ".." not in named.parts and named.is_relative_to(folder)
        raise refusal(source, kind or (kind_of(read_yaml(named), "") if inside else ""))
    keys = f"{kind}_train_config", f"{kind}_model_file"
    try:
        return folder / configs[keys[0]], folder / weights[keys[1]]
    except (KeyError, TypeError):
        raise DataError(
            f"{source}: a model of {kind} has yaml_files: {keys[0]} and files: {keys[1]}, got {weights}"
        ) from None


def _mapping(meta: dict, key: str, source: Path) -> dict:
    found = meta.get(key, {})
    if not isinstance(found, dict):
        raise DataError(f"{source}: {key} is a mapping of names to files, got {found!r}")
    return found


def _configuration(folder: Path) -> Path:
    """The configuration in a folder: of an experiment, or the only YAML there."""
    named = [folder / name for name in CONFIGURATIONS if (folder / name).exists()]
    found = named or sorted(folder.glob("*.yaml"))
    return found[0] if named or len(found) == 1 else folder / CONFIGURATIONS[0]


def _checkpoint(folder: Path, config: Path) -> Path:
    """The averaged checkpoint of an experiment, or else the only one in the folder that is no state of a training."""
    settings = read_yaml(config) if config.exists() else {}
    averaged = folder / f"{_criterion(settings, config)}.ave.pth"
    if averaged.exists() or settings.get("task"):
        return averaged
    found = [path for path in sorted(folder.glob("*")) if path.suffix in CHECKPOINTS]
    found = [path for path in found if not STATE.fullmatch(path.stem)]
    if len(found) > 1:
        raise UserError(
            f"{folder}: {len(found)} checkpoints, of which one is to be named: "
            f"{', '.join(f'espnet:{path}' for path in found)}"
        )
    return found[0] if found else averaged


def _criterion(settings: dict, config: Path) -> str:
    """What the best epochs of an experiment are chosen by, as ESPnet names the file of their average: ``valid.acc``."""
    match settings.get("best_model_criterion", [("valid", "acc", "max")]):
        case [[str(role), str(value), *_], *_]:
            return f"{role}.{value}"
        case other:
            rule = "best_model_criterion is a list of [valid, acc, max] and the like"
            raise DataError(f"{config}: {rule}, got {other!r}")


def find_statistics(home: Path) -> Iterator[Path]:
    """The statistics that features are normalised by: of an experiment or a packed model, or beside a checkpoint."""
    yield from home.rglob(f"train/{STATISTICS}")
    yield from home.glob(STATISTICS)

"""What a packed model holds, and where: the form of the ESPnet model zoo, and the encoder alone beside it.

::

    README.md LICENSE                    the model card, and what its licence follows from
    meta.yaml                            which file is ESPnet's configuration and which its weights
    config.json encoder.safetensors      the encoder alone, with its CTC head, free of pickle
    exp/<tag>/config.yaml *.ave.pth      ESPnet's configuration and the averaged weights
    exp/<tag>/tokens.txt bpe.model stats/train/feats_stats.npz
    exp/<tag>/train.json RESULTS.md images/
"""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import yaml

from fangyan.encoders import bare
from fangyan.encoders.carrying import copy_record
from fangyan.encoders.choice import choice_of_experiment
from fangyan.encoders.espnet_model import locate, read_weights
from fangyan.encoders.text_side import portable
from fangyan.errors import UserError
from fangyan.files import write_text
from fangyan.publish import card, rights
from fangyan.registry import ASR, task_name

AT_HOME = ("_path_and_name_and_type", "_shape_file")
"""How the keys of a configuration end that name files of the training machine."""


def lay_out(exp: Path, folder: Path) -> None:
    """Writes to ``folder`` the files of the packed model of an experiment, all paths in them relative to it."""
    config, checkpoint, statistics = locate(exp)
    home = Path("exp") / exp.resolve().name
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    facts = card.read(exp)
    for file, place in _files(exp, checkpoint, statistics, settings.get("bpemodel")):
        if not file.exists():
            raise UserError(f"{file}: the model in {exp} needs it: pack in the folder of its recipe")
        (folder / home / place).parent.mkdir(parents=True, exist_ok=True)
        (copytree if file.is_dir() else copy)(file, folder / home / place)
    copy_record(exp, folder / home)
    _write_yaml(folder / home / "config.yaml", _portable(settings, home, statistics is not None))
    write_text(folder / home / "tokens.txt", "".join(f"{token}\n" for token in settings["token_list"]))
    _write_yaml(folder / "meta.yaml", _meta(home, checkpoint.name, settings))
    bare.write(
        portable(settings), read_weights(checkpoint), {"layer": choice_of_experiment(exp).layer}, folder
    )
    write_text(folder / "LICENSE", rights.licence_text(facts.corpora))
    write_text(folder / card.NAME, card.write(facts))


def _files(
    exp: Path, checkpoint: Path, statistics: Path | None, pieces: str | None
) -> Iterator[tuple[Path, str]]:
    """What is taken over as it is, and where to below the experiment's own folder."""
    yield checkpoint, checkpoint.name
    if statistics:
        yield statistics, "stats/train/feats_stats.npz"
    if pieces:
        yield Path(pieces), "bpe.model"
    for name in ("RESULTS.md", "images"):
        if (exp / name).exists():
            yield exp / name, name


def _portable(settings: Mapping[str, Any], home: Path, normalised: bool) -> dict[str, Any]:
    """The configuration for any other machine: its files are those of the pack, those of the training data none."""
    own = {"output_dir": str(home), "config": None, "init_param": []}
    own |= {key: [] for key in settings if key.endswith(AT_HOME)}
    if settings.get("bpemodel"):
        own["bpemodel"] = str(home / "bpe.model")
    if normalised and settings.get("normalize") == "global_mvn":
        statistics = {"stats_file": str(home / "stats/train/feats_stats.npz")}
        own["normalize_conf"] = settings.get("normalize_conf", {}) | statistics
    return {**portable(settings), **own}


def _meta(home: Path, checkpoint: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    task = task_name(settings, home)
    return {
        **({"task": task} if task != ASR else {}),
        "files": {"asr_model_file": str(home / checkpoint)},
        "yaml_files": {"asr_train_config": str(home / "config.yaml")},
        "espnet": version("espnet"),
        "torch": version("torch"),
        "python": platform.python_version(),
    }


def _write_yaml(path: Path, value: Mapping[str, Any]) -> None:
    write_text(path, yaml.safe_dump(dict(value), allow_unicode=True, sort_keys=False))

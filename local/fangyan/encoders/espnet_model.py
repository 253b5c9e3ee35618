"""ESPnet ASR models as files: an experiment, a packed model, its encoder alone; and what they describe, built."""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from io import TextIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fangyan.encoders import bare, hub
from fangyan.errors import DataError, UserError
from fangyan.files import read_text, unpack, write_json

PACKED = (bare.FILES, ("*.yaml", "*.pth", "*feats_stats.npz", "*bpe.model"))
"""What is needed of a packed model on the Hub: its encoder alone, or else the whole of it."""
SPECIAL = re.compile("<(?!space>|0x)[^<>]+>")
"""Tokens that stand for no text: ``<blank>``, ``<sos/eos>``, and ``<unk>``, since nobody knows what it stands for."""


def read(argument: str, trained: bool) -> tuple:
    """The model of an experiment, a packed model or a Hub id, and the layer it is recommended to compare at, if any.

    Untrained weights are those of seed 0. Where a packed model also holds its encoder alone, free of pickle, that is
    what is read, and the model has no decoder.
    """
    with opened(argument) as folder:
        model = (_from_bare if bare.here(folder) else _from_whole)(folder, trained)
        return model, bare.recommended(folder)


@contextmanager
def opened(argument: str, whole: bool = False) -> Iterator[Path]:
    """The folder of an experiment or a packed model: as it is, unpacked for the while, or in the cache of the Hub.

    ``whole``: of a model on the Hub that is downloaded the decoder, too, and not its encoder alone.
    """
    path = _path(argument, whole)
    if path.suffix != ".zip":
        yield path
        return
    with TemporaryDirectory() as folder:
        unpack(path, Path(folder))
        yield Path(folder)


def locate(folder: Path) -> tuple[Path, Path, Path | None]:
    """The configuration, averaged checkpoint and feature statistics (if any) of an experiment or an unpacked model."""
    if (folder / "meta.yaml").exists():
        meta = _yaml(folder / "meta.yaml")
        try:
            config = folder / meta["yaml_files"]["asr_train_config"]
            checkpoint = folder / meta["files"]["asr_model_file"]
        except (KeyError, TypeError):
            rule = "an ASR model has yaml_files: asr_train_config and files: asr_model_file"
            raise DataError(f"{folder / 'meta.yaml'}: {rule}, got {meta}") from None
    else:
        config = folder / "config.yaml"
        checkpoint = folder / f"{_criterion(config)}.ave.pth"
    for path in (config, checkpoint):
        # Not resolved: checkpoints are links within the folder. A packed model must not point out of it.
        if not path.absolute().is_relative_to(folder.absolute()) or ".." in path.relative_to(folder).parts:
            raise DataError(f"{folder / 'meta.yaml'}: files lie within the archive, got {path}")
        if not path.exists():
            raise UserError(
                f"{path}: no trained ESPnet model there: run ./run.sh --stage train, or name its folder or zip"
            )
    return config, checkpoint, next(folder.rglob("train/feats_stats.npz"), None)


@contextmanager
def for_recognition(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The configuration and checkpoint of an experiment or a packed model, as ESPnet's own inference takes them.

    The paths in the configuration of a packed model are relative to its folder; for the while, they hold from here.
    """
    config, checkpoint, statistics = locate(folder)
    if not (folder / "meta.yaml").exists():
        yield config, checkpoint
        return
    settings = _with_statistics(_yaml(config), statistics)
    if settings.get("bpemodel"):
        settings["bpemodel"] = str(folder / settings["bpemodel"])
    with TemporaryDirectory() as temporary:
        write_json(Path(temporary) / "config.yaml", settings)  # JSON is YAML, too
        yield Path(temporary) / "config.yaml", checkpoint


def _criterion(config: Path) -> str:
    """What the best epochs of an experiment are chosen by, as ESPnet names the file of their average: ``valid.acc``."""
    settings = _yaml(config) if config.exists() else {}
    role, value, *_ = settings.get("best_model_criterion", [("valid", "acc", "max")])[0]
    return f"{role}.{value}"


def _yaml(path: Path) -> dict:
    import yaml

    try:
        return yaml.safe_load(read_text(path)) or {}
    except yaml.YAMLError as error:
        raise DataError(f"{path}: must be YAML of plain values, {' '.join(str(error).split())}") from None


def files(argument: str) -> list[Path]:
    """The files whose content decides what the encoder computes."""
    path = _path(argument)
    if path.suffix == ".zip":
        return [path]
    if bare.here(path):
        return [path / name for name in bare.FILES]
    return [file for file in locate(path) if file]


def weights(argument: str) -> dict:
    """The weights of an experiment, a packed model or a Hub id by name; of an encoder alone those it has."""
    with opened(argument) as folder:
        return bare.read_weights(folder) if bare.here(folder) else read_weights(locate(folder)[1])


def write_bare(folder: Path, about: Mapping[str, Any], out: Path) -> None:
    """Nothing; ``out`` holds the encoder of the experiment ``folder`` as `fangyan.encoders.bare` does."""
    config, checkpoint, _ = locate(folder)
    bare.write(_yaml(config), read_weights(checkpoint), about, out)


def _path(argument: str, whole: bool = False) -> Path:
    """A local path as it is, or the folder in the cache with the packed model of a Hub id, user/name[@revision]."""
    path = Path(argument)
    if path.parent.is_dir():
        return path
    alone, all_of_it = PACKED
    if not whole and bare.here(found := hub.locate(argument, alone)):
        return found
    return hub.locate(argument, all_of_it)


def _from_whole(folder: Path, trained: bool):
    config, checkpoint, statistics = locate(folder)
    model = build(_yaml(config), statistics)
    if trained:
        load_weights(model, checkpoint)
    return model


def _from_bare(folder: Path, trained: bool):
    found = bare.read_weights(folder)
    with TemporaryDirectory() as temporary:
        moments = Path(temporary) / "feats_stats.npz" if "normalize.mean" in found else None
        if moments:
            bare.write_moments(found, moments)
        model = build(bare.read_settings(folder), moments)
    may_lack = ("ctc.",) if trained else ("ctc.", "encoder.")
    if not trained:
        found = {key: value for key, value in found.items() if not key.startswith(may_lack)}
    rest = {key: value for key, value in model.state_dict().items() if key.startswith(may_lack)}
    _fit(model, rest | found, folder / bare.WEIGHTS)
    return model


def asr_task() -> type:
    """ESPnet's ASR task with Whisper among its encoders.

    Its import takes a quarter of a minute and talks of optional packages, which is muted.
    """
    with _muted():
        from espnet2.tasks.asr import ASRTask

        import fangyan.encoders.espnet_whisper  # noqa: F401
    return ASRTask


@contextmanager
def _muted() -> Iterator[None]:
    """Nothing is heard on stderr inside; the loggers that modules imported inside made of it are heard afterwards."""
    stream = _Mutable()
    try:
        with redirect_stderr(stream):
            yield
    finally:
        stream.muted = False


class _Mutable(TextIOBase):
    """stderr, whatever that is at the time, unless ``muted``."""

    muted = True

    def write(self, text: str) -> int:
        return len(text) if self.muted else sys.stderr.write(text)


def build(settings: dict, statistics: Path | None):
    """The ESPnet ASR model that the settings of a config.yaml describe, with random weights of seed 0."""
    from argparse import Namespace

    import torch

    settings = _with_statistics(settings, statistics)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return asr_task().build_model(Namespace(**settings))


def _with_statistics(settings: dict, statistics: Path | None) -> dict:
    if statistics is None or settings.get("normalize") != "global_mvn":
        return dict(settings)
    return settings | {"normalize_conf": settings.get("normalize_conf", {}) | {"stats_file": str(statistics)}}


def load_weights(model, checkpoint: Path) -> None:
    """Nothing; the weights of ``checkpoint`` are in ``model``. `DataError` lists keys that do not match."""
    _fit(model, read_weights(checkpoint), checkpoint)


def read_weights(checkpoint: Path) -> dict:
    """The tensors of a checkpoint by name; `DataError` for anything else in it, of which nothing is run."""
    import pickle

    import torch

    try:
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if not all(isinstance(value, torch.Tensor) for value in found.values()):
            raise ValueError("it holds more than tensors")
        return found
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, AttributeError) as error:
        why = str(error).strip().partition("\n")[0] or "it ends early"
        raise DataError(f"{checkpoint}: not a whole checkpoint of plain tensors ({why})") from None


def _fit(model, weights: dict, source: Path) -> None:
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise DataError(f"{source}: its keys do not match the model of its configuration: {error}") from None

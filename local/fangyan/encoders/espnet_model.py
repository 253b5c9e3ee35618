"""ESPnet models as files: an experiment, a packed or plain model, its encoder alone."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import is_zipfile

from fangyan.encoders import bare, espnet_patches, hub
from fangyan.encoders.choice import Choice, choice_of_experiment
from fangyan.encoders.espnet_alone import Alone
from fangyan.encoders.espnet_build import build, name_of, task_of, without_known_warning
from fangyan.encoders.espnet_files import META, checkpoint_patterns, locate, read_settings, read_yaml
from fangyan.encoders.espnet_kinds import HEARD, Heard
from fangyan.encoders.pickled import read_weights
from fangyan.encoders.text_side import portable, reads_units, teacher_of
from fangyan.errors import DataError, UserError
from fangyan.files import unpack, write_json

BESIDE = ("*.yaml", "*feats_stats.npz", "*bpe.model")
"""What is needed of a model on the Hub beside its checkpoint, where its encoder is not there alone."""
SPECIAL = re.compile("<(?!space>|0x)[^<>]+>")
"""Tokens that stand for no text: ``<blank>``, ``<sos/eos>``, and ``<unk>``, since nobody knows what it stands for."""


def read(argument: str, trained: bool) -> tuple[Any, Choice]:
    """The model of an experiment, a packed model or a Hub id, and the layer to compare utterances at, if it has one.

    Untrained weights are those of seed 0. Where a packed model also holds its encoder alone, free of pickle, that is
    what is read, and the model has no decoder.
    """
    with open_model(argument) as folder, espnet_patches.for_hearing():
        model = (_from_bare if bare.is_bare(folder) else _from_whole)(folder, trained)
        return model, _choice(folder)


def recommended(argument: str) -> Choice:
    """The layer to compare utterances at: of an experiment by its development set, of a packed model by its makers."""
    with open_model(argument) as folder:
        return _choice(folder)


def settings_of(argument: str) -> dict[str, Any]:
    """What ESPnet builds the model of an experiment, a packed model or a Hub id from."""
    with open_model(argument) as folder:
        return bare.read_settings(folder) if bare.is_bare(folder) else read_settings(folder)


def teacher(argument: str) -> str:
    """The SPEC of the encoder of text that a model was trained towards, empty for one that reads units itself.

    `UserError` for a model without a text side.
    """
    settings = settings_of(argument)
    return "" if reads_units(settings) else teacher_of(settings, argument)


def _choice(folder: Path) -> Choice:
    return bare.recommended(folder) if bare.is_bare(folder) else choice_of_experiment(folder)


@contextmanager
def open_model(argument: str, whole: bool = False) -> Iterator[Path]:
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


@contextmanager
def for_recognition(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The configuration and checkpoint of an experiment or a packed model, as ESPnet's own inference takes them.

    The paths in the configuration of a packed model are relative to its folder; for the while, they hold from here.
    """
    config, checkpoint, statistics = locate(folder)
    if not (folder / META).exists():
        yield config, checkpoint
        return
    settings = _with_statistics(read_yaml(config), statistics)
    if pieces := _pieces(settings, folder):
        settings["bpemodel"] = str(pieces)
    with TemporaryDirectory() as temporary:
        write_json(Path(temporary) / "config.yaml", settings)  # JSON is YAML, too
        yield Path(temporary) / "config.yaml", checkpoint


def inference(config: Path, checkpoint: Path, **settings: Any):
    """ESPnet's ``Speech2Text`` of a configuration and its checkpoint; `UserError` for a task that writes no text."""
    if not writes_text(config):
        task = name_of(read_yaml(config), config)
        raise UserError(f"{config}: a model of the task {task!r} writes no text here")
    from espnet2.bin.asr_inference import Speech2Text

    recognising = espnet_patches.recognising(task_of(read_yaml(config), config))
    with recognising, without_known_warning(), _matching(checkpoint):
        return Speech2Text(str(config), str(checkpoint), **settings)


def writes_text(config: Path) -> bool:
    """Whether ESPnet can decode with the model of a configuration: whether its task is made from ESPnet's ASR task."""
    task = task_of(read_yaml(config), config)
    from espnet2.tasks.asr import ASRTask

    return issubclass(task, ASRTask)


def recognition_files(folder: Path) -> list[Path]:
    """The files whose content decides what the model writes: configuration, checkpoint, sentencepieces if any."""
    config, checkpoint, _ = locate(folder)
    home = folder if (folder / META).exists() else Path()  # as in `for_recognition`
    pieces = _pieces(read_yaml(config), home)
    return [config, checkpoint, *([pieces] if pieces else [])]


def _pieces(settings: Mapping[str, Any], home: Path) -> Path | None:
    """The file of sentencepieces that a configuration names; None where it names a tokeniser (whisper_multilingual)."""
    name = settings.get("bpemodel")
    return home / name if name and (home / name).is_file() else None


def files(argument: str) -> list[Path]:
    """The files whose content decides what the encoder computes."""
    path = _path(argument)
    if path.suffix == ".zip":
        if path.is_file() and not is_zipfile(path):
            raise DataError(f"{path}: must be a zip archive, as pack writes it: get it again")
        return [path]
    if bare.is_bare(path):
        return [path / name for name in bare.FILES]
    return [file for file in locate(path) if file]


def weights(argument: str) -> dict:
    """The weights of an experiment, a packed model or a Hub id by name; of an encoder alone those it has."""
    with open_model(argument) as folder:
        return bare.read_weights(folder) if bare.is_bare(folder) else read_weights(locate(folder)[1])


def write_bare(folder: Path, about: Mapping[str, Any], out: Path) -> None:
    """Writes into ``out`` the encoder of the experiment ``folder`` as `fangyan.encoders.bare` does."""
    config, checkpoint, _ = locate(folder)
    bare.write(portable(read_yaml(config)), read_weights(checkpoint), about, out)


def _path(argument: str, whole: bool = False) -> Path:
    """A local path as it is, or the folder in the cache with the packed model of a Hub id, user/name[@revision]."""
    path = Path(argument)
    if path.parent.is_dir():
        return path
    if not whole and bare.is_bare(found := hub.locate(argument, bare.FILES)):
        return found
    folder = hub.locate(argument, BESIDE)
    return hub.locate(argument, checkpoint_patterns(folder))


def _from_whole(place: Path, trained: bool):
    config, checkpoint, statistics = locate(place)
    settings = _with_statistics(read_settings(place), statistics)
    if heard := HEARD.get(name_of(settings, config)):
        return _from_heard(heard, settings, (config, checkpoint, statistics), trained)
    model = build(settings, config, decoder=not trained)
    if trained:
        left_out = "decoder." if Alone.builds(settings) else ()
        found = {
            key: value for key, value in read_weights(checkpoint).items() if not key.startswith(left_out)
        }
        _fit(model, found, checkpoint)
    return model


def _from_heard(heard: Heard, settings: dict, files: tuple[Path, Path, Path | None], trained: bool):
    """The model around an encoder of a kind that nothing is trained for here; what is not of its encoder is random."""
    config, checkpoint, statistics = files
    model = build(without_decoder(settings, heard), config)
    if trained:
        known = (
            model.state_dict()
        )  # statistics that were read beside the checkpoint need not be in it as well
        may_lack = ("normalize.",) if statistics else ()
        conditioned = getattr(model.encoder, "interctc_use_conditioning", False)  # blocks see what CTC says
        parts = (*heard.parts, "ctc.") if conditioned else heard.parts
        rest = {k: v for k, v in known.items() if not k.startswith(parts) or k.startswith(may_lack)}
        found = {k: v for k, v in read_weights(checkpoint).items() if k.startswith(parts)}
        _fit(model, rest | found, checkpoint)
    return model


def without_decoder(settings: dict, heard: Heard) -> dict:
    """The configuration of a model of that kind, with what it says where no decoder is wanted over it."""

    def merged(ours: Any, value: Any) -> Any:
        return {**ours, **value} if isinstance(value, dict) and isinstance(ours, dict) else value

    return settings | {key: merged(settings.get(key), value) for key, value in heard.alone.items()}


def _from_bare(folder: Path, trained: bool):
    found = bare.read_weights(folder)
    with TemporaryDirectory() as temporary:
        moments = Path(temporary) / "feats_stats.npz" if "normalize.mean" in found else None
        if moments:
            bare.write_moments(found, moments)
        settings = _with_statistics(bare.read_settings(folder), moments)
        model = build(settings, folder / bare.SETTINGS, decoder=not trained)
    may_lack = ("ctc.",) if trained else ("ctc.", "encoder.")
    if not trained:
        found = {key: value for key, value in found.items() if not key.startswith(may_lack)}
    needed = tuple(
        part for part in bare.PARTS if part not in may_lack
    )  # a task may build more for its training
    rest = {key: value for key, value in model.state_dict().items() if not key.startswith(needed)}
    _fit(model, rest | found, folder / bare.WEIGHTS)
    return model


def _with_statistics(settings: dict, statistics: Path | None) -> dict:
    options = settings.get("normalize_conf") or {}
    if statistics is None or settings.get("normalize") != "global_mvn" or not isinstance(options, dict):
        return dict(settings)
    return settings | {"normalize_conf": options | {"stats_file": str(statistics)}}


def _fit(model, weights: dict, source: Path) -> None:
    """Gives a model its weights; `DataError` with their ``source`` lists keys that do not match."""
    with _matching(source):
        model.load_state_dict(weights, strict=True)


@contextmanager
def _matching(source: Path) -> Iterator[None]:
    """What torch says inside of weights that are not those of a model ends as a `DataError`."""
    try:
        yield
    except RuntimeError as error:
        if "state_dict" not in str(error):
            raise
        why = " ".join(str(error).split())
        raise DataError(f"{source}: its keys do not match the model of its configuration: {why}") from None

"""Encoders as transformers saves them: a folder or a model of the Hub -> the encoder with its weights.

Nothing but data is loaded: neither code that comes with a model nor pickled objects. What is around an encoder, the
language model of a speech LLM say, is neither built nor read.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import checkpoint, hub, towers
from fangyan.encoders.checkpoint import SETTINGS
from fangyan.encoders.choice import Choice
from fangyan.encoders.towers import Tower, first_line
from fangyan.errors import DataError, UserError
from fangyan.files import read_json

UNUSED = "masked_spec_embed"
"""What masked frames are replaced by in training; some checkpoints lack it."""
LISTED = 8
"""So many keys are told of those that a checkpoint lacks."""


def read(argument: str) -> tuple:
    """The encoder (float32, without decoder, adapter and heads) and its feature extractor (None: Whisper's is ours).

    `UserError` for what is no speech encoder, `DataError` for weights that do not fit: it lists missing keys.
    """
    folder = hub.locate(argument, SETTINGS)
    tower = cache(_tower)
    if (folder / SETTINGS[0]).exists():
        tower(folder)  # what is no speech encoder is not fetched
    weights = checkpoint.locate(argument, tower)
    with quiet():
        model = _load(tower(folder), weights, folder)
        return model, None if towers.is_like_whisper(model) else extractor(folder)


def shapes(argument: str) -> Any:
    """The encoder on torch's meta device, where weights have shapes alone; `UserError` as `read`."""
    return _tower(hub.locate(argument, SETTINGS)).encoder


def files(argument: str) -> list[Path | str]:
    """What decides the features: settings and weights of a folder, or the names of their content in the Hub's cache."""
    weights = checkpoint.locate(argument, _tower)
    settings = [path for name in SETTINGS if (path := weights[0].parent / name).exists()]
    return hub.content([*settings, *weights], argument)


def check(argument: str) -> None:
    """`UserError` for a model whose settings are here and have nothing to do with sound; torch is not imported."""
    folder = hub.at_hand(argument, SETTINGS[0])
    if folder is None or not (folder / SETTINGS[0]).exists():
        return
    settings = [read_json(folder / name) for name in SETTINGS if (folder / name).exists()]
    kind = settings[0].get("model_type")
    if isinstance(kind, str) and not towers.speaks_of_sound(settings):
        raise UserError(
            f"{argument}: no speech encoder, but a model of type {kind}: nothing in its settings is of sound (what "
            "encodes texts is named by text:<Hub id or folder of sentence-transformers>)"
        )


def recommended(argument: str) -> Choice:
    """The layer that utterances are to be compared at, where the settings of a model are here and say one."""
    try:
        settings = hub.locate(argument, SETTINGS) / SETTINGS[0]
    except UserError:  # features that were dumped elsewhere are still to be measured
        return Choice()
    layer = towers.recommended(read_json(settings)) if settings.exists() else ""
    return Choice(layer, "recommended by its makers") if layer else Choice()


def extractor(folder: Path) -> Any:
    """The feature extractor that lies in ``folder``; `UserError` where there is none, or it hears at another rate."""
    from transformers import AutoFeatureExtractor

    try:
        found = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # of whatever kind: any values may stand there
        raise UserError(
            f"{folder}: no feature extractor there, add its {SETTINGS[1]} ({first_line(error)})"
        ) from None
    if (rate := getattr(found, "sampling_rate", None)) != SAMPLE_RATE:
        raise UserError(f"{folder}: speech is heard at {SAMPLE_RATE} Hz here, at {rate} Hz there")
    return found


def sketch(argument: str) -> tuple[Any, Any, Path, hub.Listing]:
    """The encoder without numbers, its feature extractor, the folder of its settings, and the files that are read."""
    from transformers.initialization import no_init_weights

    folder = hub.locate(argument, (*SETTINGS, *(form.index for form in checkpoint.FORMS)))
    tower, there = _tower(folder), hub.list_files(argument, folder)
    weights = checkpoint.choose(there.sizes, folder, lambda folder: tower)
    with quiet(), no_init_weights():  # memory that nothing is written to costs nothing
        model = type(tower.encoder)(tower.encoder.config).float()
    found = None if towers.is_like_whisper(model) else extractor(folder)
    return model, found, folder, there.of(SETTINGS, weights)


def _tower(folder: Path) -> Tower:
    with quiet():
        return towers.find(folder)


def _load(tower: Tower, weights: Sequence[Path], folder: Path) -> Any:
    """The encoder with its weights, which may be among those of more than it."""
    import torch

    kind = type(tower.encoder)
    try:
        tensors = checkpoint.tensors(tower, [file for file in weights if file.suffix != ".json"])
        model, report = kind.from_pretrained(
            None,
            config=tower.encoder.config,
            state_dict=tensors,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # of whatever kind: any bytes may stand there
        raise DataError(f"{folder}: not the weights of a {kind.__name__} ({first_line(error)})") from None
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(UNUSED))
    if missing:
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise DataError(
            f"{folder}: the checkpoint is not one of {kind.__name__}: it lacks {', '.join(missing[:LISTED])}{more}"
        )
    return model


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without progress bars and reports of what a checkpoint holds besides the encoder."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()

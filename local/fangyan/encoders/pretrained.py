"""Encoders as transformers saves them: a folder or a model of the Hub -> the encoder with its weights.

Nothing but data is loaded: neither code that comes with a model nor pickled objects.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import hub
from fangyan.errors import DataError, UserError

SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")
WEIGHTS = (
    ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json"),
)
"""The forms of a checkpoint; the first that is there is loaded."""

INPUTS = ("input_values", "input_features")
"""What transformers calls speech: samples, or features of them."""

UNUSED = "masked_spec_embed"
"""What masked frames are replaced by in training; some checkpoints lack it."""


def read(argument: str) -> tuple:
    """The encoder (float32, without decoder, adapter and heads) and its feature extractor (None: Whisper's is ours).

    `UserError` for what is no speech encoder, `DataError` for weights that do not fit: it lists the missing keys.
    """
    folder = _folder(argument)
    with quiet():
        config, shapes = _architecture(folder)
        model = _load(type(shapes), config, folder)
        return model, None if config.model_type == "whisper" else _extractor(folder)


def sketch(argument: str):
    """The encoder on torch's meta device, where weights have shapes alone; `UserError` as `read`."""
    with quiet():
        return _architecture(_folder(argument))[1]


def files(argument: str) -> list[Path | str]:
    """What decides the features: settings and weights of a folder, or the names of their content in the Hub's cache."""
    folder = _folder(argument)
    settings = [folder / name for name in SETTINGS if (folder / name).exists()]
    return hub.content([*settings, *_weights(folder)], argument)


def _folder(argument: str) -> Path:
    for form in WEIGHTS:
        folder = hub.locate(argument, (*SETTINGS, *form))
        if _weights(folder):
            return folder
    ours = (folder / "config.yaml").exists() or (folder / "meta.yaml").exists()
    guess = f"; did you mean espnet:{argument}?" if ours else ""
    raise UserError(
        f"hf:{argument}: no weights there, neither {WEIGHTS[0][0]} nor {WEIGHTS[1][0]} (whole or in parts){guess}"
    )


def _weights(folder: Path) -> list[Path]:
    found = ([path for pattern in form for path in sorted(folder.glob(pattern))] for form in WEIGHTS)
    return next(filter(None, found), [])


def _architecture(folder: Path) -> tuple:
    """The configuration, and the encoder on torch's meta device: shapes without numbers, nothing is allocated."""
    import torch
    from transformers import MODEL_MAPPING, AutoConfig, AutoModel

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        MODEL_MAPPING.get(
            type(config), None
        )  # imports its module: what that makes for itself must not be on meta
        for extra in ("add_adapter", "use_intermediate_ffn_before_adapter"):
            if getattr(config, extra, False):
                setattr(config, extra, False)
        with torch.device("meta"):
            model = AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:  # of whatever kind: any values may stand in the configuration
        raise UserError(f"{folder}: no model of the installed transformers ({first_line(error)})") from None
    if config.is_encoder_decoder:
        model = model.get_encoder()
    if getattr(model, "main_input_name", None) not in INPUTS:
        raise UserError(f"{folder}: no speech encoder, but a model of type {config.model_type}")
    return config, model


def _load(kind: type, config, folder: Path):
    """An encoder of class ``kind`` with the weights of ``folder``, which may be those of more than the encoder."""
    import torch

    try:
        model, report = kind.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            weights_only=True,
            key_mapping={r"^(model\.)?encoder\.": ""} if config.is_encoder_decoder else None,
            output_loading_info=True,
        )
    except Exception as error:  # of whatever kind: any bytes may stand there
        raise DataError(f"{folder}: not the weights of a {kind.__name__} ({first_line(error)})") from None
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(UNUSED))
    if missing:
        raise DataError(
            f"{folder}: the checkpoint is not one of {kind.__name__}: it lacks {', '.join(missing)}"
        )
    return model


def _extractor(folder: Path):
    from transformers import AutoFeatureExtractor

    try:
        extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # of whatever kind, as above
        raise UserError(
            f"{folder}: no feature extractor there, add its {SETTINGS[1]} ({first_line(error)})"
        ) from None
    if extractor.sampling_rate != SAMPLE_RATE:
        raise UserError(
            f"{folder}: speech is heard at {SAMPLE_RATE} Hz here, at {extractor.sampling_rate} Hz there"
        )
    return extractor


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


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

"""The weights an encoder starts from: those of a published Whisper or of another experiment, under our names.

``init_heads: true`` in a configuration takes CTC and decoder along, of another experiment that writes the same tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fangyan.config import compose
from fangyan.encoders import espnet_model
from fangyan.encoders.bare import NO_TOKENS
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, versions
from fangyan.training.espnet_task import sketch

INIT_WEIGHTS = "encoder.pth"
HEADS = ("ctc.", "decoder.")
INIT_HEADS = "init_heads"
"""The key of a configuration that asks for them."""
TOLD = 20
"""So many misfits are listed."""

NAMES = {"conv1": "embed.conv1", "conv2": "embed.conv2", "embed_positions": "embed.positions"}
NAMES |= {"layers": "encoders", "layer_norm": "after_norm"}
"""Parts of transformers' Whisper encoder -> of ours."""


def write_weights(source: str, config: Path, out: Path, tokens: Sequence[str] = NO_TOKENS) -> None:
    """Writes ``out/encoder.pth``, the weights of the encoder, and of the heads if asked for, for ESPnet's init_param.

    ``source`` is a Whisper of the Hugging Face Hub (id) or a folder of one, or ``espnet:`` and an experiment folder,
    model.zip or Hub id. Weights that do not fit the model of ``config`` that writes ``tokens`` are refused with their
    list.
    """
    import torch

    family, _, argument = source.rpartition(":")
    if family not in ("", "espnet"):
        raise UserError(
            f"--init {source}: known are a Hugging Face id, a folder, espnet:<experiment, model.zip or Hub id>"
        )
    weights = _of_experiment(argument) if family else _of_whisper(source)
    names = _fitting(source, config, weights)
    heads = _heads(source, argument if family else "", config, tokens) if asks_for_heads(config) else {}
    found = {f"encoder.{names[name]}": value for name, value in weights.items()} | heads
    torch.save(found, out / INIT_WEIGHTS)


def asks_for_heads(config: Path) -> bool:
    """Whether a configuration wants CTC and decoder to start from where the encoder does."""
    return bool(compose(config).get(INIT_HEADS))


def _heads(source: str, argument: str, config: Path, tokens: Sequence[str]) -> dict[str, Any]:
    """The weights of CTC and decoder of an experiment; refused where it writes other tokens or they do not fit."""
    if not argument or list(espnet_model.settings_of(argument).get("token_list") or ()) != list(tokens):
        raise UserError(
            f"--init {source}: {INIT_HEADS} of {config} is for an experiment that writes the same tokens; leave it out "
            "to start from the encoder alone"
        )
    found = {key: value for key, value in espnet_model.weights(argument).items() if key.startswith(HEADS)}
    model = sketch(config, tokens).state_dict()
    _refuse_misfits(source, config, {k: v for k, v in model.items() if k.startswith(HEADS)}, found)
    return found


def check(source: str, config: Path, place: Path) -> None:
    """`UserError` or `DataError` where the weights of ``source`` do not fit the encoder of ``config``, by their shapes.

    ``place``: where the files of ``source`` lie here; nothing is downloaded.
    """
    family = source.startswith("espnet:")
    _fitting(source, config, _of_experiment(str(place)) if family else _shapes_of_whisper(source, str(place)))


def content_of(source: str) -> str:
    """What ``source`` has in it now, for a stamp; nothing for an id of the Hub, or where it is there no more."""
    home = Path(source.removeprefix("espnet:"))
    files = sorted(path for path in home.rglob("*") if path.is_file()) if home.is_dir() else [home]
    return fingerprint(versions(files)) if home.exists() else ""


def _of_experiment(argument: str) -> dict[str, Any]:
    prefix = "encoder."
    weights = espnet_model.weights(argument)
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}


def _of_whisper(source: str) -> dict[str, Any]:
    from fangyan.encoders import pretrained

    return _renamed(source, pretrained.read(source)[0])


def _shapes_of_whisper(source: str, place: str) -> dict[str, Any]:
    from fangyan.encoders import pretrained

    return _renamed(source, pretrained.shapes(place))


def _renamed(source: str, encoder) -> dict[str, Any]:
    """The weights of an encoder of transformers under our names; `UserError` for another than Whisper's."""
    if encoder.config.model_type != "whisper":
        raise UserError(f"--init {source}: a Whisper model is needed, got {encoder.config.model_type}")
    return {_ours(key): value for key, value in encoder.state_dict().items()}


def _ours(key: str) -> str:
    head, _, rest = key.partition(".")
    return f"{NAMES[head]}.{rest}"


def _fitting(source: str, config: Path, found: Mapping[str, Any]) -> dict[str, str]:
    """The names of the weights in the encoder of ``config`` by those they are found under; `DataError` for misfits.

    With LoRA the original layer stands a level deeper, beside adapters that start from nothing.
    """
    weights = sketch(config, NO_TOKENS).encoder.state_dict()
    names = {key.replace(".base_layer", ""): key for key in weights if ".lora_" not in key}
    _refuse_misfits(source, config, {name: weights[key] for name, key in names.items()}, found)
    return names


def _refuse_misfits(source: str, config: Path, expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    def shape(weights: Mapping[str, Any], key: str) -> Sequence[int] | str:
        return list(weights[key].shape) if key in weights else "nothing"

    misfits = [
        f"{key}: {shape(found, key)} instead of {shape(expected, key)}"
        for key in sorted({*expected, *found})
        if shape(found, key) != shape(expected, key)
    ]
    if misfits:
        rest = [f"and {len(misfits) - TOLD} more"] if len(misfits) > TOLD else []
        lines = "\n  ".join(misfits[:TOLD] + rest)
        raise DataError(
            f"--init {source}: {len(misfits)} weights do not fit the encoder of {config}; --train_config is to name "
            f"one of its kind and size (of a Whisper conf/train/whisper_tiny.yaml and so on):\n  {lines}"
        )

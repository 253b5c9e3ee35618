"""An ESPnet model without its decoder, free of pickle: weights as safetensors, what to build as JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fangyan.encoders.choice import Choice
from fangyan.encoders.espnet_build import alone
from fangyan.errors import DataError
from fangyan.files import read_json, write_json

SETTINGS, WEIGHTS = "config.json", "encoder.safetensors"
FILES = (SETTINGS, WEIGHTS)
PARTS = ("frontend.", "normalize.", "preencoder.", "encoder.", "postencoder.", "ctc.", "joint.")
"""The parts of the model that features and CTC's characters come from, as its weights are named."""

KEYS = ("task", "task_package", "input_size", "init")
KEYS += ("frontend", "normalize", "preencoder", "encoder", "postencoder")
"""What ESPnet builds them from, and the task that does so; classes have their ``_conf``."""
NO_TOKENS = ["<blank>", "<unk>", "<sos/eos>"]
"""The token list of a model without CTC, in which ESPnet builds a head all the same."""
AT_HOME = ("_path_and_name_and_type", "_shape_file", "output_dir", "config", "init_param")
"""How the keys of a configuration end that name files of the training machine."""


def is_bare(folder: Path) -> bool:
    """Whether ``folder`` holds an encoder in this form."""
    return all((folder / name).exists() for name in FILES)


def is_described(folder: Path) -> bool:
    """Whether the settings of such an encoder lie in ``folder``, be its weights there or not."""
    path = folder / SETTINGS
    return path.exists() and "espnet" in read_json(path)


def write(
    settings: Mapping[str, Any], weights: Mapping[str, Any], about: Mapping[str, Any], out: Path
) -> None:
    """Writes into ``out`` the encoder of a model with an ESPnet configuration ``settings`` and ``weights``.

    ``about``: further facts, for readers of the JSON.
    """
    from safetensors.torch import save_file

    if alone(settings, out / SETTINGS):
        kept = {key: settings[key] for name in KEYS for key in (name, f"{name}_conf") if key in settings}
    else:
        kept = {key: value for key, value in settings.items() if not key.endswith(AT_HOME)}
    kept["normalize_conf"] = {
        k: v for k, v in settings.get("normalize_conf", {}).items() if k != "stats_file"
    }
    chosen = {key: value.contiguous() for key, value in weights.items() if key.startswith(PARTS)}
    if any(key.startswith("ctc.") for key in chosen):
        kept["token_list"] = settings["token_list"]
    write_json(out / SETTINGS, {"library_name": "espnet", **about, "espnet": kept})
    save_file(chosen, out / WEIGHTS, {"format": "pt"})


def read_settings(folder: Path) -> dict[str, Any]:
    """What ESPnet builds a model around the encoder in ``folder`` from; `DataError` where it is not in this form."""
    settings = read_json(folder / SETTINGS).get("espnet")
    if not isinstance(settings, dict):
        raise DataError(
            f"{folder / SETTINGS}: must be the JSON of a packed encoder, with what ESPnet builds under 'espnet'"
        )
    instead = alone(settings, folder / SETTINGS)
    return {"input_size": None, "init": None, "token_list": NO_TOKENS, **settings, **instead}


def recommended(folder: Path) -> Choice:
    """The layer at which those who packed the encoder compare utterances; empty where they do not say."""
    layer = read_json(folder / SETTINGS).get("layer", "") if is_described(folder) else ""
    if not isinstance(layer, str):
        raise DataError(f"{folder / SETTINGS}: layer is the name of one, got {layer!r}")
    return Choice(layer, "recommended by its makers") if layer else Choice()


def read_weights(folder: Path) -> dict[str, Any]:
    """The weights in ``folder`` by the names they have in the whole model; `DataError` for a file that is not whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{folder / WEIGHTS}: not a whole file of safetensors ({error})") from None


def write_moments(weights: Mapping[str, Any], out: Path) -> None:
    """Writes ``out`` (npz), what ESPnet's normalisation wants to read at birth: zeros, its numbers are weights."""
    import numpy as np

    zeros = np.zeros_like(weights["normalize.mean"].numpy())
    np.savez(out, count=1, sum=zeros, sum_square=zeros)

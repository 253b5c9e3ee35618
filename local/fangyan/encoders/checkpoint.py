"""The weights of an encoder in a checkpoint of transformers: the files that hold them, their names, their numbers.

Of a checkpoint in parts its index says which part holds which tensor: only those of the encoder are fetched.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fangyan.encoders import hub
from fangyan.encoders.towers import UNDIVIDED, Tower
from fangyan.errors import DataError, UserError
from fangyan.files import read_json

SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json")


class Form(NamedTuple):
    """How a checkpoint is saved: in one file, or in parts with an index."""

    whole: str
    index: str


FORMS = (
    Form("model.safetensors", "model.safetensors.index.json"),
    Form("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
"""The first that is there is loaded."""


def locate(argument: str, tower: Callable[[Path], Tower]) -> list[Path]:
    """The files of a folder or a model of the Hub that hold the encoder, and the index where there is one.

    ``tower``: the folder of the settings -> the encoder, asked for where that must be known to choose parts.
    """
    for form in FORMS:
        folder = hub.locate(argument, (*SETTINGS, *form))
        there = [name for name in form if (folder / name).exists()]
        if wanted := choose(there, folder, tower):
            return _present(hub.locate(argument, (*SETTINGS, *wanted)), wanted)
    ours = (folder / "config.yaml").exists() or (folder / "meta.yaml").exists()
    guess = f"; did you mean espnet:{argument}?" if ours else ""
    raise UserError(
        f"hf:{argument}: no weights there, neither {FORMS[0].whole} nor {FORMS[1].whole} (whole or in parts){guess}"
    )


def choose(there: Container[str], folder: Path, tower: Callable[[Path], Tower]) -> list[str]:
    """The names of the files that hold the encoder, of those that are ``there``; an index lies in ``folder``."""
    for form in FORMS:
        if form.whole in there:
            return [form.whole]
        if form.index in there:
            return [*_parts(folder, folder / form.index, tower), form.index]
    return []


def names(tower: Tower, keys: Iterable[str]) -> dict[str, str]:
    """Name of a tensor in the encoder -> its key among those of a checkpoint of the model or of the encoder alone."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming, rename_source_key

    renamings = [
        step for step in get_model_conversion_mapping(tower.whole) if isinstance(step, WeightRenaming)
    ]
    whole, own, prefix = tower.whole.state_dict(), tower.encoder.state_dict(), tower.path and f"{tower.path}."
    found = {}
    for key in keys:
        name, _ = rename_source_key(key, renamings, [], tower.whole.base_model_prefix, whole)
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = key
        elif key in own:
            found[key] = key
    return found


def tensors(tower: Tower, files: Sequence[Path]) -> dict[str, Any]:
    """Name in the encoder -> its tensor, or what reads it when it is sliced; nothing else is read of safetensors."""
    held = {key: tensor for file in files for key, tensor in _open(file).items()}
    return {name: held[key] for name, key in names(tower, held).items()}


def parts(index: Path) -> dict[str, str]:
    """Key of a tensor -> the file beside ``index`` that holds it; `DataError` where it does not say that."""
    held = read_json(index).get("weight_map")
    if not isinstance(held, dict) or not all(map(_is_name, held.values())):
        raise DataError(
            f"{index}: weight_map must say for each tensor which file beside it holds it, got {held!r:.80}"
        )
    return held


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and Path(value).name == value and value not in ("", "..")


def _parts(folder: Path, index: Path, tower: Callable[[Path], Tower]) -> list[str]:
    held = parts(index)
    if read_json(folder / SETTINGS[0]).get("model_type") in UNDIVIDED:
        return sorted({*held.values()})
    wanted = {held[key] for key in names(tower(folder), held).values()}
    if not wanted:
        raise DataError(f"{index}: none of its {len(held)} tensors is of the speech encoder of this model")
    return sorted(wanted)


def _present(folder: Path, names: Sequence[str]) -> list[Path]:
    if lacking := [name for name in names if not (folder / name).exists()]:
        raise DataError(f"{folder}: {', '.join(lacking)} of the index is not there: fetch the model again")
    return [folder / name for name in names]


def _open(file: Path) -> Mapping[str, Any]:
    if file.suffix == ".bin":
        from transformers.modeling_utils import load_state_dict

        return load_state_dict(str(file), weights_only=True)
    from safetensors import safe_open

    opened = safe_open(
        file, framework="pt", device="cpu", backend="pread"
    )  # mapped pages would count as ours
    return {key: opened.get_slice(key) for key in opened.keys()}  # noqa: SIM118 (no mapping)

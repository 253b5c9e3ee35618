"""What a configuration of the dual encoder says: its keys, what their values may be, and what they are by default."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any

from fangyan import config as configs
from fangyan.data.names import is_id
from fangyan.encoders.unit_strings import MODALITIES
from fangyan.errors import DataError, known_names

TASK = "dual"
RANDOM = "random"
"""The ``llm`` of random weights, of which ``llm_conf`` says type and sizes."""
PAIRS = ("speech_text", "speech_speech", "text_text")
LORA = {"rank": 16, "alpha": 32.0, "dropout": 0.0, "modules": ["q_proj", "v_proj"]}
PRETRAIN = {"data": [], "epochs": 1, "batch_size": 32, "learning_rate": 1e-3}
CHOICES = {
    "new_rows": ("mean_covariance", "centroids"),
    "pooling": ("last", "mean"),
    "text_column": ("text_cmn", "text"),
    "task": (TASK,),
}
LEAST = {"max_tokens": 8, "batch_size": 2, "epochs": 1, "rank": 1}
MOST = dict.fromkeys(("drop_variety", "drop_units", "warmup", "margin", "dropout", "hard_negatives"), 1)
MOST |= dict.fromkeys(PAIRS, 1000)
ABOVE_ZERO = ("learning_rate", "scale", "alpha")
WORDS = {
    str: "a word",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list of words",
}
OPTIONAL = ("lora", "pretrain_text")
"""Mappings of keys of their own, or absent."""


@dataclass(frozen=True)
class Settings:
    """The values of a configuration; what each does is said in ``docs/dual.md``."""

    llm: str
    llm_conf: dict[str, Any] = field(default_factory=dict)
    task: str = TASK
    new_rows: str = "mean_covariance"
    pooling: str = "last"
    max_tokens: int = 512
    varieties: list[str] = field(default_factory=list)
    text_column: str = "text_cmn"
    text_variety: str = "cmn"
    pairs: dict[str, float] = field(default_factory=lambda: {"speech_text": 1.0})
    text_data: list[str] = field(default_factory=list)
    drop_variety: float = 0.5
    drop_units: float = 0.0
    spread_out: float = 1.0
    scale: float = 20.0
    learn_scale: bool = True
    margin: float = 0.0
    hard_negatives: float = 0.0
    lora: dict[str, Any] | None = None
    pretrain_text: dict[str, Any] | None = None
    batch_size: int = 64
    mini_batch_size: int = 0
    epochs: int = 10
    max_steps: int = 0
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.01
    bf16: bool = False


def read(path: Path) -> Settings:
    """The settings of a configuration; `DataError` for a key or a value that means nothing."""
    found = configs.compose(path)
    known = {of.name: None for of in fields(Settings)} | {"pairs": dict.fromkeys(PAIRS)}
    configs.check_keys(found, known | {"lora": LORA, "pretrain_text": PRETRAIN}, f"{path}")
    if found.get("llm", "") == "":
        raise DataError(f"{path}: llm: a Hub id, a folder, or {RANDOM} is needed, got nothing")
    for of in fields(Settings):
        if of.name in found:
            found[of.name] = _checked(f"{path}: {of.name}", of.name, found[of.name], of.type)
    for name, defaults in (("lora", LORA), ("pretrain_text", PRETRAIN)):
        if found.get(name) is not None:
            found[name] = _mapping(f"{path}: {name}", found[name], defaults)
    _check_together(found, path)
    return Settings(**found)


def _check_together(found: Mapping[str, Any], path: Path) -> None:
    """`DataError` for values that mean nothing beside others."""
    if (variety := found.get("text_variety", "cmn")) in MODALITIES or not is_id(variety):
        raise DataError(f"{path}: text_variety: a code as in utt2lang is needed, got {variety!r}")
    if found.get("lora") and not found["lora"]["modules"]:
        raise DataError(f"{path}: lora: modules: at least one is needed, got []")
    if found.get("pretrain_text") and not found["pretrain_text"]["data"]:
        raise DataError(f"{path}: pretrain_text: data: at least one is needed, got []")
    if found.get("hard_negatives") and (column := found.get("text_column", "text_cmn")) != "text_cmn":
        raise DataError(f"{path}: hard_negatives: they are made of Mandarin texts, text_cmn, got {column}")
    if not any(weight > 0 for weight in found.get("pairs", {"speech_text": 1}).values()):
        raise DataError(f"{path}: pairs: at least one has a weight above 0, got {found['pairs']}")


def _checked(where: str, name: str, value: Any, kind: Any) -> Any:
    """A value as its field holds it; `DataError` for one that it cannot hold."""
    kind = getattr(kind, "__origin__", kind)
    if name in OPTIONAL or kind is dict:
        if not isinstance(value, Mapping) and not (value is None and name in OPTIONAL):
            raise DataError(f"{where}: a mapping of names to values is needed, got {value!r}")
        if name == "pairs":
            return {key: _number(f"{where}: {key}", key, of) for key, of in value.items()}
        return value
    if kind is float:
        return _number(where, name, value)
    words = [value] if kind is not list else value if isinstance(value, list) else [value, None]
    of = str if kind is list else kind
    if not all(isinstance(word, of) and (of is bool or not isinstance(word, bool)) for word in words):
        raise DataError(f"{where}: {WORDS[kind]} is needed, got {value!r}")
    if name in CHOICES and value not in CHOICES[name]:
        raise DataError(f"{where}: got {value!r}: {known_names(value, CHOICES[name])}")
    return _number(where, name, value, int) if kind is int else value


def _number(where: str, name: str, value: Any, kind: type = float) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
        raise DataError(f"{where}: {WORDS[kind]} is needed, got {value!r}")
    least, most = LEAST.get(name, 0), MOST.get(name, float("inf"))
    if not isfinite(value) or not least <= value <= most or (name in ABOVE_ZERO and value == 0):
        rule = (
            f"from {least} to {most}"
            if name in MOST
            else f"above {least}"
            if name in ABOVE_ZERO
            else f"from {least} up"
        )
        raise DataError(f"{where}: a number {rule} is needed, got {value!r}")
    return kind(value)


def _mapping(where: str, found: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a mapping, each of the kind of its default."""
    checked = {
        key: _checked(f"{where}: {key}", key, value, type(defaults[key])) for key, value in found.items()
    }
    return {**defaults, **checked}

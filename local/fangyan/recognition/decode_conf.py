"""What a decoding configuration may say: the keys of ESPnet's inference that are honoured, and their values."""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from fangyan import config as configs
from fangyan.errors import DataError


class Rule(NamedTuple):
    """What values a key may have, and how that is said."""

    holds: Callable[[Any], bool]
    words: str


def _whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


NUMBER = Rule(_number, "a number")
SWITCH = Rule(lambda value: type(value) is bool, "true or false")
FILE = Rule(lambda value: isinstance(value, str) and Path(value).is_file(), "a file that is there")
MAPPING = Rule(lambda value: isinstance(value, Mapping), "a mapping of names to values")
NAME = Rule(lambda value: isinstance(value, str) and bool(value), "a name")
WEIGHT = Rule(lambda value: _number(value) and 0 <= value <= 1, "a number from 0 to 1")
COUNT = Rule(lambda value: _whole(value, 1), "a whole number above 0")
LENGTH = Rule(
    lambda value: _number(value) and (value >= 0 or value == int(value)),
    "tokens for each encoder frame, or minus a whole number of tokens",
)
DEVICE = re.compile("cpu|cuda(?::([0-9]+))?")
DTYPES = ("float16", "bfloat16", "float32", "float64")
FILES = ("lm_train_config", "lm_file", "ngram_file")
RULES = {
    "beam_size": COUNT,
    "ctc_weight": WEIGHT,
    "maxlenratio": LENGTH,
    "minlenratio": LENGTH,
    "penalty": NUMBER,
    "nbest": Rule(lambda value: _whole(value, 1) and value == 1, "1, as only the best hypothesis is written"),
    "batch_size": Rule(lambda value: _whole(value, 1) and value == 1, "1, an utterance at a time"),
    "normalize_length": SWITCH,
    "ctc_window_margin": Rule(lambda value: _whole(value, 0), "a whole number from 0"),
    "device": Rule(lambda value: bool(DEVICE.fullmatch(str(value))), "cpu, cuda or cuda:N"),
    "dtype": Rule(lambda value: value in DTYPES, f"one of {' '.join(DTYPES)}"),
    **dict.fromkeys(FILES, FILE),
    "lm_weight": NUMBER,
    "ngram_weight": NUMBER,
    "ngram_scorer": Rule(lambda value: value in ("full", "part"), "full or part"),
    "transducer_conf": MAPPING,
    "quantize_asr_model": SWITCH,
    "quantize_lm": SWITCH,
    "quantize_modules": Rule(
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        "a list of names of torch.nn",
    ),
    "quantize_dtype": Rule(lambda value: value in ("qint8", "float16"), "qint8 or float16"),
    **dict.fromkeys(("token_type", "lang_prompt_token", "nlp_prompt_token", "bpemodel"), NAME),
    "prompt_token_file": FILE,
    **dict.fromkeys(("lid_prompt", "hugging_face_decoder", "streaming", "time_sync", "partial_ar"), SWITCH),
    "hugging_face_decoder_conf": MAPPING,
    "threshold_probability": WEIGHT,
    "max_seq_len": COUNT,
    "max_mask_parallel": Rule(lambda value: _whole(value, -1), "a whole number from -1"),
    **dict.fromkeys(
        ("multi_asr", "enh_s2t_task"),
        Rule(lambda value: value is False, "false, as one speaker's words are written"),
    ),
}
"""Key -> its rule."""
NEEDS = {
    "lm_train_config": "lm_file",
    "lm_file": "lm_train_config",
    "lm_weight": "lm_file",
    "quantize_lm": "lm_file",
    "ngram_weight": "ngram_file",
    "ngram_scorer": "ngram_file",
    "hugging_face_decoder_conf": "hugging_face_decoder",
    **dict.fromkeys(("threshold_probability", "max_seq_len", "max_mask_parallel"), "partial_ar"),
}
"""Keys that do nothing without another."""


def read(path: Path) -> dict[str, Any]:
    """The settings of a decoding configuration; `DataError` with file and key for one that cannot be honoured."""
    settings = configs.compose(path)
    configs.check_keys(settings, dict.fromkeys(RULES), str(path))
    for key, value in settings.items():
        if not RULES[key].holds(value):
            raise DataError(f"{path}: {key} is {RULES[key].words}, got {value!r}")
    for key, other in NEEDS.items():
        if settings.get(key) and not settings.get(other):
            raise DataError(f"{path}: {key} does nothing without {other}: give both or none")
    return settings


def check_device(settings: Mapping[str, Any], where: str) -> None:
    """Raises a `DataError` for a GPU that is not here."""
    import torch

    found = DEVICE.fullmatch(settings.get("device", "cpu"))
    count = torch.cuda.device_count()
    if found[0] != "cpu" and int(found[1] or 0) >= count:
        raise DataError(f"{where}: device is one that is here, cpu or one of {count} GPUs, got {found[0]!r}")


def check_model(settings: Mapping[str, Any], model: Any, where: str) -> None:
    """Raises a `DataError` for a setting that does not fit an ESPnet ASR model."""
    chosen = {"ctc_weight": 0.5, "beam_size": 20} | dict(settings)  # ESPnet's defaults
    weight, count = chosen["ctc_weight"], len(model.token_list)
    transducer = model.use_transducer_decoder
    if chosen["beam_size"] > count:
        raise DataError(
            f"{where}: beam_size is at most {count}, the tokens of this model, got {chosen['beam_size']}"
        )
    if "transducer_conf" in settings and not transducer:
        raise DataError(f"{where}: transducer_conf is for transducers, which this model is not")
    if weight > 0 and getattr(model, "ctc", None) is None and not transducer:
        raise DataError(
            f"{where}: ctc_weight is 0 for this model, which was trained without CTC, got {weight}"
        )
    if weight < 1 and model.decoder is None:
        raise DataError(f"{where}: ctc_weight is 1 for this model, which has no decoder, got {weight}")

"""Whether the values of a configuration are such as ESPnet's command line takes, for it reads files unchecked."""

from argparse import Action
from collections.abc import Iterable, Mapping
from typing import Any

from fangyan.errors import DataError, known_names

WORDS = {
    "int": "a whole number",
    "int_or_none": "a whole number or null",
    "float": "a number",
    "float_or_none": "a number or null",
    "str2bool": "true or false",
    "str2triple_str": "a list of three like [valid, loss, min]",
}
"""Functions that read a value of the command line -> what they take."""

LEAST = dict.fromkeys(
    ("num_workers", "num_att_plot", "patience", "nbest_averaging_interval", "freeze_layers"), 0
)
LEAST |= dict.fromkeys(
    ("max_epoch", "keep_nbest_models", "accum_grad", "log_interval", "num_iters_per_epoch"), 1
)
LEAST |= dict.fromkeys(
    (
        "batch_size",
        "valid_batch_size",
        "batch_bins",
        "valid_batch_bins",
        "min_batch_size",
        "max_batch_size",
        "translations",
        "text_units",
    ),
    1,
)
LEAST |= {"crop_seconds": 0.1}
"""Below these, training fails late, never begins or learns nothing."""

MOST = {"text_ratio": 1000}
"""Above these, no memory holds a batch."""

ABOVE_ZERO = (
    "grad_clip",
    "grad_clip_type",
    "layer_decay",
    "dataset_scaling_factor",
    "text_ratio",
)


def check_values(settings: Mapping[str, Any], actions: Iterable[Action], source: str) -> None:
    """`DataError` for the first value that an option of ``actions`` does not take; ``source``: where it is written."""
    for action in actions:
        if action.dest in settings and settings[action.dest] != action.default:
            _check(action, settings[action.dest], f"{source}: {action.dest}")


def _check(action: Action, value: Any, where: str) -> None:
    if action.dest.endswith("_conf"):
        if not isinstance(value, Mapping):
            raise DataError(f"{where}: a mapping of names to values is needed, got {value!r}")
        return
    if isinstance(value, list | Mapping) and type(action).__name__ == "NestedDictAction":
        return  # such as the losses of ESPnet's SSL task: what is in them its classes know
    if (
        action.nargs
        and isinstance(action.nargs, int)
        and not (isinstance(value, list) and len(value) == action.nargs)
    ):
        raise DataError(f"{where}: a list of {action.nargs} is needed, got {value!r}")
    many = action.nargs not in (None, "?", 0) or type(action).__name__ == "_AppendAction"
    if many and value == [] != action.default:
        raise DataError(f"{where}: at least one is needed, got []")
    if many and isinstance(value, str) and action.type is str:  # ESPnet would take its letters for a list
        raise DataError(f"{where}: a list is needed, got {value!r}")
    for item in value if many and isinstance(value, list) else [value]:
        _check_item(action, item, where)


def _check_item(action: Action, item: Any, where: str) -> None:
    kind = getattr(action.type, "__name__", "str")
    words = WORDS.get(kind, "one value")
    several = isinstance(item, list) and len(item) == 3
    if several != (kind == "str2triple_str") or (isinstance(item, list | Mapping) and not several):
        raise DataError(f"{where}: {words} is needed, got {item!r}")
    try:
        read = action.type(",".join(map(str, item)) if several else _written(item)) if action.type else item
    except Exception:  # each function has its own
        raise DataError(f"{where}: {words} is needed, got {item!r}") from None
    if action.choices and read not in action.choices:
        raise DataError(f"{where}: got {item!r}: {known_names(str(item), map(str, action.choices))}")
    if read is None:
        return
    least = LEAST.get(action.dest, float("-inf"))
    if read != read:
        raise DataError(f"{where}: {words} is needed, got {item!r}")
    if kind.startswith(("int", "float")) and read < least:
        raise DataError(f"{where}: at least {least} is needed, got {item!r}")
    if action.dest in MOST and read > MOST[action.dest]:
        raise DataError(f"{where}: at most {MOST[action.dest]} is needed, got {item!r}")
    if action.dest in ABOVE_ZERO and not read > 0:
        raise DataError(f"{where}: a number above 0 is needed, got {item!r}")


def _written(item: Any) -> str:
    """A value of YAML as one writes it on the command line."""
    return "none" if item is None else str(item).lower() if isinstance(item, bool) else str(item)

"""What may change between two runs of one experiment: what a key does decides, not that it differs.

- Nothing of the outcome hangs on `UNFELT` keys, nor on `MEASURING` ones unless the learning rate hears validation.
- `LENGTH` and `CHOICE`, how long to train and which epochs to average, may change where the outcome is what it would
  have been from the beginning: no epoch is trained that the run would not have had, none is gone that it would average.
- All else decides the weights, and is refused by name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fangyan import config as configs
from fangyan.encoders.espnet_build import task_class
from fangyan.errors import UserError
from fangyan.files import DONE
from fangyan.registry import task_name
from fangyan.training.checkpoints import epochs_told

STARTED = ".started"
"""The folder of the stamp of what a training was started from, its settings by their dotted keys."""
SETTINGS = "settings"

MESSAGES = "log_level log_interval use_matplotlib num_att_plot use_tensorboard create_graph_in_tensorboard print_config"
WANDB = (
    "use_wandb wandb_project wandb_id wandb_entity wandb_name wandb_model_log_interval wandb_allow_val_change"
)
LOADING = "num_workers max_cache_size max_cache_fd valid_max_cache_size"
PLACE = "ngpu dist_backend dist_init_method dist_world_size dist_rank dist_master_addr dist_master_port dist_launcher"
OURS = "local_rank multiprocessing_distributed seed output_dir resume nbest_averaging_interval detect_anomaly"
UNFELT = frozenset(" ".join((MESSAGES, WANDB, LOADING, PLACE, OURS)).split())
MEASURING = frozenset(("valid_batch_size", "valid_batch_bins", "valid_batch_type", "valid_iterator_type"))
HEARS_VALIDATION = ("reducelronplateau",)
LENGTH = ("max_epoch", "patience", "early_stopping_criterion")
CHOICE = ("best_model_criterion", "keep_nbest_models")

MATERIALS = {
    "train": "training data",
    "valid": "development data",
    "tokens": "tokens",
    "init": "initial weights",
    "weights": "weights of corpora",
    "form_tables": "tables of the text form",
    "units": "units",
    "texts": "texts",
}
"""What a stamp holds by fingerprint, in words."""
ADVICE = "choose another --tag or remove the folder"


def deciding_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings on which the outcome of a training hangs, by dotted key, and the content of files they name."""
    unfelt = UNFELT if settings.get("scheduler") in HEARS_VALIDATION else UNFELT | MEASURING
    kept = {key: value for key, value in settings.items() if key not in unfelt}
    named = {f"content of {key}": value for key, value in configs.contents(kept).items()}
    return configs.flat(kept) | named


def check_unchanged(exp: Path, now: Mapping[str, Any]) -> None:
    """Raises `UserError` that names what was otherwise when the training in ``exp`` was started.

    ``now``: the stamp of this run, its ``settings`` as of `deciding_settings`. There is a checkpoint in ``exp``.
    """
    before, now = _started(exp), json.loads(json.dumps(now))
    defaults = _defaults(task_name(now[SETTINGS], exp))
    changes = dict(_changes(before[SETTINGS], now[SETTINGS], defaults))
    materials = dict(_changes(*({key: x[key] for key in x if key != SETTINGS} for x in (before, now)), {}))
    barred = materials | {key: change for key, change in changes.items() if key not in (*LENGTH, *CHOICE)}
    if barred:
        said = ", ".join(_say(key, *change) for key, change in barred.items())
        raise UserError(f"{exp}: was started otherwise ({said}): {ADVICE}")
    if changes:
        settings = defaults | now[SETTINGS]
        told = epochs_told(exp)
        for key, why in (*_too_long(told, settings), *_lost(exp, told, settings)):
            if key in changes:
                raise UserError(f"{exp}: {_say(key, *changes[key])}: {why}: {ADVICE}")


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is otherwise in a stamp than in another, key by key, nested ones dotted; empty where nothing is."""
    stamps = (configs.flat(json.loads(json.dumps(stamp))) for stamp in (before, now))
    return ", ".join(_say(key.removeprefix(f"{SETTINGS}."), *change) for key, change in _changes(*stamps, {}))


def _started(exp: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((exp / STARTED / DONE).read_text(encoding="utf-8"))
        return stamp | {SETTINGS: dict(stamp[SETTINGS])}
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{exp}: started by an earlier version, which did not write down what to compare: {ADVICE}; "
            "a model that is finished there is used as it is by the later stages (--stage decode)"
        ) from None


def _defaults(task: str) -> dict[str, Any]:
    """What ESPnet takes for keys that a configuration leaves out."""
    actions = task_class(task).get_parser()._actions
    return json.loads(json.dumps({action.dest: action.default for action in actions}, default=repr))


def _changes(before: Mapping, now: Mapping, defaults: Mapping) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The keys that say something else, each with both values; ``unset`` for none."""
    for key in sorted({**before, **now}):
        old, new = (stamp.get(key, defaults.get(key, "unset")) for stamp in (before, now))
        if old != new:
            yield key, (old, new)


def _say(key: str, old: Any, new: Any) -> str:
    """A change in words: ``batch_size: 8 -> 4``."""
    if key in MATERIALS or key.startswith("content of "):
        return f"other {MATERIALS.get(key, key)}"
    words = (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in (old, new)
    )
    return f"{key}: {' -> '.join(words)}"


def _too_long(told: Mapping[int, Mapping], settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why a length is shorter than what is trained, by each key that may have made it so."""
    last, patience = max(told), settings["patience"]
    if settings["max_epoch"] < last:
        yield "max_epoch", f"{last} epochs are trained"
    for epoch in sorted(told) if patience is not None else ():
        best = _ranked({e: told[e] for e in told if e <= epoch}, *settings["early_stopping_criterion"])
        if best and epoch - best[0] > patience and epoch < last:
            for key in LENGTH[1:]:
                yield key, f"it would have ended after epoch {epoch}, and {last} are trained"


def _lost(exp: Path, told: Mapping[int, Mapping], settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Why a choice of epochs cannot be made any more, by each key that makes it."""
    keep = settings["keep_nbest_models"]
    most = max(keep) if isinstance(keep, list) else keep
    wanted = {e for of in settings["best_model_criterion"] for e in _ranked(told, *of)[:most]} - {max(told)}
    lost = [str(epoch) for epoch in sorted(wanted) if not (exp / f"{epoch}epoch.pth").exists()]
    if lost:
        for key in CHOICE:
            yield key, f"the weights of epoch {', '.join(lost)} would belong to it, and were not kept"


def _ranked(told: Mapping[int, Mapping], role: str, name: str, mode: str) -> Sequence[int]:
    """The epochs by a number, the best first, as ESPnet sorts them; none where nobody measured it."""
    values = {epoch: by_role[role][name] for epoch, by_role in told.items() if name in by_role.get(role, {})}
    return sorted(values, key=lambda epoch: values[epoch] if mode == "min" else -values[epoch])

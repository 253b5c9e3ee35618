"""ESPnet models built of what their configuration describes; what it cannot describe is refused in a sentence."""

import logging
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from inspect import Parameter, signature
from io import TextIOBase
from pathlib import Path
from traceback import extract_tb
from typing import Any

from fangyan.config import check_keys
from fangyan.encoders.espnet_alone import ALONE, Alone
from fangyan.encoders.espnet_kinds import HEARD, OTHERS, kind_of, load_task, refusal
from fangyan.errors import DataError, UserError, known_names
from fangyan.registry import ASR, TASKS, task_name

UNUSED = ("preprocessor",)
"""What may be chosen, but is no part of the model."""
KNOWN_WARNING = "Set decoder to none as ctc_weight==1.0"


def task_class(name: str = ASR) -> type:
    """The class of a training task, which builds its models; `UserError` for one that nobody knows, or that is none.

    The import of ESPnet takes a quarter of a minute and talks of optional packages, which is muted.
    """
    with _muted():
        found = TASKS.load(name)
    if not hasattr(found, "known_classes"):
        raise UserError(
            f"task {name!r} is no class with fangyan.training.task.Trained among its bases: {found!r}"
        )
    return found


def name_of(settings: Mapping[str, Any], source: Path) -> str:
    """The task that a model's configuration names, or else the kind of model that ESPnet says by its other keys."""
    return task_name(settings, source) if settings.get("task") else kind_of(settings)


def task_of(settings: Mapping[str, Any], source: Path) -> type:
    """The class of the task that a model was trained by; `DataError` with ``source``, its configuration, for others.

    It is ESPnet's own for kinds of models whose encoder is read, but nothing trained for.
    """
    name, package = name_of(settings, source), settings.get("task_package")
    if name in OTHERS and name not in TASKS:
        raise refusal(source, name)
    if name in HEARD and name not in TASKS:
        with _muted():
            return load_task(name)
    try:
        return task_class(name)
    except UserError as error:
        advice = f": the model was trained with the package {package}" if package else ""
        raise DataError(f"{source}: {error}{advice}") from None


@contextmanager
def without_known_warning() -> Iterator[None]:
    """While it is open, ESPnet does not warn of models whose loss is CTC's alone, which is what was asked for."""

    def keep(record: logging.LogRecord) -> bool:
        return record.getMessage() != KNOWN_WARNING

    logging.root.addFilter(keep)
    try:
        yield
    finally:
        logging.root.removeFilter(keep)


@contextmanager
def _muted() -> Iterator[None]:
    """Silences stderr inside; loggers that modules imported inside made of it write again afterwards."""
    stream = _Mutable()
    try:
        with redirect_stderr(stream):
            yield
    finally:
        stream.muted = False


class _Mutable(TextIOBase):
    """stderr, whatever that is at the time, unless ``muted``."""

    muted = True

    def write(self, text: str) -> int:
        return len(text) if self.muted else sys.stderr.write(text)


def alone(settings: Mapping[str, Any], source: Path) -> Mapping[str, Any]:
    """What a configuration says instead where only the encoder is wanted; empty where the model is built whole."""
    return ALONE if name_of(settings, source) == ASR else task_of(settings, source).alone


def build(settings: Mapping[str, Any], source: Path, decoder: bool = True):
    """The ESPnet model that the settings of a config.yaml describe, with random weights of seed 0.

    Without ``decoder`` if that is not asked for and it can be built so: that is quicker, other weights are the same.
    `DataError` with ``source``, the file of the settings, where they name what this ESPnet lacks, or lack something.
    """
    import torch

    task = Alone(settings) if not decoder and Alone.builds(settings) else task_of(settings, source)
    with _muted():  # it may import them
        known = task.known_classes()
    for part, classes in known.items():
        if part not in UNUSED:
            _check_choice(part, classes, settings, source)
    try:
        with torch.random.fork_rng(), without_known_warning():
            torch.manual_seed(0)
            return task.build_model(Namespace(**settings))
    except UserError as error:
        raise type(error)(f"{source}: {error}") from None
    except Exception as error:  # of whatever kind: it comes from the depths of ESPnet
        lacking = isinstance(error, AttributeError) and isinstance(error.obj, Namespace)
        why = f"{error.name} is missing" if lacking else f"{type(error).__name__}: {_line(error)}"
        raise DataError(f"{source}: this ESPnet builds no model of it: {why}") from None


def _check_choice(name: str, classes: Mapping[str, type], settings: Mapping[str, Any], source: Path) -> None:
    """`DataError` where the class chosen for ``name`` is not among ``classes``, or does not take its options."""
    value, options = settings.get(name), settings.get(f"{name}_conf")
    if value is None:
        return
    if not isinstance(value, str) or value not in classes:
        raise DataError(f"{source}: unknown {name} {value!r}: {known_names(str(value), sorted(classes))}")
    if not isinstance(options or {}, dict):
        raise DataError(f"{source}: {name}_conf is a mapping of names to values, got {options!r}")
    known = parameters(classes[value])
    if known is not None:
        check_keys(options or {}, known, f"{source}: {name}_conf")


def parameters(function: type) -> dict[str, None] | None:
    """The keyword names a class takes, or None where it takes any."""
    taken = signature(function).parameters.values()
    if any(p.kind is Parameter.VAR_KEYWORD for p in taken):
        return None
    return {p.name: None for p in taken}


def _line(error: Exception) -> str:
    """What an error says in one line; where it says nothing, the line of code that it comes from."""
    return " ".join(str(error).split())[:200] or str(extract_tb(error.__traceback__)[-1].line)

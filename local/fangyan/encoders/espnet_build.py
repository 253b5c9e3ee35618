"""ESPnet ASR models built of what their configuration describes; what it cannot describe is refused in a sentence."""

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
from fangyan.errors import DataError, UserError

UNUSED = ("preprocessor",)
"""What may be chosen, but is no part of the model."""


def asr_task() -> type:
    """ESPnet's ASR task with Whisper among its encoders.

    Its import takes a quarter of a minute and talks of optional packages, which is muted.
    """
    with _muted():
        from espnet2.tasks.asr import ASRTask

        import fangyan.encoders.espnet_whisper  # noqa: F401
    return ASRTask


@contextmanager
def _muted() -> Iterator[None]:
    """Nothing is heard on stderr inside; the loggers that modules imported inside made of it are heard afterwards."""
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


def build(settings: Mapping[str, Any], source: Path):
    """The ESPnet ASR model that the settings of a config.yaml describe, with random weights of seed 0.

    `DataError` with ``source``, the file of the settings, where they name what this ESPnet lacks, or lack something.
    """
    import torch

    task = asr_task()
    for choices in (c for c in task.class_choices_list if c.name not in UNUSED):
        _check_choice(choices.name, choices.classes, settings, source)
    try:
        with torch.random.fork_rng():
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
        raise DataError(f"{source}: unknown {name} {value!r}: this ESPnet has {', '.join(sorted(classes))}")
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

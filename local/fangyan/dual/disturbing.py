"""What is taken off strings of speech at random, in training alone: the variety of their prefix, and units."""

import re
from collections.abc import Callable
from typing import Any

import torch

from fangyan.encoders.unit_strings import SPEECH

UNIT = re.compile(r"<u\d+>")


def disturb(variety: float, units: float) -> Callable[[dict[str, list]], dict[str, list]]:
    """What takes the variety off the prefix of speech with one probability, and each unit out with the other.

    The variety of a recording that is to be found is not known: it is read without, and has to be learnt so.
    """

    def change(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {name: [disturbed(value) for value in values] for name, values in rows.items()}

    def disturbed(value: Any) -> Any:
        if not isinstance(value, str) or SPEECH not in value:
            return value
        return drop_units(without_variety(value) if torch.rand(()) < variety else value, units)

    return change


def without_variety(string: str) -> str:
    """A string of speech without the variety that its prefix begins with."""
    return string[string.index(SPEECH) :]


def drop_units(string: str, share: float) -> str:
    """A string, each unit of it left out with probability ``share``."""
    return UNIT.sub(lambda unit: "" if torch.rand(()) < share else unit[0], string) if share else string

"""What is taken off the strings of a batch at random, in training alone: the variety of a prefix, and units."""

import re
from collections.abc import Callable
from typing import Any

import torch

UNIT = re.compile(r"<u\d+>")
SIDES = (("one",), ("other", "negative"))
"""The columns of a pair that have or lack their variety together: it must not tell a text from its hard negative."""


def disturb(variety: float, units: float) -> Callable[[dict[str, list]], dict[str, list]]:
    """What takes the variety off a prefix with one probability, and each unit out with the other, in some rows."""

    def change(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        changed = {name: list(values) for name, values in rows.items()}
        for n in range(len(rows["one"])):
            for side in SIDES:
                bare = torch.rand(()) < variety
                for name in side:
                    if name in changed:
                        string = changed[name][n]
                        changed[name][n] = drop_units(without_variety(string) if bare else string, units)
        return changed

    return change


def without_variety(string: str) -> str:
    """A string without the variety that its prefix begins with."""
    return string[string.index("]") + 1 :]


def drop_units(string: str, share: float) -> str:
    """A string, each unit of it left out with probability ``share``."""
    return UNIT.sub(lambda unit: "" if torch.rand(()) < share else unit[0], string) if share else string

"""JSON as dataclasses, read strictly: the keys of an object are the fields of a class, their types are the rules.

A type is a dataclass, a list (``tuple[T, ...]``), an object of any keys (``dict[str, T]``), null or another (``T |
None``), or one with a rule: those below, and the numbers of `fangyan.tables`.
"""

import re
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from fangyan.errors import DataError
from fangyan.files import read_json
from fangyan.tables import CellRule

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What ends a line, moves a terminal's cursor or cannot be written."""


class Rule(NamedTuple):
    """What a value has to be, in words and as a test."""

    text: str
    accepts: Callable[[Any], bool]


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not UNPRINTABLE.search(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


Line = Annotated[str, Rule("a line of text", _is_line)]
Hash = Annotated[str, Rule("64 hexadecimal digits", _is_hash)]
Flag = Annotated[bool, Rule("true or false", lambda value: isinstance(value, bool))]
Fact = Annotated[
    str | int | float, Rule("a line of text or a number", lambda v: _is_line(v) or _is_number(v))
]


def read[T](path: Path, kind: type[T]) -> T:
    """The dataclass ``kind`` that a JSON file holds; `DataError` with file, key and rule where it does not."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            raise DataError(
                f"{path}: {max(keys, key=keys.count)}: a key stands once in an object, got it again"
            )
        return found

    return parse(kind, read_json(path, object_pairs_hook=unique), f"{path}")


def parse(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the type ``kind``; `DataError` that begins with ``where`` and the key for one that is no such."""
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _object(kind, value, where)
    if origin is Annotated:
        return _ruled(inner[1], value, where)
    if origin is tuple:
        _check(isinstance(value, list), "a list", value, where)
        return tuple(parse(inner[0], item, f"{where}: {n}") for n, item in enumerate(value, 1))
    if origin is dict:
        _check(isinstance(value, dict) and all(map(_is_line, value)), "an object", value, where)
        return {key: parse(inner[1], item, f"{where}: {key}") for key, item in value.items()}
    return None if value is None else parse(inner[0], value, where)  # T | None


def _object(kind: Any, value: Any, where: str) -> Any:
    _check(isinstance(value, dict), "an object", value, where)
    known = {field.name: field.default is MISSING for field in fields(kind)}
    if unknown := [key for key in value if key not in known]:
        raise DataError(f"{where}: the keys are {', '.join(known)}, got {unknown[0]!r} as well")
    if missing := [key for key, needed in known.items() if needed and key not in value]:
        raise DataError(f"{where}: {missing[0]}: is needed, got none")
    types = get_type_hints(kind, include_extras=True)
    return kind(**{key: parse(types[key], item, f"{where}: {key}") for key, item in value.items()})


def _ruled(rule: Rule | CellRule, value: Any, where: str) -> Any:
    if isinstance(rule, CellRule):
        whole = isinstance(value, int) or rule.parse is float
        fits = _is_number(value) and whole and rule.low <= value <= rule.high
    else:
        fits = rule.accepts(value)
    _check(fits, rule.text, value, where)
    return value


def _check(fits: bool, rule: str, value: Any, where: str) -> None:
    if not fits:
        shown = repr(value)
        raise DataError(f"{where}: is {rule}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")

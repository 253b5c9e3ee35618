"""YAML configurations: composed from a base and overlays with ``include``, unknown keys refused at any depth."""

from collections.abc import Mapping
from os.path import isfile
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from fangyan.errors import DataError, known_names, nearest
from fangyan.files import ROOT, fingerprint, read_text

KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
"""What a value may be, as YAML names it: what JSON has, in which finished work is recognised. A date is a word."""
_TAG = "tag:yaml.org,2002:"


def find(path: Path) -> Path:
    """The file that a path of the command line names: one of the recipe in which it runs, or else of the repository."""
    shipped = ROOT / path
    return shipped if shipped.exists() and not path.exists() else path


class _Loader(yaml.SafeLoader):
    """Safe YAML of those kinds, in which a key stands once and nothing contains itself."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=True)  # at once, by which a circle is noticed
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ConstructorError(
                None, None, f"no {node.tag.removeprefix(_TAG)} ({error})", node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(None, None, "a key is one word", key.start_mark)
            if key.value in seen:
                where = f"{key.start_mark.name}:{key.start_mark.line + 1}"
                raise DataError(f"{where}: a key stands once in a mapping, got {key.value!r} again")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_constructors = {
    tag: make
    for tag, make in _Loader.yaml_constructors.items()
    if tag is None or tag.removeprefix(_TAG) in KINDS
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag.removeprefix(_TAG) in (*KINDS, "merge")]
    for first, rules in _Loader.yaml_implicit_resolvers.items()
}


def compose(path: Path, including: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The configuration of a YAML file on top of the files it names under ``include``.

    ``include`` is one path or a list, relative to the including file; later ones and the file itself win, key by key
    at any depth; a value of another kind replaces. Raises `DataError` for a circle, bad YAML or a repeated key.
    """
    path = path.resolve()
    if path in including:
        raise DataError(
            f"{path}:1: include goes round in a circle: {' -> '.join(p.name for p in (*including, path))}"
        )
    own = _load_mapping(path)
    named = own.pop("include", [])
    bases = named if isinstance(named, list) else [named]
    if not all(isinstance(base, str) for base in bases):
        raise DataError(f"{path}: include is a path or a list of paths, got {named!r}")
    composed: dict[str, Any] = {}
    for base in bases:
        if not isfile(path.parent / base):
            raise DataError(
                f"{path}: include is a file, its path relative to the one that includes it, got {base}: there is no "
                f"{path.parent / base}"
            )
        composed = merge(composed, compose(path.parent / base, (*including, path)))
    return merge(composed, own)


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``overlay``, mapping by mapping.

    Where the overlay chooses another class (``scheduler: steplr``), the options of the base's class
    (``scheduler_conf``) do not fit it and are left behind.
    """
    chosen_anew = {f"{key}_conf" for key, value in overlay.items() if base.get(key) != value}
    merged = {key: value for key, value in base.items() if key not in chosen_anew}
    for key, value in overlay.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def check_keys(config: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    """Raises a `DataError` that names the first unknown key, its place and the nearest known name.

    ``known`` has the shape of ``config``; a mapping in it lists what is known a level deeper, None allows anything.
    """
    for key, value in config.items():
        if key not in known:
            near = nearest(str(key), known)  # alone, for there may be a hundred
            hint = f"did you mean {near!r}?" if near else known_names(str(key), sorted(known))
            raise DataError(f"{where}: unknown key {key!r}: {hint}")
        if isinstance(value, Mapping) and isinstance(known[key], Mapping):
            check_keys(value, known[key], f"{where}: {key}")


def flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The values of a configuration by their keys, dotted where nested: ``{"optim_conf.lr": 0.005}``."""
    values: dict[str, Any] = {}
    for key, value in settings.items():
        deeper = isinstance(value, Mapping) and value
        values |= flat(value, f"{above}{key}.") if deeper else {f"{above}{key}": value}
    return values


def contents(settings: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> fingerprint of the files that a value names, each up to a colon as in ``FILE:encoder:encoder``."""
    named = {}
    for key, value in flat(settings).items():
        words = [str(word).partition(":")[0] for word in (value if isinstance(value, list) else [value])]
        if found := [Path(word) for word in words if isfile(word)]:
            named[key] = fingerprint(*found)
    return named


def load(path: Path) -> Any:
    """What a YAML file holds; `DataError` with the line where it is not readable."""
    return parse(read_text(path), f"{path}")


def parse(text: str, name: str) -> Any:
    """What YAML says; `DataError` with ``name`` and the line where it is not readable."""
    try:
        loader = _Loader(text)
        loader.name = name
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        why = " ".join(str(getattr(error, "problem", error)).split())
        raise DataError(f"{name}:{line}: not readable as YAML: {why}") from None
    except (RecursionError, OverflowError) as error:
        raise DataError(f"{name}: not readable as YAML: {error}") from None


def _load_mapping(path: Path) -> dict[str, Any]:
    content = load(path)
    if not isinstance(content or {}, dict):
        raise DataError(f"{path}:1: a configuration is a mapping of names to values, got {content!r}")
    for key in content or {}:
        if not isinstance(key, str):
            raise DataError(f"{path}: a key is a word, got {key!r}")
    return content or {}

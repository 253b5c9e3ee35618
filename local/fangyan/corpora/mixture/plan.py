"""What to mix and where it lies, as the user states them in two YAML files.

A mixture names its parts under ``corpora``: a name each, and how it takes part::

    wording: text               # what all utterances have: text, the variety's own, or text_cmn, the Mandarin one
    dev_utterances: 500         # of each variety in dev
    longest: 30                 # seconds of an utterance of train and dev; Whisper hears no more at once
    corpora:
      aishell:                  # all of it
      mdcc: {weight: 2}         # its utterances and hours count twice when varieties are drawn
      subdialects: {corpus: kespeech, options: {phases: 1}, hours: 300}  # another name; at most 300 h of train

The other file, ``corpora.yaml``, says where they lie: ``aishell: /path/to/it``; null goes without one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from inspect import getdoc
from pathlib import Path

from fangyan import config as configs
from fangyan import corpora
from fangyan.errors import DataError, UserError

WORDINGS = ("text", "text_cmn")
NAME = re.compile(r"(?!(?:train|dev|test.*|token_list)$)\w+")
"""Of a part: its folder lies beside those of the sets."""
WHERE = re.compile(r"Where to get it: .*?(?=\s+Citation:)", re.DOTALL)


@dataclass(frozen=True)
class MixturePart:
    """A corpus in a mixture. ``options``: NAME=VALUE; ``hours``: of train, at most; ``weight``: how often it counts."""

    name: str
    corpus: str
    options: tuple[str, ...] = ()
    hours: float = float("inf")
    weight: float = 1.0


@dataclass(frozen=True)
class Mixture:
    """What to combine. ``wording``: what all utterances have; ``dev_utterances``: of each variety; ``longest``: s."""

    parts: tuple[MixturePart, ...]
    wording: str = "text"
    dev_utterances: int = 500
    longest: float = float("inf")


def read(file: Path) -> Mixture:
    """The mixture that a YAML file states; `DataError` for unknown keys and for values that make no sense."""
    stated = configs.compose(file)
    configs.check_keys(stated, dict.fromkeys(("wording", "dev_utterances", "longest", "corpora")), str(file))
    parts = _mapping(f"{file}: corpora", stated.pop("corpora", None)).items()
    mixture = Mixture(tuple(_part(f"{file}: {name}", name, part) for name, part in parts), **stated)
    if not parts or mixture.wording not in WORDINGS:
        raise DataError(f"{file}: corpora are some, wording is one of {' '.join(WORDINGS)}, got {mixture}")
    for key in ("dev_utterances", "longest"):
        _check_number(f"{file}: {key}", getattr(mixture, key))
    return mixture


def _part(where: str, name: str, stated: object) -> MixturePart:
    settings = _mapping(where, stated)
    configs.check_keys(
        settings, {field.name: None for field in fields(MixturePart) if field.name != "name"}, where
    )
    if not NAME.fullmatch(name):
        raise DataError(f"{where}: a part has a name of letters, digits and _ that is not that of a set")
    for key in ("hours", "weight"):
        _check_number(f"{where}: {key}", settings.get(key, 1))
    options = _mapping(f"{where}: options", settings.get("options")).items()
    words = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in options]
    return MixturePart(**{"name": name, "corpus": name} | dict(settings) | {"options": tuple(words)})


def _mapping(where: str, value: object) -> Mapping:
    """What a key of YAML holds; an empty one holds nothing."""
    if not isinstance(value or {}, Mapping):
        raise DataError(f"{where}: expected names with values, got {value!r}")
    return value or {}


def _check_number(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise DataError(f"{where} is a number above 0, got {value!r}")


def find(mixture: Mixture, roots: Path) -> dict[str, Path | None]:
    """Corpus -> its folder, None where the user goes without; `UserError` that tells of all that are missing."""
    stated = configs.compose(roots) if roots.exists() else {}
    configs.check_keys(stated, dict.fromkeys(corpora.names()), str(roots))
    wanted = dict.fromkeys(part.corpus for part in mixture.parts)
    folders = {name: Path(stated[name]).expanduser() if stated.get(name) else None for name in wanted}
    missing = {name: "no folder is named" for name in wanted if name not in stated}
    missing |= {name: f"{root} is no folder" for name, root in folders.items() if root and not root.exists()}
    if missing:
        told = "\n\n".join(f"{name}: {missing[name]}.\n{_where_to_get(name)}" for name in sorted(missing))
        one = min(missing)
        raise UserError(
            f"{roots}: {len(missing)} of the {len(wanted)} corpora of the mixture are missing.\n\n{told}\n\n"
            f"Write their folders into {roots}, a line each (`{one}: /path/to/it`; `{one}: null` goes without it)."
        )
    if not any(folders.values()):
        raise UserError(f"{roots}: all corpora of the mixture are null: name the folder of one at least")
    return folders


def _where_to_get(corpus: str) -> str:
    """What the module of a corpus says of it."""
    found = WHERE.search(getdoc(corpora.load(corpus)) or "")
    return found[0] if found else ""

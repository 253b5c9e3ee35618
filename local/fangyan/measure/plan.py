"""Measurements as data: the lines of a YAML list, each held to the function that it names before anything runs.

    - control: {quantile: 0.05}      a measurement and its options; with ``baselines: true`` it is of baselines, too

A measurement is a function in `MEASURES`, or in another package's entry points of the group ``fangyan.measures``. What
a parameter of the name of a field of `Given` gets is known; all other parameters are options: words, numbers, true or
false. One with the parameter ``part`` can be divided among the tasks of a job array. For example, after
``[project.entry-points."fangyan.measures"]`` and ``frames = "frame_counts:count"`` in a pyproject.toml::

    def count(feats: Path, sets: Sequence[Path], out: Path, unit: str = "frame") -> bool:
        ...  # writes the folder out; whether it had to be written, as of `fangyan.files.produce`

``- frames: {unit: second}`` writes ``<experiment>/frames_second/``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple

from fangyan import config
from fangyan.errors import DataError, UserError, known_names
from fangyan.registry import Registry
from fangyan.shards import Shard

MEASURES = Registry(
    "measurement",
    "fangyan.measures",
    {
        "retrieve": "fangyan.measure.retrieval:retrieve",
        "intervals": "fangyan.measure.significance:intervals",
        "control": "fangyan.measure.pronunciation_control:control",
        "word_test": "fangyan.measure.word_test:synonymy",
        "probe": "fangyan.measure.probing:probe",
        "cross_modal": "fangyan.measure.cross_modal:cross_modal",
        "unit_texts": "fangyan.measure.unit_texts:unit_texts",
        "hard_negatives": "fangyan.measure.hard_negatives:hard_negatives",
        "classify": "fangyan.measure.classification:classify",
    },
)
FOLDERS = {"retrieve": "retrieval", "word_test": "synonymy"}
"""Folders that are not called as their measurement."""
BASELINES = Parameter("baselines", Parameter.KEYWORD_ONLY, default=False, annotation=bool)
"""The option that every measurement has: whether it is of the baselines, too."""
KINDS = {str: "a word", int: "a whole number", float: "a number", bool: "true or false"}
"""What an option can be, by its annotation."""
CHANGE = re.compile(r"([^.=]+)\.([^.=]+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Given:
    """What a measurement gets by the names of its parameters."""

    encoder: str
    """SPEC of the encoder."""
    feats: Path
    """Folder of its dumped features."""
    retrieval: Path
    """Folder of its retrieval by SeqSim."""
    layers: Sequence[str]
    """Layers to score; none: all that were dumped."""
    sets: Sequence[Path]
    """Data directories."""
    names: Sequence[str]
    """Names of the data directories."""
    out: Path
    """Folder of the results."""
    part: Shard
    """The shard of the work, the merging of shards, or all of it."""


@dataclass(frozen=True)
class Measurement:
    """A line of the list: a function with the options of the line, and whether it is of the baselines, too."""

    name: str
    function: Callable[..., object]
    options: Mapping[str, object]
    baselines: bool = False

    @property
    def folder(self) -> str:
        """The name of the folder of its results: two lines that differ in a word have two."""
        options = _options(self.function)
        values = {name: self.options.get(name, p.default) for name, p in options.items()}
        words = [v for name, v in values.items() if isinstance(v, str) and v != options[name].default]
        name = "_".join([FOLDERS.get(self.name, self.name), *filter(None, words)])
        return re.sub(r"[^\w.-]", _plain, name, flags=re.ASCII)

    @property
    def shardable(self) -> bool:
        """Whether the tasks of a job array can share it."""
        return "part" in _parameters(self.function)

    @property
    def of_layers(self) -> bool:
        """Whether its result depends on the layers that are scored."""
        return not {"layers", "retrieval"}.isdisjoint(_parameters(self.function))

    def run(self, given: Given) -> bool:
        """Whether there was something to do."""
        asked = _parameters(self.function)
        known = {name: value for name, value in vars(given).items() if name in asked}
        return bool(self.function(**known, **self.options))


class _Line(NamedTuple):
    """A measurement as it is asked for, and where."""

    where: str
    name: str
    options: Mapping[str, Any]


def read(path: Path, also: Iterable[str] = (), changes: Iterable[str] = ()) -> list[Measurement]:
    """The measurements that a YAML file lists, then those of ``also`` that it does not list, with their ``changes``.

    ``also``: names; ``changes``: ``NAME.OPTION=VALUE``, of every line of that name. `DataError` or `UserError` for
    unknown measurements and options, missing options, values of another kind, and two lines for one folder.
    """
    lines = list(_lines(path))
    listed = {line.name for line in lines}
    lines += [_Line("--also", name, {}) for name in dict.fromkeys(also) if name not in listed]
    for change in changes:
        lines = _changed(lines, change)
    measurements = [_measurement(line) for line in lines]
    folders: dict[str, Measurement] = {}
    for one in measurements:
        if folders.setdefault(one.folder, one) is not one:
            raise DataError(
                f"{path}: {one.name}: the results of each go to a folder of their own, got {one.folder} twice"
            )
    return measurements


def _lines(path: Path) -> Iterator[_Line]:
    listed = config.load(path)
    if not isinstance(listed, list) or not listed:
        raise DataError(f"{path}:1: measurements are a list, each line with a dash, got {listed!r}")
    for item in listed:
        single = isinstance(item, dict) and len(item) == 1
        name, options = next(iter(item.items())) if single else (item, {})
        options = {} if options is None else options
        if not isinstance(name, str) or not isinstance(options, dict):
            raise DataError(f"{path}: a line is `- name` or `- name: {{option: value}}`, got {item!r}")
        yield _Line(f"{path}", name, options)


def _changed(lines: Sequence[_Line], change: str) -> list[_Line]:
    """The lines with a value in place of another."""
    match = CHANGE.fullmatch(change)
    if not match:
        raise UserError(f"--set is MEASUREMENT.OPTION=VALUE, control.quantile=0.5 say, got {change!r}")
    name, option, text = match.groups()
    if name not in (listed := [line.name for line in lines]):
        raise UserError(f"--set {change}: no {name} is listed: {known_names(name, dict.fromkeys(listed))}")
    value = config.parse(text, f"--set {change}")
    return [
        line
        if line.name != name
        else _Line(f"{line.where} with --set {change}", name, {**line.options, option: value})
        for line in lines
    ]


def _measurement(line: _Line) -> Measurement:
    function = _function(line)
    known = _options(function) | {BASELINES.name: BASELINES}
    where = f"{line.where}: {line.name}"
    config.check_keys(line.options, known, where)
    for name, parameter in known.items():
        if name in line.options:
            _check_kind(f"{where}: {name}", parameter.annotation, line.options[name])
        elif parameter.default is Parameter.empty:
            raise DataError(f"{where}: {name}: has no default, so a value is needed, got none")
    options = dict(line.options)
    return Measurement(line.name, function, baselines=options.pop(BASELINES.name, False), options=options)


def _function(line: _Line) -> Callable[..., object]:
    if line.name not in MEASURES:
        known = known_names(line.name, [*MEASURES.own, *MEASURES.installed()])
        raise UserError(f"{line.where}: unknown measurement {line.name!r}: {known}")
    return MEASURES.load(line.name)


def _check_kind(where: str, kind: type, value: object) -> None:
    if kind not in KINDS:
        raise UserError(f"{where}: an option is {', '.join(KINDS.values())}, got {kind} in the function")
    if type(value) not in ((int, float) if kind is float else (kind,)):
        raise DataError(f"{where}: {KINDS[kind]}, got {value!r}")


def _plain(match: re.Match[str]) -> str:
    """What stands for a character in the name of a folder: two Chinese words have two folders."""
    return "_" if match[0].isascii() else f"u{ord(match[0]):x}"


def _parameters(function: Callable[..., object]) -> Mapping[str, Parameter]:
    return signature(function, eval_str=True).parameters


def _options(function: Callable[..., object]) -> dict[str, Parameter]:
    """The parameters of a function that are not `Given`."""
    given = {field.name for field in fields(Given)}
    return {name: parameter for name, parameter in _parameters(function).items() if name not in given}

"""Trains the dual encoder: an experiment folder whose ``llm`` is a model of sentence-transformers with its units.

EXP/llm/          modules.json, transformer with extended vocabulary, pooling, normalisation
EXP/llm/units/    the model of units
EXP/llm/dual.yaml varieties, text_variety, text_column: how prefixes are made
EXP/config.yaml history.tsv train.json
EXP/train/        what a killed training goes on from; gone when it is finished
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from fangyan import environment
from fangyan.data import datadir
from fangyan.data.checks import check_data_directory
from fangyan.data.sources import origins
from fangyan.dual import settings as dual_settings
from fangyan.dual.pairs import (
    UNITS,
    Pair,
    Spoken,
    read_speech,
    read_wordings,
    speech_speech,
    speech_text,
    text_text,
)
from fangyan.dual.settings import RANDOM, Settings
from fangyan.encoders import hub, unit_model
from fangyan.encoders.unit_model import SETTINGS, WEIGHTS, UnitModel
from fangyan.errors import UserError
from fangyan.files import DONE, fingerprint, is_done, made_from, replace_folder, stamp, write_json, write_text
from fangyan.folders import make_folder
from fangyan.training import history, summary
from fangyan.training.history import Curve

LLM, WORK, STARTED = "llm", "train", ".started"
PREFIXES = "dual.yaml"
CURVES = (Curve("acc_text", "max", ("valid",)),)
"""R@1 from speech to text on the development set, by which the best epoch is kept."""


@dataclass(frozen=True)
class DualRun:
    """What a training of the dual encoder depends on. ``units``: the model of units that the columns are of."""

    config: Path
    train: Path
    dev: Path
    units: Path
    seed: int
    exp: Path

    @cached_property
    def settings(self) -> Settings:
        """What the configuration says."""
        return dual_settings.read(self.config)

    @cached_property
    def unit_model(self) -> UnitModel:
        """The model of units."""
        return unit_model.load(self.units)

    def speech(self, data: Path) -> list[Spoken]:
        """The utterances of a data directory."""
        of = self.settings
        return read_speech(data, self.unit_model.k, self.units, of.text_column, of.varieties)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What the finished experiment is recognised by."""
        return _inputs(self)

    @cached_property
    def varieties(self) -> list[str]:
        """The varieties that have a prefix: those learnt, in speech or in text, and that of a typed sentence."""
        found = {utterance.variety for utterance in self.speech(self.train)} | {self.settings.text_variety}
        if self.settings.pairs.get("text_text"):
            sources = _text_sources(self)
            found |= {
                of.variety for source in sources for of in read_wordings(source, self.settings.varieties)
            }
        return sorted(found)

    def text_variety(self, utterance: Spoken) -> str:
        """Of which variety the text of an utterance is."""
        return utterance.variety if self.settings.text_column == "text" else self.settings.text_variety


def train(job: DualRun) -> bool:
    """Trains, and says whether it had to. A killed run goes on after its last whole epoch, to the same weights.

    An experiment folder that was started from other settings, data, units or another seed is refused by name.
    """
    inputs = job.inputs
    if is_done(job.exp, inputs):
        return False
    _check_started(job.exp, inputs)
    sets = data_sets(job)
    dev = job.speech(job.dev)
    make_folder(job.exp)
    write_json(job.exp / STARTED / DONE, inputs)
    write_text(
        job.exp / "config.yaml", yaml.safe_dump(asdict(job.settings), allow_unicode=True, sort_keys=False)
    )
    from fangyan.dual.fit import fit

    epochs, parameters = fit(job, sets, dev, job.exp / WORK, job.exp / f".{LLM}.partial")
    _write_prefixes(job, sets, job.exp / f".{LLM}.partial")
    replace_folder(job.exp / f".{LLM}.partial", job.exp / LLM)
    history.write(job.exp, epochs, history.columns(CURVES))
    write_json(job.exp / summary.NAME, _summary(job, epochs, parameters))
    stamp(job.exp, inputs, [path for path in (job.exp / LLM).rglob("*") if path.is_file()])
    shutil.rmtree(job.exp / WORK, ignore_errors=True)
    return True


def data_sets(job: DualRun) -> dict[str, list[Pair]]:
    """The pairs of each data set that has a weight; `UserError` for one that has none."""
    of = job.settings
    spoken = job.speech(job.train)
    make = {
        "speech_text": lambda: speech_text(spoken, job.text_variety),
        "speech_speech": lambda: speech_speech(spoken),
        "text_text": lambda: text_text(
            dict.fromkeys(w for source in _text_sources(job) for w in read_wordings(source, of.varieties)),
            of.text_variety,
        ),
    }
    sets = {name: make[name]() for name, weight in sorted(of.pairs.items()) if weight}
    for name, pairs in sets.items():
        if not pairs:
            raise UserError(f"{job.config}: pairs: {name}: there are none in the training data: leave it out")
    return sets


def _text_sources(job: DualRun) -> list[Path]:
    for source in map(Path, job.settings.text_data):
        if not source.exists():
            raise UserError(f"{job.config}: text_data: {source}: no such data directory, and no such table")
    own = [job.train] if all((job.train / name).is_file() for name in ("text", "text_cmn")) else []
    return [*own, *map(Path, job.settings.text_data)]


def _inputs(job: DualRun) -> dict[str, Any]:
    """What the finished experiment is recognised by."""
    of = job.settings
    sets = {"train": job.train, "valid": job.dev}
    for data in sets.values():
        check_data_directory(data)
    sources = [path if path.is_file() else datadir.tables(path) for path in _text_sources(job)]
    return {
        "settings": asdict(of),
        "seed": job.seed,
        "texts": fingerprint(*sources),
        "units": fingerprint(
            *(path for path in (job.units / WEIGHTS, job.units / SETTINGS) if path.exists())
        ),
        "weights": _content(of.llm),
        **{role: datadir.tables(data, *_units_of(data)) for role, data in sets.items()},
    }


def _units_of(data: Path) -> list[str]:
    return [UNITS] if (data / UNITS).is_file() else []


def _content(llm: str) -> str:
    if llm == RANDOM:
        return RANDOM
    from fangyan.dual import vocabulary

    folder = vocabulary.locate(llm)
    files = sorted(path for pattern in vocabulary.SAFE for path in folder.glob(pattern))
    return fingerprint(*hub.content(files, llm))


def _check_started(exp: Path, now: Mapping[str, Any]) -> None:
    """`UserError` that names what was otherwise when the training in ``exp`` was started."""
    before = made_from(exp / STARTED)
    if before is None or is_done(exp / STARTED, now):
        return
    raise UserError(f"{exp}: was started otherwise")


def _write_prefixes(job: DualRun, sets: Mapping[str, list[Pair]], folder: Path) -> None:
    """Writes ``units`` and ``dual.yaml`` into the folder of a model."""
    of = job.settings
    shutil.copytree(job.units, folder / "units", ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)
    told = {"varieties": job.varieties, "text_variety": of.text_variety, "text_column": of.text_column}
    write_text(folder / PREFIXES, yaml.safe_dump(told, allow_unicode=True, sort_keys=False))


def _summary(job: DualRun, epochs: Mapping[int, Mapping], parameters: int) -> dict[str, Any]:
    return {
        "task": dual_settings.TASK,
        "seed": job.seed,
        "target": job.settings.text_column,
        "init": job.settings.llm,
        "train_set": job.train.name,
        "dev_set": job.dev.name,
        "parameters": parameters,
        "seconds": sum(of["train"]["time"]["__timedelta_seconds__"] for of in epochs.values()),
        **environment.here(),
        "data": {
            role: {"fingerprint": datadir.identity(data), "origins": [vars(row) for row in origins(data)]}
            for role, data in (("train", job.train), ("valid", job.dev))
        },
    }

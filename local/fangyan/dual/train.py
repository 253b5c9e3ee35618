"""Trains the dual encoder: an experiment folder whose ``llm`` is a model of sentence-transformers with its units.

EXP/llm/          modules.json, transformer with extended vocabulary, pooling, normalisation
EXP/llm/units/    the model of units
EXP/llm/dual.yaml varieties, text_variety, text_column: how prefixes are made
EXP/config.yaml history.tsv train.json
EXP/train/        what a killed training goes on from; gone when it is finished
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from fangyan import environment
from fangyan.data import datadir
from fangyan.data.sources import origins
from fangyan.dual.run import DualRun
from fangyan.dual.settings import TASK
from fangyan.errors import UserError
from fangyan.files import DONE, is_done, made_from, replace_folder, stamp, write_json, write_text
from fangyan.folders import make_folder
from fangyan.training import history, summary
from fangyan.training.history import Curve
from fangyan.training.resuming import ADVICE, STARTED, describe_changes

LLM, WORK = "llm", "train"
CONFIG, PREFIXES = "config.yaml", "dual.yaml"
CURVES = (Curve("acc_text", "max", ("valid",)),)
"""R@1 from speech to text on the development set, by which the best epoch is kept."""


def train(job: DualRun) -> bool:
    """Trains, and says whether it had to. A killed run goes on after its last whole epoch, to the same weights.

    An experiment folder that was started from other settings, data, units or another seed is refused by name.
    """
    if is_done(job.exp, job.inputs):
        return False
    _check_started(job.exp, job.inputs)
    counts = {name: len(pairs) for name, pairs in job.pairs.items()} | {"dev": len(job.speech["valid"])}
    from fangyan.dual.fit import fit

    make_folder(job.exp)
    write_json(job.exp / STARTED / DONE, job.inputs)
    settings = yaml.safe_dump(asdict(job.settings), allow_unicode=True, sort_keys=False)
    write_text(job.exp / CONFIG, settings)
    epochs, parameters = fit(job, job.exp / WORK, partial := job.exp / f".{LLM}.partial")
    _write_prefixes(job, partial)
    replace_folder(partial, job.exp / LLM)
    history.write(job.exp, epochs, history.columns(CURVES))
    write_json(job.exp / summary.NAME, _summary(job, epochs, parameters) | {"pairs": counts})
    made = [path for path in (job.exp / LLM).rglob("*") if path.is_file()]
    stamp(job.exp, job.inputs, [*made, *(job.exp / name for name in (CONFIG, history.NAME, summary.NAME))])
    shutil.rmtree(job.exp / WORK, ignore_errors=True)
    return True


def _check_started(exp: Path, now: Mapping[str, Any]) -> None:
    """`UserError` that names what was otherwise when a training of which there is something was started."""
    before, begun = made_from(exp / STARTED), any((exp / WORK).glob("checkpoint-*")) or (exp / DONE).exists()
    if begun and before is not None and (said := describe_changes(before, now)):
        raise UserError(f"{exp}: was started otherwise ({said}): {ADVICE}")


def _write_prefixes(job: DualRun, folder: Path) -> None:
    """Writes ``units`` and ``dual.yaml`` into the folder of a model."""
    of = job.settings
    shutil.copytree(job.units, folder / "units", ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)
    told = {"varieties": job.varieties, "text_variety": of.text_variety, "text_column": of.text_column}
    write_text(folder / PREFIXES, yaml.safe_dump(told, allow_unicode=True, sort_keys=False))


def _summary(job: DualRun, epochs: Mapping[int, Mapping], parameters: int) -> dict[str, Any]:
    return {
        "task": TASK,
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
            for role, data in job.sets().items()
        },
    }

"""A configuration that is tried whole on a few noises before the work begins; importing it imports ESPnet.

Whatever ESPnet would stumble over after hours, or at the very end, it stumbles over here: it trains and validates one
batch by the same code, chooses and averages its only epoch, and gives the features of each layer. Nothing is kept.
The model is built whole, but only its lowest blocks work, so that it takes little more memory than its weights.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from itertools import cycle, islice
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from espnet2.train.trainer import Trainer
from humanfriendly import parse_size

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders.choice import JOINT
from fangyan.encoders.espnet import check_blocks
from fangyan.encoders.espnet_build import task_of
from fangyan.encoders.espnet_patches import saving
from fangyan.environment import install
from fangyan.errors import DataError
from fangyan.files import naming, write_text
from fangyan.training.espnet_task import blame_settings, command, logging_to
from fangyan.training.history import LOSS
from fangyan.training.inputs import SPEECH, TRANSCRIPT, measured, present
from fangyan.training.ranks import Rank, alone
from fangyan.training.run import Run
from fangyan.training.trainer import check_rates

SAMPLES = audio.SAMPLE_RATE // 2
VARIETIES = ("cmn", "cmn", "yue", "yue")
"""Of the utterances; a category sampler wants two of each."""
COUNT = len(VARIETIES)
TEXT = "我"
ONCE = {"max_epoch": 1, "accum_grad": 1, "min_batch_size": 1, "drop_last_iter": False}
ONCE |= {"dataset_scaling_factor": 1.0, "use_wandb": False, "num_workers": 0}
"""Instead of what a configuration says of how much and how long, which is checked as numbers."""
DEPTH = 2
"""So many blocks at least of those built are trained."""
CRITERIA = {
    "best_model_criterion": [["valid", "loss", "min"]],
    "early_stopping_criterion": ["valid", "loss", "min"],
    "val_scheduler_criterion": ["valid", "loss"],
}
"""Criteria that there always are; those that a configuration names are checked when all is measured."""


def rehearse(
    job: Run,
    settings: Mapping[str, Any],
    here: Rank,
    arguments: Callable[[Run, Mapping[str, Any]], dict[str, Any]],
) -> None:
    """`DataError` with file and key of a setting with which ``job`` would not train, or not to an end that is of use.

    ``arguments``: those of ESPnet for an experiment and its settings. This process alone does it, not as one of ranks.
    """
    _check_trainer(settings, job.config)
    values, task = _values(job), task_of(settings, job.config)
    once = dict(settings) | ONCE | CRITERIA
    if settings.get("num_iters_per_epoch"):
        once["num_iters_per_epoch"] = 1
    with (
        TemporaryDirectory(prefix="rehearsal-") as folder,
        naming(Path("rehearsal"), Path(folder)),
        blame_settings(settings, job.config),
    ):
        small = _small(job, Path(folder), values)
        found = _train(task, once, here, small.exp, arguments(small, once))
        _check_criteria(settings, found, task)
        _check_effect(settings, found)
        if found.saved["1epoch.pth"].keys() != found.names:
            raise DataError("save_strategy: all: the weights of the whole model are needed")
        check_blocks(found.model, "cpu", "encoder")
    vars(found).clear()  # the task has it in its class, which is not collected at once


class Found(Namespace):
    """What a rehearsal leaves: ``model``, the ``names`` of its weights, and what it ``saved`` by file."""


def _train(
    task: type, settings: Mapping[str, Any], here: Rank, exp: Path, arguments: Mapping[str, Any]
) -> Found:
    """What one epoch of ESPnet leaves."""
    found = Found(saved={}, model=None)

    class Once(task):
        """The task that trains here with ESPnet's own trainer, whose checkpoints are caught."""

        class trainer(Trainer):
            @classmethod
            def run(cls, *, model, optimizers, **others):
                check_rates(optimizers)
                _make_shallow(model)
                found.model, found.names = model, model.state_dict().keys()
                with saving(lambda value, path, *_, **__: found.saved.update({Path(path).name: value})):
                    super().run(model=model, optimizers=optimizers, **others)

    own = Rank(gpu=here.gpu).arguments() | dict(arguments) | {"output_dir": str(exp)}
    write_text(exp / "once.yaml", yaml.safe_dump(dict(settings), allow_unicode=True))
    with alone(), logging_to(exp / "once.log") as log, redirect_stderr(log), redirect_stdout(log):
        Once.main(cmd=command(exp / "once.yaml", own))
    return found


def _make_shallow(model: torch.nn.Module) -> None:
    """Removes all but the lowest blocks of encoder and decoder, up to the last with a loss of its own.

    The others are alike. What belongs to all, as their numbers and rates, was checked when they were built.
    """
    named = [*(getattr(model.encoder, "interctc_layer_idx", None) or [])]
    named.append(getattr(model, "least_blocks", 0))
    if hasattr(model, JOINT):
        named.append(model.joint.depth)
    for blocks in (getattr(model.encoder, "encoders", None), _decoders(model)):
        if isinstance(blocks, torch.nn.ModuleList | torch.nn.Sequential):
            del blocks[max([DEPTH, *named]) :]


def _decoders(model: torch.nn.Module) -> torch.nn.Module | None:
    return getattr(getattr(model, "decoder", None), "decoders", None)


def _check_trainer(settings: Mapping[str, Any], source: Path) -> None:
    """`DataError` for what is not tried: a service on the network, and another trainer than the one here."""
    from espnet2.tasks import abs_task

    if settings.get("use_wandb") and abs_task.wandb is None:
        raise DataError(f"{source}: use_wandb: wandb is not installed: {install('wandb')}, or leave it out")
    if settings.get("use_deepspeed"):
        raise DataError(f"{source}: use_deepspeed: the trainer here goes without it: leave it out")


def _check_criteria(settings: Mapping[str, Any], found: Found, task: type) -> None:
    """`DataError` for a criterion that this configuration does not measure, or measures as not a number.

    So for one that would choose the worst of what the task measures.
    """
    best = {curve.name: curve.best for curve in (LOSS, *task.curves)}
    saved = found.saved.get("checkpoint.pth")
    measured = _measured(saved["reporter"]["stats"][1]) if saved else []
    if not measured:
        raise DataError("nothing is trained with these settings: dry_run, no_forward_run and the like")
    for key in CRITERIA:
        stated = settings.get(key, task.get_parser().get_default(key))
        for role, name, *mode in stated if key == "best_model_criterion" else [stated]:
            if f"{role} {name}" not in measured:
                sure = yaml.safe_dump(CRITERIA[key], default_flow_style=True).strip()
                raise DataError(
                    f"{key}: {role} {name} is not among what this configuration measures: {', '.join(measured)}; "
                    f"write {key}: {sure}, say"
                )
            if mode and mode[0] not in ("min", "max"):
                raise DataError(f"{key}: the best {name} is its min or its max, got {mode[0]!r}")
            if mode and mode[0] != best.get(name, mode[0]):
                raise DataError(f"{key}: the best {name} is its {best[name]}, got {mode[0]!r}")


def _check_effect(settings: Mapping[str, Any], found: Found) -> None:
    """`DataError` for a setting that would do nothing, or other than it says, in silence."""
    rate = (settings.get("frontend_conf") or {}).get("fs", audio.SAMPLE_RATE)
    if parse_size(f"{rate}") != audio.SAMPLE_RATE:
        raise DataError(f"frontend_conf: fs is {audio.SAMPLE_RATE}, the rate of all audio here, got {rate!r}")
    for part in settings.get("freeze_param") or ():
        if not any(f"{name}.".startswith(f"{part}.") for name in found.names):
            raise DataError(f"freeze_param: no parameter of the model is below {part!r}")
    named = getattr(found.model.encoder, "interctc_layer_idx", None)
    if getattr(found.model, "interctc_weight", 0) and not named:
        raise DataError("model_conf: interctc_weight does nothing without encoder_conf: interctc_layer_idx")


def _measured(stats: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Role and name of each number that was measured, but the seconds and counts."""
    return [
        f"{role} {name}"
        for role in ("train", "valid")
        for name, value in stats[role].items()
        if isinstance(value, float) and isfinite(value) and not name.endswith("time")
    ]


def _values(job: Run) -> dict[str, dict[str, list[str]]]:
    """Role -> column -> what the first utterances have there, for a task that reads more than speech and transcripts.

    Their recordings as well: what is said of them by frame does not fit a noise.
    """
    found = {}
    for role, data in job.sets().items():
        read = [one.column for one in present(job, data) if one != TRANSCRIPT]
        further = read if read != [SPEECH.column] else []
        found[role] = {name: list(islice(datadir.read_map(data / name).values(), COUNT)) for name in further}
    return found


def _small(job: Run, folder: Path, values: Mapping[str, Mapping[str, list[str]]]) -> Run:
    """An experiment like ``job`` on noises, or on the ``values`` that there are instead, with its statistics."""
    small = replace(job, train=folder / "train", dev=folder / "dev", exp=folder / "exp", init="")
    for role, data in small.sets().items():
        rows = [_utterance(data, n, variety) for n, variety in enumerate(VARIETIES)]
        datadir.write(data, rows)
        given = {column: list(islice(cycle(cells), COUNT)) for column, cells in values[role].items()}
        recordings = given.get(SPEECH.column, [row.wav for row in rows])
        sizes = {SPEECH: [f"{audio.probe(wav).frames}" for wav in recordings]}
        sizes[TRANSCRIPT] = [f"1,{len(job.vocabulary)}"] * COUNT
        tables = {data / column: cells for column, cells in given.items()}
        tables[small.stats / role / "text"] = [TEXT] * COUNT
        for one in measured(job):
            tables[small.stats / role / f"{one.name}_shape"] = sizes.get(one, ["1"] * COUNT)
        for file, cells in tables.items():
            write_text(file, "".join(f"{row.id} {value}\n" for row, value in zip(rows, cells, strict=True)))
    moments = job.stats / "train" / "feats_stats.npz"
    if moments.exists():
        (small.stats / "train" / "feats_stats.npz").symlink_to(moments.absolute())
    return small


def _utterance(data: Path, n: int, variety: str) -> Utterance:
    wav = data / f"{n}.wav"
    audio.write(wav, _noise(n))
    return Utterance(f"noise-{n}", str(wav), TEXT, "noise", variety, f"s{n}", SAMPLES / audio.SAMPLE_RATE)


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, SAMPLES).astype(np.float32)

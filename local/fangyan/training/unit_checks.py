"""What pre-training asks of its units and texts before the first epoch, each fault in a sentence."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.data.datadir import read_map
from fangyan.data.entries import locate_id
from fangyan.errors import DataError
from fangyan.training.espnet_task import sketch
from fangyan.training.run import Run
from fangyan.training.texts import TEXT, Texts, check_one_model, read_texts
from fangyan.units.alignment import ctc_frames
from fangyan.units.column import COLUMN, read_units

SLACK, SHARE = 5, 0.05
"""So many units, and such a share of them, may be too many or too few for the length of a recording."""
KEYS = ("text_data", "text_dev")


def column_of(settings: Mapping[str, Any]) -> str:
    """The column of units that a configuration names."""
    return settings.get("units_column") or COLUMN


def folders_of(settings: Mapping[str, Any], *keys: str) -> list[Path]:
    """The directories of texts that a configuration names under these keys."""
    return [Path(folder) for key in keys for folder in settings.get(key) or ()]


def text_files(settings: Mapping[str, Any]) -> list[Path]:
    """The tables of the directories of texts that a configuration names, as far as they are there."""
    files = [folder / name for folder in folders_of(settings, *KEYS) for name in (TEXT, column_of(settings))]
    return [file for file in files if file.is_file()]


def check_units(job: Run) -> None:
    """`DataError` with file and line for units that are none, or not ``label_rate`` a second of their recording.

    `UserError` where columns were made by different models of units.
    """
    column, conf = column_of(job.settings), job.settings["model_conf"]
    for role, data in job.sets().items():
        shapes = read_map(job.stats / role / "speech_shape")
        for key, units in read_units(data, conf["units"], column).items():
            expected = int(shapes[key].split(",")[0]) / SAMPLE_RATE * conf["label_rate"]
            if abs(len(units) - expected) > SLACK + SHARE * expected:
                raise DataError(
                    f"{locate_id(data / column, key)}: {conf['label_rate']:g} units a second (label_rate of "
                    f"{job.config}) are {expected:.0f} of the recording, got {len(units)} of {key}: name the frames a "
                    "second of the encoder of the units, whose runs of one unit are not to be merged"
                )
    check_one_model([*job.sets().values(), *folders_of(job.settings, *KEYS)], column)


def check_texts(job: Run) -> None:
    """`DataError` for texts that are none; tells on stderr how many cannot be learnt from, and why."""
    model = sketch(job.config, job.vocabulary)
    most = job.settings.get("text_units") or 1024
    for key in KEYS:
        if folders := folders_of(job.settings, key):
            texts = read_texts(
                folders, model.embedding.num_embeddings, column_of(job.settings), job.form, most
            )
            for said in _lost(texts, job, model.ratio, most):
                print(f"{key}: {said}", file=sys.stderr)


def _lost(texts: Texts, job: Run, ratio: float, most: int) -> list[str]:
    """What is told of texts that teach nothing, or less."""
    needed = np.array([ctc_frames(job.split(text)) for text in texts.words])
    short = int((texts.lengths / ratio < needed).sum())
    unknown = sorted({token for text in texts.words for token in job.split(text)} - {*job.vocabulary, " "})
    said = [
        (texts.empty, "texts of which the normal form leaves nothing are left out"),
        (texts.long, f"texts of more than {most:,} units (text_units) are left out: cut them into sentences"),
        (short, f"of {len(texts):,} texts have fewer frames than characters, which teaches nothing"),
        (len(unknown), f"characters of texts are no tokens and stand as <unk>: {''.join(unknown[:20])}"),
    ]
    return [f"{count:,} {words}" for count, words in said if count]

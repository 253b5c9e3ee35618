"""What pre-training asks of its units and texts before the first epoch, each fault in a sentence."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.data.datadir import read_map
from fangyan.data.entries import locate_id
from fangyan.encoders.espnet import frame_count
from fangyan.errors import DataError
from fangyan.training.espnet_task import sketch
from fangyan.training.masking import SPANS
from fangyan.training.run import Run
from fangyan.training.texts import TEXT, Texts, check_one_model, read_texts
from fangyan.units.alignment import ctc_frames
from fangyan.units.column import COLUMN, is_column, read_units

SLACK, SHARE = 5, 0.05
"""So many units, and such a share of them, may be too many or too few for the length of a recording."""
KEYS = ("text_data", "text_dev")


def check_named(settings: Mapping[str, Any]) -> None:
    """`DataError` for a column that is no name, directories that are no list of names, and texts only to measure by."""
    column_of(settings)
    if folders_of(settings, "text_dev") and not folders_of(settings, "text_data"):
        raise DataError(
            "text_dev: texts to measure by, of which text_data names none to learn from: name some there, or none here"
        )


def column_of(settings: Mapping[str, Any]) -> str:
    """The column of units that a configuration names; `DataError` for what names none."""
    name = settings.get("units_column") or COLUMN
    if not isinstance(name, str) or not is_column(name):
        raise DataError(
            f"units_column: the name of a table that is none of Kaldi's, such as units_k500, got {name!r}"
        )
    return name


def folders_of(settings: Mapping[str, Any], *keys: str) -> list[Path]:
    """The directories of texts that a configuration names under these keys; `DataError` for what is no list of such."""
    for key in keys:
        named = settings.get(key) or []
        if not isinstance(named, list) or not all(isinstance(folder, str) for folder in named):
            raise DataError(f"{key}: a list of directories of texts is needed, got {named!r}")
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


def check_masks(job: Run) -> None:
    """Tells on stderr how many utterances are so short that a mask covers all of them."""
    model = sketch(job.config, job.vocabulary)
    for role, data in job.sets().items():
        shapes = read_map(job.stats / role / "speech_shape").values()
        frames = [frame_count(model, int(shape.split(",")[0])) for shape in shapes]
        if short := sum(count <= model.mask_length + SPANS - 1 for count in frames):
            print(f"{data}: {short:,} of {len(frames):,} utterances {_covered(model)}", file=sys.stderr)


def _covered(model) -> str:
    length = model.mask_length
    most = length + SPANS - 1
    return f"have at most {most} frames, all of which are masked (mask_length: {length}): they teach little"


def check_texts(job: Run) -> None:
    """`DataError` for texts that are none; tells on stderr how many cannot be learnt from, and why."""
    model = sketch(job.config, job.vocabulary)
    most = job.settings.get("text_units") or 1024
    if not model.unit_ctc and folders_of(job.settings, *KEYS):
        print("text_data, text_dev: unit_ctc is 0, by which nothing is learnt of texts", file=sys.stderr)
        return
    for key in KEYS:
        if folders := folders_of(job.settings, key):
            texts = read_texts(
                folders, model.embedding.num_embeddings, column_of(job.settings), job.form, most
            )
            for said in _lost(texts, job, model, most):
                print(f"{key}: {said}", file=sys.stderr)


def _lost(texts: Texts, job: Run, model, most: int) -> list[str]:
    """What is told of texts that teach nothing, or less."""
    needed = np.array([ctc_frames(job.split(text)) for text in texts.words])
    frames = texts.lengths / model.ratio
    short, covered = (
        int((frames < needed).sum()),
        int((frames.round() <= model.mask_length + SPANS - 1).sum()),
    )
    unknown = sorted({token for text in texts.words for token in job.split(text)} - {*job.vocabulary, " "})
    said = [
        (texts.empty, "texts of which the normal form leaves nothing are left out"),
        (texts.long, f"texts of more than {most:,} units (text_units) are left out: cut them into sentences"),
        (short, f"of {len(texts):,} texts have fewer frames than characters, which teaches nothing"),
        (covered, f"of {len(texts):,} texts {_covered(model)}"),
        (len(unknown), f"characters of texts are no tokens and stand as <unk>: {''.join(unknown[:20])}"),
    ]
    return [f"{count:,} {words}" for count, words in said if count]

"""Utterances whose length does not fit: too long or too short for the encoder, or shorter than their CTC target."""

import sys
from collections.abc import Iterator
from typing import Any

from fangyan.data import datadir
from fangyan.encoders.bounds import describe_excess
from fangyan.encoders.espnet import accepted_samples, frame_count
from fangyan.errors import DataError
from fangyan.files import write_table
from fangyan.training.espnet_task import sketch
from fangyan.training.run import Run
from fangyan.units.alignment import ctc_frames

COLUMNS = ("id", "set", "frames", "needed")


def check_short(job: Run) -> None:
    """Writes ``stats/.short.tsv``, the utterances that are shorter than their CTC target; counts them on stderr.

    They stay in the data: the attention decoder learns from them, and ESPnet takes their CTC loss as zero.
    """
    model = sketch(job.config, job.vocabulary)
    short = [row for role in job.sets() for row in _short(job, role, model)] if model.ctc else []
    write_table(job.stats / ".short.tsv", short, COLUMNS)
    if short:
        print(
            f"{len(short):,} utterances are shorter than their CTC target, which teaches them nothing: "
            f"see {job.stats / '.short.tsv'}",
            file=sys.stderr,
        )


def check_heard(job: Run) -> None:
    """`DataError` for utterances that the encoder cannot hear at all or, as Whisper above 30 s, not at once."""
    model = sketch(job.config, job.vocabulary)
    for role in job.sets():
        _refuse_unheard(job, role, model)


def _samples(job: Run, role: str) -> Iterator[tuple[str, int]]:
    for key, shape in datadir.read_map(job.stats / role / "speech_shape").items():
        yield key, int(shape.split(",")[0])


def _short(job: Run, role: str, model) -> Iterator[dict[str, Any]]:
    texts, split = datadir.read_map(job.stats / role / "text"), job.split
    for key, samples in _samples(job, role):
        frames, needed = frame_count(model, samples), ctc_frames(split(texts[key]))
        if frames < needed:
            yield {"id": key, "set": job.sets()[role].name, "frames": frames, "needed": needed}


def _refuse_unheard(job: Run, role: str, model) -> None:
    heard = accepted_samples(model)
    unheard = [
        (n, key, samples) for n, (key, samples) in enumerate(_samples(job, role), 1) if samples not in heard
    ]
    if unheard:
        n, key, samples = unheard[0]
        raise DataError(
            f"{job.sets()[role] / 'wav.scp'}:{n}: {describe_excess(heard, samples)} for {key} and {len(unheard) - 1:,} "
            "others: cut or leave them out"
        )

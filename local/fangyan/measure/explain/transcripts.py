"""Transcripts on frames: what a model would write of an utterance, and the frames in which CTC finds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.data.text import NormalForm, normalise
from fangyan.encoders.choice import of_frames
from fangyan.errors import DataError, UserError, known_names
from fangyan.features.at_layer import AtLayer
from fangyan.features.layers import concatenate
from fangyan.measure.explain.comparison import AlignedUtterance
from fangyan.recognition import ctc_alignment
from fangyan.training import summary
from fangyan.training.run import TARGETS, form_inputs


@dataclass(frozen=True)
class Transcript:
    """Which text of an utterance a model writes: its ``column`` (empty where it writes none), in a normal form."""

    column: str
    form: NormalForm

    def of(self, utterance: Utterance) -> str:
        """The transcript of an utterance; empty without a column."""
        return normalise(getattr(utterance, self.column), self.form) if self.column else ""

    def stamp(self) -> dict[str, str]:
        """What it adds to the inputs that finished work is recognised by."""
        return {"wording": self.column} | form_inputs(self.form)


def transcript(spec: str, column: str = "") -> Transcript:
    """What the encoder ``spec`` writes: the given column, else the one it was trained to write, else text_cmn.

    No column for encoders that write nothing: all but ``espnet:``. The normal form is that of its training, the default
    one where that is not known. `UserError` for an unknown column.
    """
    if column and column not in TARGETS:
        raise UserError(f"unknown wording {column!r}: {known_names(column, TARGETS)}")
    learned = trained(spec)
    if not spec.startswith("espnet:"):
        return Transcript("", summary.form(learned))
    return Transcript(column or learned.get("target", TARGETS[0]), summary.form(learned))


def trained(spec: str) -> dict:
    """What the experiment folder ``espnet:FOLDER`` says of its training; empty where there is none."""
    return summary.read(Path(spec.partition(":")[2]))


def align(
    encoder: AtLayer, key: str, features: Mapping[str, np.ndarray], characters: str
) -> AlignedUtterance:
    """The utterance ``key`` at the layer of ``encoder``, with its ``characters`` where CTC finds them.

    ``features``: (T, d) of every layer. Frames are L2-normalised, layer by layer. Without characters where there are
    more of them than frames, as in a wrong transcript: just what a miss is looked at for.
    """
    whole = encoder.encoder
    try:
        last = of_frames(whole.layers)[-1]
        peaks = ctc_alignment.spans(whole, features[last], characters) if characters else []
    except DataError:
        peaks = []
    frames = concatenate({name: {key: features[name]} for name in encoder.layer.names})[key]
    return AlignedUtterance(key, frames, characters if peaks else "", peaks)


def align_utterance(encoder: AtLayer, utterance: Utterance, transcript: Transcript) -> AlignedUtterance:
    """The recording of an utterance of a data directory, encoded and aligned (`align`) with its transcript."""
    wave = audio.read(utterance.wav)
    try:
        features = encoder.encoder(wave)
    except DataError as error:
        raise DataError(f"{utterance.wav}: utterance {utterance.id}: {error}") from None
    return align(encoder, utterance.id, features, transcript.of(utterance))

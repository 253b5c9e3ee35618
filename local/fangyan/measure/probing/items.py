"""What a probe is trained and tested on: vectors of utterances or of single frames, each with a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.data.columns import read_column
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError, known_names
from fangyan.features.layers import Layer
from fangyan.features.sentences import OWN
from fangyan.measure.retrieval.sides import Bank
from fangyan.measure.texts import COLUMN

MEAN, FRAME = "mean", "frame"
FEATURES = (MEAN, FRAME)
FRAMES = 10
"""Frames of an utterance that are looked at, or all of a shorter one."""
SAID, NOT_SAID = "said", "not said"


@dataclass(frozen=True)
class Items:
    """n items of a layer: ``vectors``, (n, d), and ``places``, (n,), the utterance that each is of."""

    vectors: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, bank: Bank, layer: Layer, utterances: Sequence[Utterance], features: str) -> "Items":
        """The mean frame of each utterance, or `FRAMES` of its frames, drawn by a seed of its place."""
        matrices = [np.asarray(frames, dtype=np.float64) for frames in _frames(bank, layer, utterances)]
        if features == MEAN:
            return cls(np.stack([frames.mean(0) for frames in matrices]), np.arange(len(matrices)))
        chosen = [_sample(frames, n) for n, frames in enumerate(matrices)]
        return cls(np.concatenate(chosen), np.repeat(np.arange(len(chosen)), [*map(len, chosen)]))


def check_features(features: str) -> None:
    """`UserError` for a word that is none of `FEATURES`."""
    if features not in FEATURES:
        raise UserError(
            f"features are {' or '.join(FEATURES)}, got {features!r}: {known_names(features, FEATURES)}"
        )


def read_labels(data: Path, label: str, word: str, utterances: Sequence[Utterance]) -> list[str]:
    """The label of each utterance: its value in a column, or whether its Mandarin text has a word.

    `DataError` where they are all the same.
    """
    values = read_column(data, label or COLUMN)
    found = [values[u.id] for u in utterances]
    if word:
        found = [SAID if word in text else NOT_SAID for text in found]
    if len(set(found)) < 2:
        raise DataError(
            f"{data / (label or COLUMN)}: a probe tells labels apart, at least 2, got {found[0]!r} alone"
        )
    return found


def _frames(bank: Bank, layer: Layer, utterances: Sequence[Utterance]) -> list[np.ndarray]:
    """The frames of each utterance; of a text column those of the text of its sentence."""
    features = bank.features(layer)
    if not bank.column:
        return [features[u.variety][u.id] for u in utterances]
    texts = {
        (name, sentence): features[name][key]
        for name, side in bank.sides.items()
        for key, sentence in side.members()
    }
    return [
        texts[f"{OWN}:{u.variety}" if bank.column == OWN else bank.column, u.sentence] for u in utterances
    ]


def _sample(frames: np.ndarray, seed: int) -> np.ndarray:
    chosen = np.random.default_rng(seed).permutation(len(frames))[:FRAMES]
    return frames[np.sort(chosen)]

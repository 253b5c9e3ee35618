"""The utterances that a page searches: who says what, and how the encoder hears a visitor, or reads what one types."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fangyan.data import audio, datadir
from fangyan.data_report.sound import SILENCE, measure
from fangyan.demo.trial import trial
from fangyan.encoders import Encoder
from fangyan.encoders.choice import JOINT
from fangyan.errors import DataError, UserError
from fangyan.features.at_layer import AtLayer, load_at_layer
from fangyan.features.embedding import frames_of
from fangyan.measure.explain.comparison import AlignedUtterance, FrameComparison, compare_frames
from fangyan.measure.explain.transcripts import align, align_utterance, transcript
from fangyan.measure.retrieval.sides import by_variety
from fangyan.recognition import ctc_alignment
from fangyan.rounding import decimals
from fangyan.search import Hit, nearest
from fangyan.search.memory import MemoryIndex

SHORTEST, LONGEST = 0.1, 30
"""Seconds of a query: a frame or two at least; a sentence is shorter, and memory grows with the square of it."""


@dataclass(frozen=True)
class SpokenQuery:
    """A recording at the layer of the encoder, and what CTC writes of it (nothing without CTC)."""

    utterance: AlignedUtterance
    written: str
    typed = ""

    @property
    def frames(self) -> np.ndarray:
        """(T, d), L2-normalised."""
        return self.utterance.frames


@dataclass(frozen=True)
class TypedQuery:
    """A sentence, and its one (1, d) vector in the joint space."""

    typed: str
    frames: np.ndarray
    written = ""


type Query = SpokenQuery | TypedQuery


class Library:
    """The utterances of a data directory at one layer of an encoder."""

    def __init__(self, spec: str, data: Path, layer: str = "") -> None:
        """``layer``: as for `AtLayer`; `UserError` for one that the encoder ``spec`` lacks."""
        found = datadir.read(data, datadir.SPOKEN)
        self.encoder = load_at_layer(spec, layer)
        self.transcript = transcript(spec)
        features = dict(frames_of(self.encoder, found, f"listen {data.name}"))
        self.utterances = {u.id: u for u in found if u.id in features}
        self.varieties = {
            side.name: [self.utterances[key] for key in side.ids]
            for side in by_variety(self.utterances.values()).values()
        }
        utterances = list(chain.from_iterable(self.varieties.values()))
        self.index = MemoryIndex(utterances, features)
        self.trial = trial(features, self.varieties)
        self.joint = self._joint(utterances) if _reads_text(self.encoder.encoder) else None

    def _joint(self, utterances: Sequence[datadir.Utterance]) -> MemoryIndex:
        """The utterances in the space in which texts lie as well."""
        if str(self.encoder.layer) == JOINT:
            return self.index
        encoder = AtLayer(self.encoder.encoder, JOINT)
        return MemoryIndex(utterances, dict(frames_of(encoder, utterances, "listen at joint")))

    def hear(self, wav: str) -> SpokenQuery:
        """The recording in the file ``wav``; `DataError` where it is unreadable, silent, too short or too long."""
        wave = audio.read(wav)
        seconds = len(wave) / audio.SAMPLE_RATE
        if not SHORTEST <= seconds <= LONGEST:
            raise DataError(
                f"the recording lasts {decimals(seconds, 4)} s: give one sentence, {SHORTEST} to {LONGEST} s"
            )
        if measure(wave)["level"] < SILENCE:
            raise DataError("the recording is silent: is the microphone on, and the right one chosen?")
        encoder = self.encoder.encoder
        features = encoder(wave)
        written = (
            ctc_alignment.greedy_tokens(encoder, features[encoder.deepest]) if self.transcript.column else ""
        )
        return SpokenQuery(align(self.encoder, "recording", features, written), written)

    def read(self, text: str) -> TypedQuery:
        """A typed sentence, where the encoder has a text side; `DataError` for one that is too long."""
        return TypedQuery(text, self.encoder.encoder.embed_text([text]))

    def find(self, query: Query, targets: Iterable[str], without: str = "") -> dict[str, list[Hit]]:
        """All hits in each of the varieties ``targets``, the best first, each sentence by its best recording.

        ``without``: the id of an utterance that is not looked for, for it is the query itself.
        """
        found, index = {}, self.joint if query.typed else self.index
        for variety in targets:
            spoken = enumerate(index.utterances)
            rows = np.array([n for n, u in spoken if u.variety == variety and u.id != without], np.int64)
            (hits,) = nearest(index, [query.frames], top=len(rows), cut=len(rows), rows=rows)
            found[variety] = best_of_sentence(hits)
        return found

    def compare(self, query: SpokenQuery, utterance: datadir.Utterance) -> FrameComparison:
        """The query and an utterance, frame by frame."""
        return compare_frames(query.utterance, align_utterance(self.encoder, utterance, self.transcript))


def _reads_text(encoder: Encoder) -> bool:
    """Whether the encoder places texts among recordings; where its teacher is not to be had stderr says why not."""
    if JOINT not in encoder.layers:
        return False
    try:
        return bool(encoder.embed_text(["一"]).size)
    except UserError as error:
        print(f"the page has no field for typed sentences: {error}", file=sys.stderr)
        return False


def best_of_sentence(hits: Sequence[Hit]) -> list[Hit]:
    """The first of ``hits`` of each sentence, in order."""
    of_sentence: dict[str, Hit] = {}
    for hit in hits:
        of_sentence.setdefault(hit.entry.sentence, hit)
    return list(of_sentence.values())

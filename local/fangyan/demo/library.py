"""A data directory in memory, to be searched by recordings, and what its scores mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fangyan import alignment, audio, datadir, explain
from fangyan.datadir import Utterance
from fangyan.embedding import AtLayer, frames_of
from fangyan.encoders import load_encoder
from fangyan.errors import DataError
from fangyan.explain.comparison import Comparison, Heard, compare
from fangyan.retrieval.ranking import TIE
from fangyan.retrieval.sides import by_variety
from fangyan.seqsim import Packed, pack, seqsim_matrix
from fangyan.survey.sound import SILENCE, measure

SHORTEST, LONGEST = 0.1, 30
"""Seconds of a query: a frame or two at least; a sentence is shorter, and memory grows with the square of it."""

TRIED = 500
"""So many searches, at most, are made with the data's own utterances to learn what scores mean."""


@dataclass(frozen=True)
class Query:
    """A recording as the encoder hears it, and what CTC writes of it (nothing without CTC)."""

    heard: Heard
    written: str


class Hit(NamedTuple):
    """An utterance that was found, and its SeqSim with the query."""

    utterance: Utterance
    score: float


@dataclass(frozen=True)
class Trial:
    """What came of searching, with utterances of the data, their own sentence in other varieties."""

    searches: int
    first: float  # the share that put it first, in [0, 1], as does
    chance: float  # a random order
    right: tuple[float, float]  # the quartiles of the score of the right answer,
    wrong: tuple[float, float]  # and of the best wrong one


class Library:
    """The utterances of a data directory as one layer of an encoder hears them."""

    def __init__(self, spec: str, data: Path, layer: str = "") -> None:
        """``layer``: as for `AtLayer`; `UserError` for one that the encoder ``spec`` lacks."""
        self.utterances = {u.id: u for u in datadir.read(data)}
        self.varieties = {
            side.name: [self.utterances[key] for key in side.ids]
            for side in by_variety(self.utterances.values()).values()
        }
        encoder = load_encoder(spec)
        at_layer = AtLayer(encoder, layer)
        self.listener = explain.listener(encoder, at_layer.layer, explain.writes(spec), explain.form(spec))
        features = dict(frames_of(at_layer, list(self.utterances.values()), f"listen {data.name}"))
        self.packed = {
            variety: pack([features[u.id] for u in members]) for variety, members in self.varieties.items()
        }
        self.trial = trial(features, self.varieties, self.packed)

    def hear(self, wav: str) -> Query:
        """The recording in the file ``wav``; `DataError` where it is unreadable, silent, too short or too long."""
        wave = audio.read(wav)
        seconds = len(wave) / audio.SAMPLE_RATE
        if not SHORTEST <= seconds <= LONGEST:
            raise DataError(
                f"the recording lasts {seconds:.4f} s: give one sentence, {SHORTEST} to {LONGEST} s"
            )
        if measure(wave)["level"] < SILENCE:
            raise DataError("the recording is silent: is the microphone on, and the right one chosen?")
        encoder = self.listener.encoder
        features = encoder(wave)
        written = alignment.written(encoder, features[encoder.layers[-1]]) if self.listener.wording else ""
        return Query(self.listener.place("recording", features, written), written)

    def find(
        self, query: Query, targets: Iterable[str], count: int, without: str = ""
    ) -> dict[str, list[Hit]]:
        """The ``count`` best hits in each of the varieties ``targets``; see `best`.

        ``without``: the id of an utterance that is not looked for, for it is the query itself.
        """
        asked = pack([query.heard.frames])
        found = {}
        for variety in targets:
            scores = seqsim_matrix(asked, self.packed[variety]).f1[0].tolist()
            hits = map(Hit, self.varieties[variety], scores)
            found[variety] = best([hit for hit in hits if hit.utterance.id != without], count)
        return found

    def compare(self, query: Query, utterance: Utterance) -> Comparison:
        """The query and an utterance, frame by frame."""
        return compare(query.heard, self.listener.hear(utterance))


def best(hits: Iterable[Hit], count: int) -> list[Hit]:
    """The ``count`` sentences of highest score, best first, each by its best recording."""
    of_sentence: dict[str, Hit] = {}
    for hit in sorted(hits, key=attrgetter("score"), reverse=True):
        of_sentence.setdefault(hit.utterance.sentence, hit)
    return list(of_sentence.values())[:count]


def trial(
    features: Mapping[str, np.ndarray],
    varieties: Mapping[str, Sequence[Utterance]],
    packed: Mapping[str, Packed],
    most: int = TRIED,
) -> Trial | None:
    """What comes of about ``most`` searches with the data itself; None where no two varieties share two sentences."""
    sentences = {variety: {u.sentence for u in members} for variety, members in varieties.items()}
    pairs = [
        ([u for u in varieties[a] if u.sentence in sentences[b]], b) for a, b in permutations(varieties, 2)
    ]
    pairs = [(spoken, b) for spoken, b in pairs if len({u.sentence for u in spoken}) > 1]
    if not pairs:
        return None
    step = -(-sum(len(spoken) for spoken, _ in pairs) // most)
    answers = [_answers(spoken[::step], varieties[b], features, packed[b]) for spoken, b in pairs]
    right, wrong, chance = (torch.cat(column).double() for column in zip(*answers, strict=True))
    quarters = torch.tensor([0.25, 0.75]).double()
    return Trial(
        searches=len(right),
        first=(right > wrong + TIE).double().mean().item(),
        chance=chance.mean().item(),
        right=tuple(right.quantile(quarters).tolist()),
        wrong=tuple(wrong.quantile(quarters).tolist()),
    )


def _answers(
    queries: Sequence[Utterance],
    candidates: Sequence[Utterance],
    features: Mapping[str, np.ndarray],
    packed: Packed,
) -> tuple[Tensor, Tensor, Tensor]:
    """(n,) each: the best score of a right candidate of each query, of a wrong one, and the share of right ones."""
    scores = seqsim_matrix(pack([features[u.id] for u in queries]), packed).f1
    same = torch.tensor([[u.sentence == v.sentence for v in candidates] for u in queries])
    right, wrong = (scores.masked_fill(other, -torch.inf).amax(1) for other in (~same, same))
    return right, wrong, same.float().mean(1)

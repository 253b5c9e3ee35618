"""Retrieval between the varieties of a data directory as a task of MTEB: its conventions are those of our own measure.

A subset is an ordered pair of varieties, ``yue->cmn``, of the recordings whose sentence the other variety has as well;
their mean is the R@1 of `fangyan.measure.retrieval` by the score ``pooled``. MTEB's own ``hit_rate_at_1`` is rounded
and leaves ties to chance, its ``recall_at_1`` wants all recordings of a sentence; the main score is ours, ``r_at_1``.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.languages import ISO_TO_LANGUAGE

from fangyan.corpora import kaldi
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance, count_reasons
from fangyan.data.varieties import varieties
from fangyan.measure.retrieval.pairs import comparable_pairs
from fangyan.measure.retrieval.sides import Side, by_variety
from fangyan.measure.ties import TIE

SPLIT = "test"
R_AT_1 = "r_at_1"


class CrossVarietyRetrieval(AbsTaskRetrieval):
    """Queries in one variety, candidates in another; right is what says the same (utt2sent).

    To MTEB each task is a class: `task_of` a data directory makes one, with what the attributes below name.
    """

    places: Mapping[str, Mapping[str, Any]]
    """Utterance id -> where its recording lies, as `fangyan.data.audio.read` takes it."""
    pairs: Mapping[str, tuple[Side, Side]]
    """Subset -> queries and candidates."""

    def load_data(self, *_: Any, **__: Any) -> None:
        """Fills ``dataset``: queries, candidates and right answers of each pair; recordings are read when heard."""
        if not self.data_loaded:
            self.dataset = {name: {SPLIT: self._split(*pair)} for name, pair in self.pairs.items()}
            self.data_loaded = True

    def _split(self, source: Side, target: Side) -> dict[str, Any]:
        queries, candidates = source.shared(target), target.shared(source)
        right: dict[str, dict[str, int]] = {sentence: {} for sentence in candidates.sentences}
        for key, sentence in candidates.members():
            right[sentence][key] = 1
        return {
            "queries": self._recordings(queries),
            "corpus": self._recordings(candidates),
            "relevant_docs": {key: right[sentence] for key, sentence in queries.members()},
            "top_ranked": None,
        }

    def _recordings(self, side: Side) -> Dataset:
        """A row for each member: its ``id``, and its ``audio``, of which the place is stored and the sound is given."""
        rows = {"id": side.ids, "audio": [self.places[key] for key in side.ids]}
        return Dataset.from_dict(rows).with_transform(hear)

    def task_specific_scores(
        self, scores: Any, qrels: Mapping[str, Mapping[str, int]], results: Mapping, **_: Any
    ) -> dict[str, float]:
        """R@1, where a wrong candidate that scores as high as the best right one beats it."""
        return {R_AT_1: fmean(is_first(results[query], right) for query, right in qrels.items())}


def task_of(data: Path) -> CrossVarietyRetrieval:
    """The task of a data directory; `DataError` where it is malformed or has no two varieties to compare.

    It need not be prepared: it may have ``segments``, and what its tables disagree about is left out and reported.
    """
    found = kaldi.utterances(data)
    utterances = [one for one in found if isinstance(one, Utterance)]
    if lost := count_reasons(one for one in found if isinstance(one, Dropped)):
        print(f"{data}: left out: {lost}", file=sys.stderr)
    sides = by_variety(utterances)
    comparable, _ = comparable_pairs(data, sides)
    pairs = {f"{a}->{b}": (sides[a], sides[b]) for pair in comparable for a, b in (pair, pair[::-1])}
    known = {
        "metadata": describe(data, {name: (a.name, b.name) for name, (a, b) in pairs.items()}),
        "places": {u.id: {"path": u.wav, "start": u.start, "end": u.end} for u in utterances},
        "pairs": pairs,
    }
    return type(CrossVarietyRetrieval.__name__, (CrossVarietyRetrieval,), known)()


def is_first(scores: Mapping[str, float], right: Mapping[str, int]) -> bool:
    """Whether a right candidate beats every wrong one by a tie (`fangyan.measure.ties`) or more."""
    best = max((score for key, score in scores.items() if key in right), default=float("-inf"))
    return all(score < best - TIE for key, score in scores.items() if key not in right)


def hear(rows: dict[str, list]) -> dict[str, list]:
    """The rows with recordings, as MTEB has them, for the places where they lie."""
    if "audio" not in rows:
        return rows
    waves = [{"array": audio.read(**place), "sampling_rate": audio.SAMPLE_RATE} for place in rows["audio"]]
    return {**rows, "audio": waves}


def describe(data: Path, pairs: Mapping[str, tuple[str, str]]) -> TaskMetadata:
    """What MTEB knows of the task; the content of the data is part of its name, by which results are filed."""
    revision = datadir.identity(data, *(["segments"] if (data / "segments").exists() else []))
    return TaskMetadata(
        name=f"CrossVarietyRetrieval.{data.resolve().name}.{revision[:12]}",
        description="Given a recording in one variety, find the recording in another that says the same.",
        reference=None,
        dataset={"path": f"{data}", "revision": revision},
        type="Any2AnyRetrieval",
        category="a2a",
        modalities=["audio"],
        eval_splits=[SPLIT],
        eval_langs={name: [*dict.fromkeys(map(language, pair))] for name, pair in pairs.items()},
        main_score=R_AT_1,
        task_subtypes=["Speech Retrieval"],
        domains=["Spoken"],
    )


def language(variety: str) -> str:
    """The ISO 639-3 code of a variety and the script, as MTEB wants them: ``mis``, uncoded, where we know of none.

    ``Zxxx`` is unwritten: these are recordings.
    """
    code = varieties()[variety].iso if variety in varieties() else variety
    return f"{code if code in ISO_TO_LANGUAGE else 'mis'}-Zxxx"

"""How alike translations are as units: sequences of the same sentence in two varieties against other sentences.

The likeness of two sequences is 1 - d / n, d being their edit distance (insertions, deletions and replacements cost 1)
and n the length of the longer one; runs of a unit count as one, so that how fast one speaks does not matter much.

A pair is two utterances of one sentence in two varieties. Beside it stands the first of the two with another sentence
in the variety of the second, drawn by chance. `Agreement.found`: how often the translation is the more alike, half of
what is equally alike counted; 1/2 by chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.encoders.unit_model import merge

PAIRS = 20_000
"""Pairs that are compared at most, drawn by chance."""


@dataclass(frozen=True)
class Agreement:
    """The mean likeness of translations and of ``others``, and how often the former is greater."""

    pairs: int
    translations: float
    others: float
    found: float


type Trio = tuple[str, str, str]
"""The ids of an utterance, of its translation, and of another sentence in the variety of that."""


def trios(utterances: Sequence[Utterance], most: int = PAIRS) -> list[Trio]:
    """At most so many pairs of translations, each with another sentence; none where nothing is translated."""
    chance = np.random.default_rng(0)
    by_variety: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_variety.setdefault(utterance.variety, []).append(utterance)
    pairs = list(_translations(utterances))
    if len(pairs) > most:
        pairs = [pairs[n] for n in np.sort(chance.choice(len(pairs), most, replace=False))]
    found = []
    for a, b in pairs:
        others = [u.id for u in by_variety[b.variety] if u.sentence != a.sentence]
        if others:
            found.append((a.id, b.id, others[chance.integers(len(others))]))
    return found


def translated(utterances: Sequence[Utterance]) -> list[str]:
    """The sentence of each utterance, or nothing where it is said in one variety alone."""
    said: dict[str, set[str]] = {}
    for utterance in utterances:
        said.setdefault(utterance.sentence, set()).add(utterance.variety)
    return [u.sentence if len(said[u.sentence]) > 1 else "" for u in utterances]


def agreement(trios: Sequence[Trio], units: Mapping[str, np.ndarray]) -> Agreement | None:
    """How alike the ``units`` of translations are, by utterance id; None where there are no pairs."""
    if not trios:
        return None
    runs = {key: merge(units[key]).tolist() for key in {key for trio in trios for key in trio}}
    likenesses = [(likeness(runs[a], runs[b]), likeness(runs[a], runs[c])) for a, b, c in trios]
    same, other = np.array(likenesses).T
    found = float((same > other).mean() + (same == other).mean() / 2)
    return Agreement(len(trios), float(same.mean()), float(other.mean()), found)


def likeness(a: Sequence[int], b: Sequence[int]) -> float:
    """1 - edit distance / length of the longer sequence, in [0, 1]."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity(a, b)


def _translations(utterances: Sequence[Utterance]) -> Iterator[tuple[Utterance, Utterance]]:
    """Each pair of utterances of one sentence in two varieties, once."""
    by_sentence: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_sentence.setdefault(utterance.sentence, []).append(utterance)
    for said in by_sentence.values():
        yield from ((a, b) for a, b in combinations(said, 2) if a.variety != b.variety)

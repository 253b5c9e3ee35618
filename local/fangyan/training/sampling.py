"""What an epoch hears, and in which batches: the hours of each variety count by a power of theirs.

A variety with H hours is heard in proportion to H^β: with β = 1 as often as it occurs, with β = 0 as much as any other
(1/β is called the temperature; Arivazhagan et al. 2019, arXiv 1907.05019; Pratap et al. 2023, arXiv 2305.13516). Hours
and utterances of a corpus count as often as its weight says. ESPnet's category batches draw alike, but take no weights,
draw the same whatever the seed, and put utterances of all lengths into a batch: much of it is then padding, and what it
needs of a GPU's memory has no bound.

What has been drawn goes into batches one by one or, where a loss compares translations, in groups of one sentence: that
changes who is in a batch with whom, not how often anybody is heard.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from operator import itemgetter
from pathlib import Path

import numpy as np

from fangyan.data import datadir
from fangyan.errors import DataError
from fangyan.files import number

CORPORA, CORPUS_WEIGHTS = "utt2corpus", "corpus2weight"
"""Files of a data directory that is a mixture."""
ALIKE = 1.1
"""Lengths up to this ratio may share a batch in any order, so that repetitions of an utterance fall into several."""


@dataclass(frozen=True)
class Pool:
    """The utterances to draw from, in the order of ``keys``: duration, number of the variety, weight of each; (N,)."""

    keys: Sequence[str]
    durations: np.ndarray
    varieties: Sequence[str]
    of: np.ndarray
    weights: np.ndarray

    def expected(self, power: float, scale: float = 1.0) -> np.ndarray:
        """How often each utterance is heard in an epoch, on average: (N,).

        An epoch is ``scale`` times as long as all utterances together.
        """
        hours = np.bincount(self.of, self.weights * self.durations)
        often = self.weights * hours[self.of] ** (power - 1)
        return often * scale * self.durations.sum() / (often @ self.durations)

    def shares(self, power: float) -> dict[str, float]:
        """Variety -> its share of the time of an epoch."""
        heard = np.bincount(self.of, self.expected(power) * self.durations)
        return dict(zip(self.varieties, (heard / heard.sum()).tolist(), strict=True))


def read_pool(data: Path, durations: Mapping[str, int]) -> Pool:
    """The utterances of a data directory that have ``durations``; a weight is 1 where the directory states none.

    `DataError` for an utterance or a corpus that its tables lack, and for a weight that is no number above 0.
    """
    keys = list(durations)
    spoken = _looked_up(data / "utt2lang", keys)
    varieties = sorted(set(spoken))
    index = {variety: n for n, variety in enumerate(varieties)}
    weights = np.ones(len(keys))
    if (data / CORPUS_WEIGHTS).exists():
        stated = _looked_up(data / CORPUS_WEIGHTS, _looked_up(data / CORPORA, keys))
        weights = np.array([_weight(data / CORPUS_WEIGHTS, value) for value in stated])
    of = np.array([index[variety] for variety in spoken])
    return Pool(keys, np.array(list(durations.values()), float), varieties, of, weights)


def sentence_numbers(data: Path, keys: Sequence[str]) -> np.ndarray:
    """(N,) equal for utterances of one sentence, in the order of ``keys``."""
    return np.unique(_looked_up(data / "utt2sent", keys), return_inverse=True)[1]


def draw_epoch(expected: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Indices of the utterances of an epoch: each floor or ceil of ``expected`` times, on average as often as that.

    Systematic sampling in random order: the points u, u + 1, u + 2 ... on a line on which each utterance has a stretch
    of its ``expected`` length.
    """
    order = random.permutation(len(expected))
    reached = np.floor(np.cumsum(expected[order]) + random.random()).astype(int)
    return np.repeat(order, np.diff(reached, prepend=0))


def translations(
    indices: np.ndarray,
    sentences: np.ndarray,
    varieties: np.ndarray,
    most: int,
    random: np.random.Generator,
) -> list[np.ndarray]:
    """``indices`` in groups of at most ``most`` of one sentence, of different varieties as far as there are such.

    ``sentences``, ``varieties``: (N,) numbers of all that indices count. In rounds: the first utterance of a sentence
    in each variety, then the second in each, cut into groups; which is the first is drawn.
    """
    drawn = random.permutation(indices)
    seen: Counter[tuple[int, int]] = Counter()
    rounds: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index in drawn.tolist():
        key = (sentences[index], varieties[index])
        rounds[key[0]].append((seen[key], index))
        seen[key] += 1
    ordered = ([index for _, index in sorted(of, key=itemgetter(0))] for of in rounds.values())
    return [np.array(group) for members in ordered for group in batched(members, most)]


def batches(
    groups: Sequence[np.ndarray], sizes: np.ndarray, most: int, fewest: int, random: np.random.Generator
) -> list[list[np.ndarray]]:
    """``groups`` of indices in batches of similar ``sizes``, the largest first, none exceeds ``most`` with padding.

    ``sizes``: of all that indices count, in numbers as ``most``; it is exceeded where ``fewest`` groups need more.
    """
    ends = np.cumsum([len(group) for group in groups])
    of_group = np.maximum.reduceat(sizes[np.concatenate(groups)], ends - np.diff(ends, prepend=0))
    steps = np.floor(np.log(of_group) / np.log(ALIKE)).astype(int)
    order = np.lexsort((random.random(len(groups)), -steps))
    largest = np.maximum.accumulate(of_group[order][::-1])[::-1]  # of what is left
    reached = np.cumsum([len(groups[n]) for n in order])
    made, start = [], 0
    while start < len(order):
        before = reached[start - 1] if start else 0
        fits = int(np.searchsorted(reached, before + most // largest[start], side="right"))
        end = max(start + fewest, fits)
        made.append([groups[n] for n in order[start:end]])
        start = end
    if len(made) > 1 and len(made[-1]) < fewest:
        made[-2:] = [[*made[-2], *made[-1]]]
    return made


def _looked_up(file: Path, keys: Sequence[str]) -> list[str]:
    column = datadir.read_map(file)
    missing = next((key for key in keys if key not in column), None)
    if missing is not None:
        raise DataError(f"{file}: a value for each of {len(keys)} ids, got none for {missing}")
    return [column[key] for key in keys]


def _weight(file: Path, value: str) -> float:
    try:
        weight = number(value)
    except ValueError:
        weight = 0.0
    if weight <= 0:
        raise DataError(f"{file}: a weight is a number above 0, got {value!r}")
    return weight

"""What an epoch hears, and in which batches: the hours of each variety count by a power of theirs.

A variety with H hours is heard in proportion to H^β: with β = 1 as often as it occurs, with β = 0 as much as any other
(1/β is called the temperature; Arivazhagan et al. 2019, arXiv 1907.05019; Pratap et al. 2023, arXiv 2305.13516). Hours
and utterances of a corpus count as often as its weight says. ESPnet's category batches draw alike, but take no weights,
draw the same whatever the seed, and put utterances of all lengths into a batch: much of it is then padding, and what it
needs of a GPU's memory has no bound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def draw_epoch(expected: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Indices of the utterances of an epoch: each floor or ceil of ``expected`` times, on average as often as that.

    Systematic sampling in random order: the points u, u + 1, u + 2 ... on a line on which each utterance has a stretch
    of its ``expected`` length.
    """
    order = random.permutation(len(expected))
    reached = np.floor(np.cumsum(expected[order]) + random.random()).astype(int)
    return np.repeat(order, np.diff(reached, prepend=0))


def batches(
    indices: np.ndarray, sizes: np.ndarray, most: int, fewest: int, random: np.random.Generator
) -> list[np.ndarray]:
    """``indices`` in batches of similar ``sizes``, the largest first; padded to its largest, none exceeds ``most``.

    ``sizes``: of all that indices count, in numbers as ``most``; it is exceeded where ``fewest`` utterances need more.
    """
    steps = np.floor(np.log(sizes[indices]) / np.log(ALIKE)).astype(int)
    order = indices[np.lexsort((random.random(len(indices)), -steps))]
    largest = np.maximum.accumulate(sizes[order][::-1])[::-1]  # of what is left
    made, start = [], 0
    while start < len(order):
        end = start + max(fewest, int(most // largest[start]))
        made.append(order[start:end])
        start = end
    if len(made) > 1 and len(made[-1]) < fewest:
        made[-2:] = [np.concatenate(made[-2:])]
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

"""Means over pairs of varieties under another draw of sentences and varieties: bootstrap and permutation test.

Conventions
- The mean is over the ordered pairs of varieties, each with equal weight, of the mean over the queries of the pair.
- Queries are not independent: a sentence that is easy is easy in every pair, and so is a variety. What is drawn with
  replacement is therefore whole sentences, with all their recordings in all pairs (cluster bootstrap), and where at
  least `ENOUGH` varieties stand on either side, varieties too, independently of the sentences: a query counts as often
  as its sentence was drawn times its pair. That crossing is the pigeonhole bootstrap (Owen 2007, Annals of Applied
  Statistics 1:386), which errs on the wide side. A variety is source here and target there, so that one draw serves
  both sides: a pair counts as often as its source was drawn times its target (Snijders & Borgatti 1999, Connections
  22:61). With fewer varieties an interval speaks of new sentences in these varieties only.
- Intervals are percentiles, 95 %; with fewer than some 20 sentences they are too narrow. A pair that has none of the
  sentences drawn is left out of that draw, and a draw that is left without pairs is left out altogether.
- The p-value of a comparison is that of a paired permutation test, two-sided: under the null hypothesis the two systems
  are exchangeable on each sentence, so that the sign of its difference is flipped by a coin. p = (1 + draws at least as
  far from 0) / (1 + draws) (Phipson & Smyth 2010). It speaks of new sentences only, also where the interval says more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fangyan.errors import DataError

ENOUGH = 5
"""Varieties a side from which on they are drawn too: the spread of fewer says little about varieties."""

DRAWS = 2000
BLOCK = 1_000_000
"""Draws times pairs at a time: 8 MB in double precision."""


@dataclass(frozen=True)
class Cells:
    """Queries sorted into cells, an ordered pair by a sentence each: a bootstrap needs no more than sums over cells."""

    cell: np.ndarray  # (queries,): the cell of each one
    counts: np.ndarray  # (pairs, sentences): the queries of each cell
    ends: np.ndarray  # (pairs, 2): the numbers of source and target

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sums of (queries,) values over cells: (pairs, sentences)."""
        return np.bincount(self.cell, values, self.counts.size).reshape(self.counts.shape)

    def mean(self, values: np.ndarray) -> float:
        """The mean over pairs of the mean over queries of (queries,) values."""
        return float((self.total(values).sum(1) / self.counts.sum(1)).mean())

    @property
    def varieties(self) -> int:
        """How many varieties are drawn; 0 where they stay as they are."""
        return len(np.unique(self.ends)) if min(len(np.unique(side)) for side in self.ends.T) >= ENOUGH else 0

    @property
    def clusters(self) -> str:
        """What is drawn, in words."""
        drawn = f"{self.counts.shape[1]} sentences"
        return f"{drawn} x {self.varieties} varieties" if self.varieties else drawn


def sort_into_cells(queries: Sequence[tuple[str, str, str]]) -> Cells:
    """The queries, (source, target, sentence) each, by cell; `DataError` where these are of a single sentence."""
    pairs = _numbers((source, target) for source, target, _ in queries)
    sentences = _numbers(sentence for _, _, sentence in queries)
    varieties = _numbers(end for pair in pairs for end in pair)
    if len(sentences) < 2:
        raise DataError(
            f"a bootstrap draws sentences, so it needs at least 2 of them, got {', '.join(sentences)}"
        )
    cell = np.array([pairs[a, b] * len(sentences) + sentences[sentence] for a, b, sentence in queries])
    counts = np.bincount(cell, minlength=len(pairs) * len(sentences)).reshape(len(pairs), -1)
    return Cells(cell, counts, np.array([[varieties[end] for end in pair] for pair in pairs]))


def bootstrap_means(found: Cells, values: np.ndarray, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """The means of (k, queries) values in each draw of clusters: (draws, k); NaN where a draw has no pair left."""
    chance = np.random.default_rng(seed)
    totals = np.stack([found.total(row) for row in values])  # (k, pairs, sentences)
    size = max(1, BLOCK // len(found.counts))
    blocks = [min(size, draws - start) for start in range(0, draws, size)]
    return np.concatenate([_block(found, totals, chance, block) for block in blocks])


def _block(found: Cells, totals: np.ndarray, chance: np.random.Generator, draws: int) -> np.ndarray:
    sentences = _drawn(chance, found.counts.shape[1], draws)
    counts = sentences @ found.counts.T  # (draws, pairs)
    weights = (counts > 0).astype(float)
    if found.varieties:
        varieties = _drawn(chance, found.varieties, draws)
        weights *= varieties[:, found.ends].prod(2)
    means = sentences @ totals.swapaxes(1, 2) / np.maximum(counts, 1)  # (k, draws, pairs)
    with np.errstate(invalid="ignore"):
        return ((means * weights).sum(2) / weights.sum(1)).T


def _drawn(chance: np.random.Generator, count: int, draws: int) -> np.ndarray:
    """How often each of ``count`` things is among as many drawn with replacement: (draws, count)."""
    return chance.multinomial(count, np.full(count, 1 / count), draws).astype(float)


def interval(means: np.ndarray) -> np.ndarray:
    """The ends of the 95 % intervals of (draws, k) means: (2, k)."""
    return np.nanquantile(means, (0.025, 0.975), axis=0)


def mean_and_interval(
    queries: Sequence[tuple[str, str, str]], values: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float | None, float | None, str]:
    """The mean over pairs of (queries,) values, the ends of its 95 % interval, and what was drawn, in words.

    Of a single sentence there is a mean alone.
    """
    values = np.asarray(values, float)
    if len({sentence for *_, sentence in queries}) < 2:
        means: dict[tuple[str, str], list[float]] = {}
        for (source, target, _), value in zip(queries, values, strict=True):
            means.setdefault((source, target), []).append(value)
        return float(np.mean([np.mean(some) for some in means.values()])), None, None, "1 sentence"
    found = sort_into_cells(queries)
    (low,), (high,) = interval(bootstrap_means(found, values[None], draws, seed))
    return found.mean(values), float(low), float(high), found.clusters


def resample(clusters: Sequence[str], draws: int = DRAWS, seed: int = 0) -> dict[str, np.ndarray]:
    """How often each cluster, a sentence say, is among as many drawn with replacement: cluster -> (draws,)."""
    return dict(zip(clusters, _drawn(np.random.default_rng(seed), len(clusters), draws).T, strict=True))


def permutation(found: Cells, difference: np.ndarray, draws: int = DRAWS, seed: int = 0) -> float:
    """The two-sided p-value of the mean of (queries,) differences, by flipping signs of sentences."""
    by_sentence = (found.total(difference) / found.counts.sum(1, keepdims=True)).mean(0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (draws, len(by_sentence)))
    as_far = abs(signs @ by_sentence) >= abs(by_sentence.sum()) - 1e-12  # rounding is no difference
    return float((1 + as_far.sum()) / (1 + draws))


def _numbers(names: Iterable) -> dict:
    """Each distinct name with its place in their order."""
    return {name: n for n, name in enumerate(sorted(set(names)))}

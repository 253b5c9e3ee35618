"""A layer without a development set: chosen on one half of the sentences, reported on the other, both ways.

Conventions
- Halves are of sentences, with all their recordings in all pairs and sets, so that none is on both sides. In the order
  of the SHA-256 of their ids, which says nothing about them, they are dealt in turn to the one half and the other.
- Only queries are split: ranks stay as they are, among the candidates of the whole set, and so does chance.
- Each half chooses by the rule of `fangyan.measure.selection`, over the ordered pairs of all sets, one of the layers
  that all sets have. A pair without queries in a half has no say in it.
- The result has each query at the layer that the other half chose; its means are over pairs and their queries as ever.
  It is the mean of the two halves where these have as many queries of each pair, and where both choose one layer it is
  the plain result of that layer.
- The interval is the bootstrap's of these ranks. It says how far the mean can be trusted, not the choice: with other
  sentences it might have fallen on another layer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.retrieval.tables import Pair, RankedQuery, pairs_of
from fangyan.measure.selection import Mean, by_layer, choose_layer, layer_to_show
from fangyan.measure.significance import read_ranks
from fangyan.progress import track
from fangyan.tables import read_sets

RANKS_FILE = "ranks.tsv"


@dataclass(frozen=True)
class Half:
    """How many sentences one half has, the layer they choose, and its mean R@1 on the other half."""

    sentences: int
    layer: str
    recall_at_1: float


@dataclass(frozen=True)
class Folds:
    """What two halves of the sentences choose; ``place``: the half of each sentence, 0 or 1."""

    halves: tuple[Half, Half]
    place: Mapping[str, int]

    @property
    def layers(self) -> str:
        """The layer that both choose, or both layers, ``layer03, layer04``."""
        return ", ".join(dict.fromkeys(half.layer for half in self.halves))

    def queries(self, retrieval: Path) -> list[RankedQuery]:
        """The queries of a set, each at the layer that the other half chose."""
        return [
            query
            for layer, queries in read_ranks(retrieval / RANKS_FILE)
            for query in queries
            if layer == self.halves[1 - self.place[query.sentence]].layer
        ]


def choose_by_folds(sets: Sequence[Path]) -> Folds:
    """What two halves of the sentences of all ``sets`` choose, each the folder of `fangyan.measure.retrieval` of a set.

    `DataError` for sets without ranks, without a layer in common, and for fewer than 2 sentences.
    """
    ranks = [folder / RANKS_FILE for folder in sets]
    where = ", ".join(map(str, ranks))
    place = halves(query.sentence for path in ranks for query in next(read_ranks(path))[1])
    if len(place) < 2:
        raise DataError(f"{where}: folds need at least 2 sentences, got {', '.join(place)}")
    rows = [_split(path, place) for path in track(ranks, "folds", "sets")]
    common = set.intersection(*({row.layer for half in both for row in half} for both in rows))
    if not common:
        raise DataError(f"{where}: folds need a layer that all sets have, got none")
    pairs = [[row for both in rows for row in both[n] if row.layer in common] for n in (0, 1)]
    return Folds((_half(0, pairs, place), _half(1, pairs, place)), place)


def layer_of_report(retrieval: Path, sets: Sequence[str], recommended: str = "", folds: bool = False) -> str:
    """The layer that a report without a development set shows; empty where none of the sets was scored.

    ``retrieval``: folder of `fangyan.measure.retrieval`. Of the first half, where ``folds`` choose it.
    """
    rows = read_sets(retrieval, sets, "pairs.tsv", Pair)
    if folds and rows:
        return choose_by_folds([retrieval / name for name in rows]).halves[0].layer
    return layer_to_show(rows.values(), recommended) or ""


def halves(sentences: Iterable[str]) -> dict[str, int]:
    """The half of each sentence, 0 or 1."""
    ordered = sorted(set(sentences), key=lambda key: sha256(key.encode()).digest())
    return {key: n % 2 for n, key in enumerate(ordered)}


def mean(queries: Iterable[RankedQuery]) -> Mean:
    """The mean over their ordered pairs."""
    (found,) = by_layer(pairs_of("", queries)).values()
    return found


def _split(ranks: Path, place: Mapping[str, int]) -> tuple[list[Pair], list[Pair]]:
    """The rows of ``pairs.tsv`` of either half."""
    found: tuple[list[Pair], list[Pair]] = [], []
    for layer, queries in read_ranks(ranks):
        for n, rows in enumerate(found):
            rows += pairs_of(layer, (q for q in queries if place[q.sentence] == n))
    return found


def _half(n: int, pairs: Sequence[Sequence[Pair]], place: Mapping[str, int]) -> Half:
    layer = choose_layer(pairs[n])
    return Half(list(place.values()).count(n), layer, by_layer(pairs[1 - n])[layer].recall_at_1)

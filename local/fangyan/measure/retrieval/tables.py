"""The tables of a retrieval: what a shard of the pairs leaves, and how shards become the tables of all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from fangyan.data import datadir
from fangyan.data.varieties import group_of
from fangyan.environment import record_day
from fangyan.errors import DataError, known_names
from fangyan.files import write_lines
from fangyan.measure.retrieval.sides import Side
from fangyan.tables import Count, Fraction, MeanRank, Total, columns, write_rows

if TYPE_CHECKING:
    from fangyan.measure.retrieval.ranking import Ranking


@dataclass(frozen=True)
class Metrics:
    """What the retrieval of ``n`` queries gave: ranks, fractions in [0, 1], and how many lost R@1 to ties alone."""

    n: Count
    recall_at_1: Fraction
    recall_at_5: Fraction
    recall_at_10: Fraction
    mrr: Fraction
    median_rank: MeanRank
    chance: Fraction
    ties: Total = 0


@dataclass(frozen=True)
class _Place:
    layer: str
    source: str
    target: str


@dataclass(frozen=True)
class Pair(Metrics, _Place):
    """A row of ``pairs.tsv``: retrieval from ``source`` to ``target`` at one layer."""


@dataclass(frozen=True)
class Group:
    """A row of ``groups.tsv``: the mean over the ordered ``pairs`` of varieties of two groups.

    ``cell`` is ``across`` for two groups, ``within`` for one: the protocol publishes the former.
    """

    layer: str
    source_group: str
    target_group: str
    cell: str
    pairs: Count
    recall_at_1: Fraction
    recall_at_5: Fraction
    recall_at_10: Fraction
    mrr: Fraction
    median_rank: MeanRank
    chance: Fraction


class RankedQuery(NamedTuple):
    """A row of ``ranks.tsv`` but for its layer."""

    source: str
    target: str
    query: str
    sentence: str
    rank: int
    right: int
    candidates: int


PLACE = columns(_Place)
MEANS = tuple(name for name in columns(Metrics) if name not in ("n", "ties"))
RANKS = ("layer", *RankedQuery._fields)

type Found = Iterable[tuple[tuple[str, str, str], Side, Ranking]]
"""Layer, source and target; the queries; how they were ranked."""


def table_of(folder: Path, name: str) -> Path:
    """The table ``name`` of a set's folder; `DataError` where it has none, with the folders nearby that have one."""
    path = folder / name
    if path.is_file():
        return path
    for place in (folder, folder.parent):
        if found := sorted({*place.glob(f"*/{name}"), *place.glob(f"*/*/{name}")}):
            sets = known_names(folder.name, [file.parent.relative_to(place).as_posix() for file in found])
            raise DataError(f"{path}: no such file: the folder of a set is to be named: in {place}: {sets}")
    raise DataError(f"{path}: no such file: run the stage measure first")


def write_share(found: Found, folder: Path) -> None:
    """Writes ``ranks.tsv``, without header, and the metrics of each ordered pair, to the last bit, in order."""
    from fangyan.measure.retrieval.ranking import measure

    with (
        (folder / "ranks.tsv").open("w", encoding="utf-8", newline="\n") as ranks,  # too many to keep
        (folder / "pairs.jsonl").open("w", encoding="utf-8", newline="\n") as pairs,
    ):
        for place, queries, ranking in found:
            ranks.writelines(_lines(place, queries, ranking))
            print(json.dumps(vars(Pair(*place, **vars(measure(ranking))))), file=pairs)


def _lines(place: Iterable[str], queries: Side, found: "Ranking") -> Iterator[str]:
    """The lines of ``ranks.tsv`` for one ordered pair."""
    head = "\t".join(place)
    for n, rank, right in zip(*(x.tolist() for x in (found.queries, found.rank, found.right)), strict=True):
        yield f"{head}\t{queries.ids[n]}\t{queries.sentences[n]}\t{rank}\t{right}\t{found.candidates}\n"


def read_pairs(shards: Iterable[Path], layers: Sequence[str]) -> list[Pair]:
    """The metrics of the ordered pairs of all shards, by layer (in the order of ``layers``), source and target."""
    rows = [
        Pair(**json.loads(line))
        for shard in shards
        for line in (shard / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return sorted(rows, key=lambda row: _order(attrgetter(*PLACE)(row), layers))


def pairs_of(layer: str, queries: Iterable[RankedQuery]) -> list[Pair]:
    """The rows of ``pairs.tsv`` that ranks give, by source and target; what ties cost is not known from them."""
    from fangyan.measure.retrieval.ranking import measure

    found: dict[tuple[str, str], list[RankedQuery]] = {}
    for query in queries:
        found.setdefault((query.source, query.target), []).append(query)
    return [Pair(layer, *ends, **vars(measure(_ranking(found[ends])))) for ends in sorted(found)]


def _ranking(queries: Sequence[RankedQuery]) -> "Ranking":
    import torch

    from fangyan.measure.retrieval.ranking import Ranking

    rank, right = (torch.tensor([getattr(q, name) for q in queries]) for name in ("rank", "right"))
    return Ranking(torch.arange(len(rank)), rank, right, queries[0].candidates, torch.zeros_like(rank) > 0)


def write(rows: Sequence[Pair], shards: Sequence[Path], groups: Mapping[str, str], folder: Path) -> None:
    """Writes ``{pairs,groups,ranks}.tsv`` from the ``rows`` of `read_pairs` and the ranks in ``shards``."""
    layers = list(dict.fromkeys(row.layer for row in rows))
    with ExitStack() as files:
        ranks = [
            files.enter_context((shard / "ranks.tsv").open(encoding="utf-8", newline="\n"))
            for shard in shards
        ]
        in_order = merge(*ranks, key=lambda line: _order(line.split("\t", len(PLACE)), layers))
        write_lines(folder / "ranks.tsv", chain(["\t".join(RANKS) + "\n"], in_order))
    write_rows(folder / "groups.tsv", _groups(rows, groups), Group)
    write_rows(folder / "pairs.tsv", rows, Pair)
    record_day(folder / "pairs.tsv")


def _order(cells: Sequence[str], layers: Sequence[str]) -> tuple[int, str, str]:
    """What sorts rows by their first cells, the `PLACE`: by layer in the order of ``layers``, source and target."""
    layer, source, target, *_ = cells
    return layers.index(layer), source, target


def groups_of(data: Path) -> dict[str, str]:
    """Variety -> group: the data directory's own, or that of the table of varieties."""
    codes = sorted(set(datadir.read_map(data / "utt2lang").values()))
    return {code: group_of(code) for code in codes} | datadir.read_groups(data)


def _groups(rows: Iterable[Pair], groups: Mapping[str, str]) -> list[Group]:
    """The mean over the pairs of each two groups; a side that is in none, as a text column, is its own."""
    cells: dict[tuple[str, str, str], list[Pair]] = {}
    for row in rows:
        ends = (groups.get(side, side) for side in (row.source, row.target))
        cells.setdefault((row.layer, *ends), []).append(row)
    layers = list(dict.fromkeys(layer for layer, *_ in cells))
    return [
        Group(*key, "within" if key[1] == key[2] else "across", len(pairs), **_means(pairs))
        for key, pairs in sorted(cells.items(), key=lambda cell: (layers.index(cell[0][0]), cell[0]))
    ]


def _means(pairs: Sequence[Pair]) -> dict[str, float]:
    return {name: fmean(getattr(pair, name) for pair in pairs) for name in MEANS}


def check_pairs(path: Path, rows: Iterable) -> None:
    """`DataError` unless every layer of the ``rows`` of ``path`` has the same ordered pairs, each of them once."""
    layers: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        layers.setdefault(row.layer, []).append((row.source, row.target))
    first, wanted = next(iter(layers.items()))
    for layer, pairs in layers.items():
        if len(set(pairs)) < len(pairs):
            twice = " ".join(max(pairs, key=pairs.count))
            raise DataError(f"{path}: one row a layer and pair, got {layer} {twice} twice")
        if set(pairs) != set(wanted):
            raise DataError(
                f"{path}: every layer has the same ordered pairs, got others in {layer} than in {first}"
            )

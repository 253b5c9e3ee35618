"""The tables of a retrieval: what a share of the pairs leaves, and how shares become the tables of all."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import chain
from operator import itemgetter
from pathlib import Path
from statistics import fmean

from fangyan import datadir
from fangyan.datadir import Utterance
from fangyan.files import write_lines, write_table
from fangyan.retrieval.ranking import Metrics, Ranking, measure
from fangyan.varieties import group_of

PLACE = ("layer", "source", "target")
MEANS = tuple(name for name in Metrics.__dataclass_fields__ if name not in ("n", "ties"))
PAIRS = (*PLACE, "n", *MEANS, "ties")
GROUPS = ("layer", "source_group", "target_group", "cell", "pairs", *MEANS)
RANKS = (*PLACE, "query", "sentence", "rank", "right", "candidates")

type Found = Iterable[tuple[tuple[str, str, str], Sequence[Utterance], Ranking]]
"""Layer, source and target; the queries; how they were ranked."""


def write_share(found: Found, folder: Path) -> None:
    """Nothing; ``ranks.tsv``, without header, and the metrics of each ordered pair, to the last bit, in order."""
    with (
        (folder / "ranks.tsv").open("w", encoding="utf-8", newline="\n") as ranks,  # too many to keep
        (folder / "pairs.jsonl").open("w", encoding="utf-8", newline="\n") as pairs,
    ):
        for place, queries, ranking in found:
            ranks.writelines(_lines(place, queries, ranking))
            row = dict(zip(PLACE, place, strict=True)) | vars(measure(ranking))
            print(json.dumps(row), file=pairs)


def _lines(place: Iterable[str], queries: Sequence[Utterance], found: Ranking) -> Iterator[str]:
    """The lines of ``ranks.tsv`` for one ordered pair."""
    head = "\t".join(place)
    for n, rank, right in zip(*(x.tolist() for x in (found.queries, found.rank, found.right)), strict=True):
        query = queries[n]
        yield f"{head}\t{query.id}\t{query.sentence}\t{rank}\t{right}\t{found.candidates}\n"


def read_pairs(shares: Iterable[Path]) -> list[dict]:
    """The metrics of the ordered pairs of all shares, by layer, source and target."""
    rows = [
        json.loads(line)
        for share in shares
        for line in (share / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    return sorted(rows, key=itemgetter(*PLACE))


def write(rows: Sequence[dict], shares: Sequence[Path], groups: Mapping[str, str], folder: Path) -> None:
    """Nothing; ``{pairs,groups,ranks}.tsv`` from the ``rows`` of `read_pairs` and the ranks in ``shares``."""
    with ExitStack() as files:
        ranks = [
            files.enter_context((share / "ranks.tsv").open(encoding="utf-8", newline="\n"))
            for share in shares
        ]
        in_order = merge(*ranks, key=lambda line: line.split("\t", len(PLACE))[: len(PLACE)])
        write_lines(folder / "ranks.tsv", chain(["\t".join(RANKS) + "\n"], in_order))
    write_table(folder / "groups.tsv", _groups(rows, groups), GROUPS)
    write_table(folder / "pairs.tsv", rows, PAIRS)


def groups_of(data: Path) -> dict[str, str]:
    """Variety -> group: the data directory's own, or that of the table of varieties."""
    codes = sorted(set(datadir.read_map(data / "utt2lang").values()))
    return {code: group_of(code) for code in codes} | datadir.read_groups(data)


def _groups(rows: Iterable[dict], groups: Mapping[str, str]) -> list[dict]:
    """The mean over the pairs of each two groups."""
    cells: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        ends = (groups[row[end]] for end in ("source", "target"))
        cells.setdefault((row["layer"], *ends), []).append(row)
    layers = list(dict.fromkeys(layer for layer, *_ in cells))
    return [
        dict(zip(GROUPS, (*key, "within" if key[1] == key[2] else "across", len(pairs)), strict=False))
        | {name: fmean(p[name] for p in pairs) for name in MEANS}
        for key, pairs in sorted(cells.items(), key=lambda cell: (layers.index(cell[0][0]), cell[0]))
    ]

"""How far retrieval results can be trusted: intervals of mean metrics, and two systems compared query by query.

Conventions
- What is drawn, and how, says `measure.bootstrap`. The mean is over the ordered pairs of varieties, each with equal
  weight, of the mean over the queries of the pair. So is chance, the R@1 of a random order.
- A text column that was retrieved with them is a side of its pairs as a variety is, and drawn like one.
- Ranks stay as they are: what was drawn does not change the candidates of a query.
- Systems are compared on the same queries with the same candidates, or not at all.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from fangyan.errors import DataError, UserError, known_names
from fangyan.files import fingerprint, produce
from fangyan.measure.bootstrap import DRAWS, Cells, bootstrap_means, interval, permutation, sort_into_cells
from fangyan.measure.retrieval.tables import RANKS, RankedQuery, table_of
from fangyan.progress import track_iterable
from fangyan.tables import Count, Fraction, write_rows

METRICS = {
    "recall_at_1": lambda rank: rank <= 1,
    "recall_at_5": lambda rank: rank <= 5,
    "recall_at_10": lambda rank: rank <= 10,
    "mrr": lambda rank: 1 / rank,
}
RANKS_FILE = "ranks.tsv"
WHOLE = re.compile("[0-9]{1,9}")


@dataclass(frozen=True)
class Interval:
    """A row of ``intervals.tsv``: the mean of a metric over the ordered pairs of a layer, and its 95 % interval."""

    layer: str
    metric: str
    mean: Fraction
    low: Fraction
    high: Fraction
    n: Count  # queries
    clusters: str  # what the bootstrap drew, in words
    chance: Fraction


@dataclass(frozen=True)
class SystemComparison:
    """Two systems, a and b, on the same queries: mean R@1 in [0, 1], and a - b with its interval and p-value."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    n: int
    clusters: str
    chance: float


def intervals(
    retrieval: Path, names: Sequence[str], out: Path, draws: int = DRAWS, seed: int = 0
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to write: ``intervals.tsv``, for every layer a row for each metric.

    ``retrieval``: folder of `fangyan.measure.retrieval`, with ``<set>/ranks.tsv`` for each of the sets ``names``. ``n``
    queries; chance is that of R@1. `DataError` for malformed ranks and fewer than 2 sentences; `UserError` if ``out``
    is ``retrieval`` or the name of a set is none.
    """
    if out.resolve() == retrieval.resolve():
        raise UserError(f"--out {out}: holds the retrieval itself, intervals need a folder of their own")
    written = []
    for name in names:
        if Path(name).name != name:
            raise UserError(f"--set {name}: the name of a set, no path")
        path = table_of(retrieval / name, RANKS_FILE)
        inputs = {"ranks": fingerprint(path), "draws": draws, "seed": seed}
        if produce(out / name, inputs, partial(_write, path, draws, seed)):
            written.append(out / name)
    return written


def _write(path: Path, draws: int, seed: int, folder: Path) -> None:
    rows: list[Interval] = []
    for layer, queries in track_iterable(
        read_ranks(path), _count_layers(path), f"intervals {path.parent.name}", "layers"
    ):
        try:
            rows += mean_intervals(layer, queries, draws, seed)
        except DataError as error:
            raise DataError(f"{path}: layer {layer}: {error}") from None
    write_rows(folder / "intervals.tsv", rows, Interval)


def mean_intervals(
    layer: str, queries: Sequence[RankedQuery], draws: int = DRAWS, seed: int = 0
) -> Iterator[Interval]:
    """A row for each metric of the queries of a layer; `DataError` for fewer than 2 sentences."""
    found = _cells(queries)
    rank = np.array([q.rank for q in queries])
    values = np.stack([metric(rank) for metric in METRICS.values()]).astype(float)
    ends = interval(bootstrap_means(found, values, draws, seed))
    common = len(queries), found.clusters, found.mean(_chance(queries))
    for metric, row, low, high in zip(METRICS, values, *ends, strict=True):
        yield Interval(layer, metric, found.mean(row), low, high, *common)


def recall_interval(layer: str, queries: Sequence[RankedQuery]) -> Interval:
    """The row of R@1 that ``intervals.tsv`` has by default; `DataError` for fewer than 2 sentences."""
    return next(row for row in mean_intervals(layer, queries) if row.metric == "recall_at_1")


def paired_test(
    a: Path, layer_a: str, b: Path, layer_b: str, draws: int = DRAWS, seed: int = 0
) -> SystemComparison:
    """The mean R@1 of a layer of system ``a`` and of a layer of ``b``, and how sure their difference is.

    ``a``, ``b``: folders of one set with ``ranks.tsv`` (the same one for two of its layers). `UserError` for an unknown
    layer; `DataError` where the queries differ, for malformed ranks and for fewer than 2 sentences.
    """
    places = [table_of(folder, RANKS_FILE) for folder in (a, b)]
    ours, theirs = (_of_layer(*of) for of in zip(places, (layer_a, layer_b), strict=True))
    _same_queries(places[0], ours, places[1], theirs)
    try:
        found = _cells(ours)
    except DataError as error:
        raise DataError(f"{places[0]}: layer {layer_a}: {error}") from None
    hits = np.array([[q.rank == 1 for q in queries] for queries in (ours, theirs)]).astype(float)
    difference = hits[0] - hits[1]
    (low,), (high,) = interval(bootstrap_means(found, difference[None], draws, seed))
    return SystemComparison(
        *(found.mean(values) for values in (*hits, difference)),
        *(float(low), float(high), permutation(found, difference, draws, seed)),
        *(len(ours), found.clusters, found.mean(_chance(ours))),
    )


def read_ranks(path: Path) -> Iterator[tuple[str, list[RankedQuery]]]:
    """The queries of each layer of a ``ranks.tsv``, a layer at a time; `DataError` with line where it breaks a rule."""
    if not path.is_file():
        raise DataError(f"{path}: no such file: run the stage measure first")
    read = set()
    for layer, rows in groupby(_rows(path), itemgetter(0)):
        if layer in read:
            raise DataError(f"{path}: the rows of a layer stand together, got {layer} again after others")
        read.add(layer)
        queries = [query for _, query in rows]
        (place, count), *_ = Counter((q.source, q.target, q.query) for q in queries).most_common(1)
        if count > 1:
            raise DataError(
                f"{path}: a query has one row a layer, got {count} of {' '.join(place)} in {layer}"
            )
        yield layer, queries
    if not read:
        raise DataError(f"{path}:2: ranks have a row for each query, got none")


def _count_layers(path: Path) -> int:
    with path.open("rb") as stream:
        return len({line.partition(b"\t")[0] for line in stream}) - 1  # the header is none


def _rows(path: Path) -> Iterator[tuple[str, RankedQuery]]:
    with path.open("rb") as stream:
        for n, line in enumerate(stream, 1):
            try:
                cells = line.decode("utf-8").rstrip("\r\n").split("\t")
            except UnicodeDecodeError:
                raise DataError(f"{path}:{n}: must be UTF-8, got {line!r}") from None
            if n > 1:
                yield cells[0], _query(f"{path}:{n}", cells[1:])
            elif cells != list(RANKS):
                raise DataError(f"{path}:1: the columns are {' '.join(RANKS)}, got {' '.join(cells)}")


def _query(where: str, row: Sequence[str]) -> RankedQuery:
    if len(row) != len(RankedQuery._fields):
        raise DataError(f"{where}: {len(RANKS)} columns ({' '.join(RANKS)}), got {len(row) + 1}")
    if not all(WHOLE.fullmatch(number) for number in row[4:]):
        raise DataError(f"{where}: rank, right and candidates are whole numbers, got {' '.join(row[4:])}")
    query = RankedQuery(*row[:4], *map(int, row[4:]))
    if not (1 <= query.right <= query.candidates and 1 <= query.rank <= 1 + query.candidates - query.right):
        rule = "of the candidates at least 1 is right, and a rank is from 1 to 1 + those that are not"
        raise DataError(f"{where}: {rule}, got rank {query.rank}, {query.right} of {query.candidates} right")
    return query


def _of_layer(path: Path, layer: str) -> list[RankedQuery]:
    known = []
    for name, queries in read_ranks(path):
        if name == layer:
            return sorted(queries)
        known.append(name)
    raise UserError(f"{path}: no layer {layer!r}: {known_names(layer, known)}")


def _same_queries(a: Path, ours: Sequence[RankedQuery], b: Path, theirs: Sequence[RankedQuery]) -> None:
    """Raises a `DataError` where not the same was asked, with the same candidates."""
    asked, also = ({q._replace(rank=0) for q in queries} for queries in (ours, theirs))
    for lacking, here, there in ((asked - also, b, a), (also - asked, a, b)):
        if lacking:
            q = min(lacking)
            raise DataError(
                f"{here}: systems are compared on the same queries and candidates, got none like {q.query} of "
                f"sentence {q.sentence} from {q.source} to {q.target}, {q.right} of {q.candidates} right, in {there}"
            )


def _cells(queries: Sequence[RankedQuery]) -> Cells:
    return sort_into_cells([(q.source, q.target, q.sentence) for q in queries])


def _chance(queries: Sequence[RankedQuery]) -> np.ndarray:
    return np.array([q.right / q.candidates for q in queries])

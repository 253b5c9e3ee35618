"""A submission: the result of one encoder on one set, and all that decides whether another can be compared with it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import isclose
from pathlib import Path
from statistics import fmean
from typing import Annotated

from fangyan.errors import DataError
from fangyan.files import fingerprint, write_json
from fangyan.leaderboard import schema
from fangyan.leaderboard.schema import Fact, Flag, Hash, Line, Rule
from fangyan.tables import Amount, Count, Fraction, Total

FORM = 1
"""The form of the JSON, to be counted up where it changes."""


@dataclass(frozen=True)
class Protocol:
    """What was asked, and how it was scored (`fangyan.measure.retrieval`, `fangyan.measure.bootstrap`)."""

    score: Line
    normalise: Line
    sentences: Line  # the column whose equal values are right answers
    by: Line  # the column of sides
    texts: tuple[Line, ...]  # the text columns that were retrieved as well
    tie: Amount
    draws: Count
    seed: Total


@dataclass(frozen=True)
class Corpus:
    """Of what it was asked; ``fingerprint``: of ids, varieties, sentences and durations, wherever the corpus lies."""

    set: Line
    fingerprint: Hash
    utterances: Count
    sentences: Count
    varieties: tuple[Line, ...]


@dataclass(frozen=True)
class Encoder:
    """Whose features were scored; ``fingerprint``: of the files that decide them."""

    name: Line
    family: Line
    fingerprint: Hash


@dataclass(frozen=True)
class Layer:
    """Which layer was scored, and how it came to be, in words that follow "the layer"."""

    name: Line
    how: Line


@dataclass(frozen=True)
class Score:
    """R@1 with its 95 % interval, the R@1 of a random order, and the number of queries."""

    recall_at_1: Fraction
    low: Fraction
    high: Fraction
    chance: Fraction
    queries: Count


@dataclass(frozen=True)
class _Ends:
    source: Line
    target: Line


@dataclass(frozen=True)
class PairScore(Score, _Ends):
    """The same of one ordered pair: a cell of the matrix."""


@dataclass(frozen=True)
class Origin:
    """How the encoder, or where it was only scored its score, came to be, as far as that is known."""

    versions: dict[str, Line]
    machine: dict[str, Fact]
    threads: Count | None = None
    commit: Line | None = None
    dirty: Flag = False  # whether files differed from the commit
    seed: Total | None = None


def _is_form(value: object) -> bool:
    return type(value) is int and value == FORM


@dataclass(frozen=True)
class Submission:
    """What the JSON holds. ``drawn``: what the bootstrap drew; ``ranks``: the SHA-256 of ``ranks.tsv``."""

    form: Annotated[int, Rule(f"{FORM}, the one that this version reads", _is_form)]
    protocol: Protocol
    protocol_hash: Hash
    corpus: Corpus
    encoder: Encoder
    layer: Layer
    mean: Score
    drawn: Line
    pairs: tuple[PairScore, ...]
    ranks: Hash
    origin: Origin


def read(path: Path) -> Submission:
    """The submission in a JSON file; `DataError` with file, key and rule where it is malformed or inconsistent."""
    found = schema.read(path, Submission)
    for key, rule in contradictions(found):
        raise DataError(f"{path}: {key}: {rule}")
    return replace(found, pairs=tuple(sorted(found.pairs, key=ends)))


def write(path: Path, submission: Submission) -> None:
    """Writes the JSON; `DataError` where the experiment holds something that no submission may."""
    write_json(path, asdict(schema.parse(Submission, _plain(asdict(submission)), f"{path}")))


def hash_of(protocol: Protocol) -> str:
    """The hash of a protocol."""
    return fingerprint(asdict(protocol))


def ends(pair: PairScore) -> tuple[str, str]:
    """The source and target of a pair."""
    return pair.source, pair.target


def contradictions(found: Submission) -> Iterator[tuple[str, str]]:
    """The key and the rule of what does not follow from the rest."""
    if found.protocol_hash != hash_of(found.protocol):
        yield "protocol_hash", f"is that of protocol, {hash_of(found.protocol)}, got {found.protocol_hash}"
    if not found.pairs:
        yield "pairs", "has a row for each ordered pair, got none"
        return
    pairs = [*map(ends, found.pairs)]
    if len(set(pairs)) < len(pairs):
        yield "pairs", f"has one row for each ordered pair, got {' '.join(max(pairs, key=pairs.count))} again"
    for name in ("recall_at_1", "chance"):
        due, got = fmean(getattr(pair, name) for pair in found.pairs), getattr(found.mean, name)
        if not isclose(due, got, abs_tol=1e-6):
            yield f"mean: {name}", f"is the mean over pairs, {due:.6g}, got {got:.6g}"
    if (due := sum(pair.queries for pair in found.pairs)) != found.mean.queries:
        yield "mean: queries", f"is the sum over pairs, {due}, got {found.mean.queries}"
    for where, score in (("mean", found.mean), *((f"pairs: {' '.join(ends(p))}", p) for p in found.pairs)):
        if score.low > score.high:
            yield f"{where}: low", f"is at most high, got {score.low:.6g} and {score.high:.6g}"


def _plain(value: object) -> object:
    """What JSON would make of a value: lists for tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value

"""What an experiment folder holds of a joint space of speech and text, read strictly.

`fangyan.measure.cross_modal`, `hard_negatives` and `classification` say what it means. A list may have several lines of
one measurement, each with a folder that begins with its name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.classification import Classified
from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.hard_negatives import HardScore, KindOfChange
from fangyan.measure.retrieval.tables import Pair, check_pairs
from fangyan.tables import read_sets


@dataclass(frozen=True)
class CrossModal:
    """Retrieval between speech and text on one set, by one line of the list."""

    folder: str
    name: str
    pairs: Sequence[Pair]
    kinds: Sequence[KindInterval]


@dataclass(frozen=True)
class HardNegatives:
    """Speech to text on one set, without and with hard negatives, and what each kind of change does."""

    folder: str
    name: str
    scores: Sequence[HardScore]
    kinds: Sequence[KindOfChange]


@dataclass(frozen=True)
class Classification:
    """Classification by label texts on one set: a row a variety, and all of them."""

    folder: str
    name: str
    rows: Sequence[Classified]


@dataclass(frozen=True)
class UnitTexts:
    """Retrieval between speech and texts as units on one set: of the encoder, and of each baseline by its name."""

    name: str
    encoder: Sequence[KindInterval]
    baselines: Mapping[str, Sequence[KindInterval]]


@dataclass(frozen=True)
class Joint:
    """All of it, in the order of folders, then of sets."""

    cross_modal: Sequence[CrossModal] = ()
    hard_negatives: Sequence[HardNegatives] = ()
    classification: Sequence[Classification] = ()
    unit_texts: Sequence[UnitTexts] = ()


def read(exp: Path, sets: Sequence[str]) -> Joint:
    """What there is of each of ``sets``; `DataError` for malformed tables."""
    return Joint(
        [one for folder in folders(exp, "cross_modal") for one in _cross_modal(folder, sets)],
        [one for folder in folders(exp, "hard_negatives") for one in _hard_negatives(folder, sets)],
        [
            Classification(folder.name, name, rows)
            for folder in folders(exp, "classify")
            for name, rows in read_sets(folder / "scores", sets, "scores.tsv", Classified).items()
        ],
        _unit_texts(exp, sets),
    )


def _unit_texts(exp: Path, sets: Sequence[str]) -> list[UnitTexts]:
    rivals = {
        path.name: _kinds(path / "unit_texts", sets) for path in sorted((exp / "baselines").glob("[!.]*/"))
    }
    return [
        UnitTexts(name, rows, {rival: of[name] for rival, of in rivals.items() if name in of})
        for name, rows in _kinds(exp / "unit_texts", sets).items()
    ]


def _kinds(folder: Path, sets: Sequence[str]) -> dict[str, list[KindInterval]]:
    return read_sets(folder / "kinds", sets, "kinds.tsv", KindInterval)


def recall_at_1(rows: Iterable[KindInterval], kind: str) -> dict[str, float]:
    """The mean R@1 of one kind of pairs by layer."""
    return {row.layer: row.mean for row in rows if (row.kind, row.metric) == (kind, "recall_at_1")}


def folders(home: Path, measurement: str) -> list[Path]:
    """The folders of the results of a measurement, of each line of a list, by name."""
    found = (path for path in home.glob(f"{measurement}*") if path.is_dir())
    return sorted(path for path in found if path.name.removeprefix(measurement)[:1] in ("", "_"))


def _cross_modal(folder: Path, sets: Sequence[str]) -> Iterable[CrossModal]:
    kinds = _kinds(folder, sets)
    for name, pairs in read_sets(folder / "retrieval", sets, "pairs.tsv", Pair).items():
        check_pairs(folder / "retrieval" / name / "pairs.tsv", pairs)
        yield CrossModal(folder.name, name, pairs, kinds.get(name, []))


def _hard_negatives(folder: Path, sets: Sequence[str]) -> Iterable[HardNegatives]:
    kinds = read_sets(folder / "scores", sets, "kinds.tsv", KindOfChange)
    for name, scores in read_sets(folder / "scores", sets, "scores.tsv", HardScore).items():
        places = [(row.source, row.against) for row in scores]
        if len(set(places)) < len(places):
            where, twice = folder / "scores" / name / "scores.tsv", " ".join(max(places, key=places.count))
            raise DataError(f"{where}: one row a variety and what it is compared with, got {twice} again")
        yield HardNegatives(folder.name, name, scores, kinds.get(name, []))

"""Sides of a retrieval, and banks of their features.

A side is what queries or candidates are taken from: the recordings of a variety, or the texts of a column. Retrieval
knows of each of its members an id and a sentence, nothing else. A bank holds the features that one encoder made of
several sides, a layer at a time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.features.layers import Layer
from fangyan.features.sentences import OWN

if TYPE_CHECKING:
    from fangyan.measure.scores import Features

VARIETY = "utt2lang"
"""The column whose values are the sides of recordings."""

SENTENCES = "utt2sent"
"""The column whose values are sentence ids: members of two sides are translations of each other iff it is equal."""


@dataclass(frozen=True)
class Side:
    """The members of a variety or a text column, in code point order of their ids."""

    name: str
    ids: tuple[str, ...]
    sentences: tuple[str, ...]  # of each of ``ids``

    @classmethod
    def of(cls, name: str, members: Iterable[tuple[str, str]]) -> "Side":
        """The side of (id, sentence) pairs."""
        ordered = sorted(members)
        return cls(name, tuple(key for key, _ in ordered), tuple(sentence for _, sentence in ordered))

    def shared(self, other: "Side") -> "Side":
        """The part of the side whose sentences ``other`` has as well."""
        common = set(other.sentences)
        return Side.of(self.name, (member for member in self.members() if member[1] in common))

    def members(self) -> Iterable[tuple[str, str]]:
        """(id, sentence) of each member, in order."""
        return zip(self.ids, self.sentences, strict=True)


type Sides = Mapping[str, Side]
"""By name."""


@dataclass(frozen=True)
class Bank:
    """Sides of the data directory ``data`` and their features in ``home``, both read when they are asked for.

    ``find``: the sides. ``column``: of what texts, empty for recordings; of texts ``home`` may hold more than those.
    """

    home: Path
    data: Path
    find: Callable[[], Sides]
    column: str = ""

    @cached_property
    def sides(self) -> Sides:
        """The sides by name."""
        return self.find()

    @cached_property
    def layers(self) -> list[str]:
        """The names of the dumped layers in depth order."""
        return dump.layers(self.home)

    def features(self, layer: Layer) -> "dict[str, Features]":
        """The (T, d) frames of a dumped layer, or of several concatenated: side -> id -> frames.

        `DataError` where a side has members without features, or layers to concatenate not the same frames.
        """
        frames = self._read(layer)
        return {name: {key: frames[key] for key in side.ids} for name, side in self.sides.items()}

    def dimension(self, layer: Layer) -> int:
        """d of a layer, or of several concatenated."""
        return sum(dump.dimension(self.home, name) for name in layer.names)

    def _read(self, layer: Layer) -> "Features":
        parts = {name: dump.read_features(self.home, name) for name in layer.names}
        for name, part in parts.items():
            self._check(self.home / name, part)
        try:
            return layer.of(parts)
        except DataError as error:
            raise DataError(f"{self.home}: {error}") from None

    def _check(self, place: Path, features: "Features") -> None:
        wanted = {key for side in self.sides.values() for key in side.ids}
        further = set() if self.column else features.keys() - wanted
        for lacking, here, there in (
            (wanted - features.keys(), place, self.data),
            (further, self.data, place),
        ):
            if lacking:
                what = "sentences" if self.column else "utterances"
                raise DataError(
                    f"{here}: lacks {len(lacking)} {what} that {there} has, the first is {min(lacking)}"
                )


def open_bank(
    feats: Path, data: Path, column: str = "", sentences: str = SENTENCES, by: str = VARIETY
) -> Bank:
    """The bank of a text column, where the dump of ``feats`` or ``column`` names one, else of recordings."""
    if column or dump.column_of(feats):
        return text(feats, data, column, sentences)
    return speech(feats, data, sentences, by)


def speech(feats: Path, data: Path, sentences: str = SENTENCES, by: str = VARIETY) -> Bank:
    """The bank of the recordings of a data directory, a side a variety; ``by`` another column, as `by_column` says.

    ``feats``: features of exactly these recordings. ``sentences``: the column of ``data`` to take for sentence ids.
    `UserError` for features of texts.
    """
    if column := dump.column_of(feats):
        raise UserError(f"{feats}: recordings are needed here, got features of texts ({column})")
    return Bank(feats, data, lambda: by_column(data, _read(data, sentences), by))


def text(feats: Path, data: Path, column: str, sentences: str = SENTENCES) -> Bank:
    """The bank of a text column: a side of its name, in which each sentence of ``data`` is once, its id its own.

    In the column `OWN`, where each variety has its own wording, it is a side a variety, ``text:yue``, and the id of a
    sentence that of its first utterance. ``feats``: features of this column, may be of further sentences. `UserError`
    where their dump names another ``column``.
    """
    name = dump.column_of(feats) or column
    if column not in ("", name):
        raise UserError(f"--column {column}: the features in {feats} are those of {name}")

    def find() -> Sides:
        utterances = _read(data, sentences)
        if name == OWN:
            own = (_each_once(f"{OWN}:{side.name}", side) for side in by_variety(utterances).values())
            return {side.name: side for side in own}
        known = {u.sentence for u in utterances}
        return {name: Side.of(name, zip(known, known, strict=True))}

    return Bank(feats, data, find, name)


def _each_once(name: str, side: Side) -> Side:
    """A side of that name in which each sentence of ``side`` is once, by its first utterance."""
    first = {sentence: key for key, sentence in reversed(list(side.members()))}
    return Side.of(name, ((key, sentence) for sentence, key in first.items()))


def all_sides(banks: Iterable[Bank]) -> dict[str, Side]:
    """The sides of all banks, in their order; `DataError` where two have one name."""
    found: dict[str, Side] = {}
    for bank in banks:
        if twice := found.keys() & bank.sides.keys():
            raise DataError(
                f"{bank.home}: sides have names of their own, got {min(twice)} again: if these are texts, name their "
                "column with --column"
            )
        found |= bank.sides
    return found


def all_features(banks: Iterable[Bank], layers: Iterable[Layer]) -> "dict[str, Features]":
    """The features of the sides of all banks, of each at its layer."""
    found: dict[str, Features] = {}
    for bank, layer in zip(banks, layers, strict=True):
        found |= bank.features(layer)
    return found


def by_column(data: Path, utterances: Iterable[Utterance], column: str) -> dict[str, Side]:
    """A side for each variety; by another column one for each of its values in a variety, such as ``yue:speaker``."""
    if column == VARIETY:
        return by_variety(utterances)
    values = read_column(data, column)
    return by_variety(replace(u, variety=f"{u.variety}:{values[u.id]}") for u in utterances)


def variety_of(side: str) -> str:
    """The variety of a side of `by_column`."""
    return side.partition(":")[0]


def by_variety(utterances: Iterable[Utterance]) -> dict[str, Side]:
    """A side for each variety, in code point order."""
    members: dict[str, list[tuple[str, str]]] = {}
    for utterance in utterances:
        members.setdefault(utterance.variety, []).append((utterance.id, utterance.sentence))
    return {name: Side.of(name, members[name]) for name in sorted(members)}


def _read(data: Path, sentences: str) -> Sequence[Utterance]:
    """The utterances of a data directory, each with its value in the column ``sentences`` for a sentence id."""
    utterances = datadir.read(data, datadir.GROUPING)
    if sentences == SENTENCES:
        return utterances
    column = read_column(data, sentences)
    return [replace(utterance, sentence=column[utterance.id]) for utterance in utterances]

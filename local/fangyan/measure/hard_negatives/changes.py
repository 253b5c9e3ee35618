"""Small changes of a Mandarin sentence that change its meaning, by the rules of ``conf/hard_negatives.tsv``.

A kind of change knows words; they are looked for from left to right, the longest that starts at a place first, and none
within another. Rules are in simplified script: a sentence in traditional script is read in simplified, and what is put
into it is written in traditional. All but the changed part stays as it is, character for character.

Of each kind a sentence gets at most `MOST` variants: those with the lowest SHA-256, which says nothing about them, so
that they are the same everywhere. A variant is never a sentence of the set, nor one of those made before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from fangyan.data.text import simplify
from fangyan.data.text.script import converter
from fangyan.errors import DataError
from fangyan.files import ROOT, numbered_rows

RULES = ROOT / "conf" / "hard_negatives.tsv"
COLUMNS = ["kind", "words", "replacements"]
OTHERS, NOTHING, EXCHANGED, KEPT, JOINS = "=", "-", "<>", "!", "+"
"""What a rule may say in place of replacements."""
MOST = 3
"""Variants of a sentence by one kind of change."""


class Edit(NamedTuple):
    """A part of a text, from ``start`` on, and what takes its place."""

    start: int
    old: str
    new: str


@dataclass(frozen=True)
class Variant:
    """A sentence that was changed, ``text``, and how: its id is that of the sentence, the kind and a number."""

    id: str
    sentence: str
    kind: str
    text: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Kind:
    """The words of one kind of change: word -> (the words of its row, replacements); ``joins`` as of `JOINS`."""

    words: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    joins: frozenset[str] = frozenset()

    @property
    def longest(self) -> int:
        """Characters of the longest word."""
        return max(map(len, self.words), default=0)


class _Found(NamedTuple):
    start: int
    word: str


@cache
def read_rules(path: Path = RULES) -> dict[str, Kind]:
    """The kinds of change in the order of the table; `DataError` with file and line for a malformed row."""
    (first, header), *rows = numbered_rows(path)
    if header != COLUMNS:
        raise DataError(f"{path}:{first}: the columns are {' '.join(COLUMNS)}, got {' '.join(header)}")
    kinds: dict[str, Kind] = {}
    for n, (kind, words, replacements) in rows:
        known, listed = kinds.get(kind, Kind()), tuple(words.split())
        if len(kind.split()) != 1 or not listed or not replacements.strip():
            raise DataError(
                f"{path}:{n}: a kind is one word, and every cell is filled, got {kind!r}, {words!r}, {replacements!r}"
            )
        if replacements == JOINS:
            kinds[kind] = Kind(known.words, known.joins | {*listed})
            continue
        if twice := [word for word in listed if word in known.words or listed.count(word) > 1]:
            raise DataError(f"{path}:{n}: a word has one rule of its kind, got {twice[0]} again")
        kinds[kind] = Kind({**known.words, **dict.fromkeys(listed, (listed, replacements))}, known.joins)
    return kinds


def variants(sentences: Mapping[str, str], rules: Mapping[str, Kind] | None = None) -> list[Variant]:
    """The variants of all ``sentences``, id -> text, in their order, then that of the kinds."""
    taken = {simplify(text) for text in sentences.values()}
    found = []
    for key, text in sentences.items():
        for name, kind in (read_rules() if rules is None else rules).items():
            number = 0
            for edits in _in_order(text, _edits(text, kind)):
                changed = _apply(text, edits)
                if number == MOST or simplify(changed) in taken or not changed.strip():
                    continue
                number += 1
                taken.add(simplify(changed))
                found.append(Variant(f"{key}~{name}{number}", key, name, changed, edits))
    return found


def _edits(text: str, kind: Kind) -> Iterator[tuple[Edit, ...]]:
    """All changes of one kind that a text can have."""
    plain = simplify(text)
    plain = plain if len(plain) == len(text) else text  # places in the one must be those in the other
    write = converter("s2t") if plain != text else str
    words = list(_search(plain, kind))
    for start, word in words:
        old = text[start : start + len(word)]
        for new in _replacements(word, *kind.words[word]):
            yield (Edit(start, old, write(new)),)
    for one, other in combinations([w for w in words if kind.words[w.word][1] == EXCHANGED], 2):
        between = plain[one.start + len(one.word) : other.start]
        same_row = kind.words[one.word][0] == kind.words[other.word][0]
        if same_row and one.word != other.word and between and between not in kind.joins:
            here, there = (text[w.start : w.start + len(w.word)] for w in (one, other))
            yield Edit(one.start, here, there), Edit(other.start, there, here)


def _search(text: str, kind: Kind) -> Iterator[_Found]:
    """The words of a kind in a text, from left to right, without those that are to be left alone."""
    start = 0
    while start < len(text):
        lengths = range(min(kind.longest, len(text) - start), 0, -1)
        word = next((text[start : start + n] for n in lengths if text[start : start + n] in kind.words), "")
        if word and kind.words[word][1] != KEPT:
            yield _Found(start, word)
        start += len(word) or 1


def _replacements(word: str, row: Sequence[str], rule: str) -> Iterable[str]:
    if rule == OTHERS:
        return (other for other in row if other != word)
    return () if rule == EXCHANGED else ("" if word == NOTHING else word for word in rule.split())


def _in_order(text: str, found: Iterable[tuple[Edit, ...]]) -> list[tuple[Edit, ...]]:
    return sorted(found, key=lambda edits: sha256(f"{text} {_apply(text, edits)}".encode()).digest())


def _apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits, which do not overlap, made from the last to the first."""
    for start, old, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[start + len(old) :]
    return text

"""Data directories in columns, counted: hours, speakers, characters, durations, and what two sets share."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from fangyan.corpora.common.layouts import sentence_of
from fangyan.data import datadir, durations
from fangyan.data.text import NormalForm, count_removed, normalise
from fangyan.progress import track

SETS = (
    *("set", "hours", "utterances", "speakers", "sentences", "varieties", "characters"),
    *("shortest", "median", "longest", "digits", "latin"),
)
VARIETIES = ("set", "variety", "hours", "utterances", "speakers", "characters", "characters_per_second")
DURATIONS = ("set", "from", "to", "utterances", "hours")
OVERLAP = ("a", "b", "of", "shared", "utterances_of_a", "utterances_of_b")

EDGES = (*range(31), float("inf"))
"""Seconds between which durations are counted: 30 is what Whisper hears at once."""
HAN = NormalForm(script="kept")
"""Characters are counted, not compared: their script may stay."""


@dataclass(frozen=True)
class Columns:
    """A data directory in columns, in the order of its ids.

    ``wordings``: what was said, by `corpora.common.layouts.sentence_of`, whatever the data directory calls the
    sentence. What is not known of speakers, sentences and wordings is "". ``characters``: of ``text``, or of
    ``text_cmn`` where there is no ``text``; 0 where there is neither.
    ``removed``: kind (`data.text.count_removed`) -> utterances of whose wording the default normal form leaves such
    out.
    """

    name: str
    ids: list[str]
    varieties: list[str]
    speakers: list[str]
    sentences: list[str]
    wordings: list[str]
    seconds: np.ndarray  # (N,) float64
    characters: np.ndarray  # (N,) int64
    removed: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> np.ndarray:
        """Characters per second, (N,)."""
        return self.characters / self.seconds

    @cached_property
    def places(self) -> dict[str, np.ndarray]:
        """Variety, by code point -> the places of its utterances."""
        codes, inverse = np.unique(self.varieties, return_inverse=True)
        return {str(code): np.flatnonzero(inverse == n) for n, code in enumerate(codes)}


def read(folders: Sequence[Path]) -> list[Columns]:
    """The data directories in columns, named after their folders; after their paths where two have one name."""
    names = [path.name for path in folders]
    tracked = track(folders, "survey", "sets")
    return [_columns(path, path.name if names.count(path.name) == 1 else str(path)) for path in tracked]


def _columns(path: Path, name: str) -> Columns:
    utterances = durations.measured(datadir.read(path, datadir.SPOKEN))
    spoken_by, say = ((path / name).exists() for name in ("utt2spk", "utt2sent"))
    return Columns(
        name=name,
        ids=[u.id for u in utterances],
        varieties=[sys.intern(u.variety) for u in utterances],
        speakers=[sys.intern(u.speaker if spoken_by else "") for u in utterances],
        sentences=[u.sentence if say else "" for u in utterances],
        wordings=[
            sentence_of(u.text, u.variety, u.text_cmn) if u.text or u.text_cmn else "" for u in utterances
        ],
        seconds=np.array([u.duration for u in utterances]),
        characters=np.array([len(normalise(u.text or u.text_cmn, HAN)) for u in utterances]),
        removed=Counter(kind for u in utterances for kind in count_removed(u.text or u.text_cmn)),
    )


def count_sets(sets: Sequence[Columns]) -> list[dict]:
    """One row of `SETS` a set."""
    return [
        {
            "set": one.name,
            "hours": one.seconds.sum() / 3600,
            "utterances": len(one.ids),
            "speakers": len({*one.speakers} - {""}),
            "sentences": len({*one.sentences} - {""}),
            "varieties": len(set(one.varieties)),
            "characters": int(one.characters.sum()),
            "shortest": one.seconds.min(),
            "median": float(np.median(one.seconds)),
            "longest": one.seconds.max(),
            "digits": one.removed["digits"],
            "latin": one.removed["Latin letters"],
        }
        for one in sets
    ]


def count_varieties(sets: Sequence[Columns]) -> list[dict]:
    """One row of `VARIETIES` a set and variety; the rate is the median of its utterances."""
    return [_variety(one, code, of) for one in sets for code, of in one.places.items()]


def _variety(one: Columns, code: str, of: np.ndarray) -> dict:
    return {
        "set": one.name,
        "variety": code,
        "hours": one.seconds[of].sum() / 3600,
        "utterances": len(of),
        "speakers": len({one.speakers[n] for n in of} - {""}),
        "characters": int(one.characters[of].sum()),
        "characters_per_second": float(np.median(one.rate[of])),
    }


def count_durations(sets: Sequence[Columns]) -> list[dict]:
    """One row of `DURATIONS` a set and bin of `EDGES`, up to the last bin that any set fills."""
    longest = max(one.seconds.max() for one in sets)
    last = int(np.searchsorted(EDGES, longest, side="right"))
    rows = []
    for one in sets:
        bins = np.searchsorted(EDGES, one.seconds, side="right") - 1
        for n in range(last):
            inside = one.seconds[bins == n]
            hours = inside.sum() / 3600
            cells = (one.name, EDGES[n], EDGES[n + 1], len(inside), hours)
            rows.append(dict(zip(DURATIONS, cells, strict=True)))
    return rows


def count_overlap(sets: Sequence[Columns]) -> list[dict]:
    """One row of `OVERLAP` a pair of sets, for speakers, sentence ids and wordings each."""
    return [row for a, b in combinations(sets, 2) for row in _overlap(a, b)]


def _overlap(a: Columns, b: Columns) -> Iterator[dict]:
    for of in ("speakers", "sentences", "wordings"):
        shared = set(getattr(a, of)) & set(getattr(b, of)) - {""}
        cells = (len(shared), *(sum(value in shared for value in getattr(one, of)) for one in (a, b)))
        yield dict(zip(OVERLAP, (a.name, b.name, of, *cells), strict=True))

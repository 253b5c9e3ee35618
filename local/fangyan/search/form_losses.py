"""What the forms of frames take and lose: an index in half precision is stored again in each, and searched.

Of each query the best recording of another variety is found. Right is one whose Mandarin transcript is that of the
query. Forms are asked in turn, group by group of the queries, so that what else a machine does slows all alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.features.embedding import frames_of, unique_recordings
from fangyan.search import AT_ONCE, Index, nearest, varieties
from fangyan.search.frame_codecs import DEFAULT, ENOUGH, find_codec
from fangyan.search.index import NOTHING, create
from fangyan.search.records import Entry

type Asked = list[tuple[Utterance, np.ndarray]]
"""Queries with their frames."""

COMPARED = ("int8", "pq", "pool:2", "pool:4")


@dataclass(frozen=True)
class Loss:
    """A form: bytes of frames a recording, the time of a search as a ratio to half precision, and shares of queries.

    ``r1``: whose best recording of another variety is right; ``same_best``: whose best one is that of half precision.
    """

    frames: str
    bytes: float
    time: float
    r1: float
    same_best: float


def compare(
    folder: Path, queries: Sequence[Path], forms: Sequence[str] = COMPARED, spec: str = ""
) -> list[Loss]:
    """A row for half precision and for each of the ``forms``, on the index in ``folder``.

    ``queries``: data directories with utt2lang and text_cmn, encoded as the index was (``spec`` says where its encoder
    lies now). `UserError` for an index in another form, `DataError` where varieties or transcripts are missing.
    """
    index = Index(folder)
    if index.settings.frames != DEFAULT:
        raise UserError(
            f"{folder}: frames of {index.settings.frames}: losses are measured from an index of {DEFAULT}"
        )
    forms = list(dict.fromkeys((DEFAULT, *forms)))
    for form in forms:
        find_codec(form, index.dimension)
    asked = _questions(index, queries, spec)
    with TemporaryDirectory(prefix="fangyan.") as place:
        copies = {form: _store_again(index, form, Path(place, f"{n}")) for n, form in enumerate(forms)}
        return _losses(copies, asked)


def _questions(index: Index, paths: Sequence[Path], spec: str) -> dict[str, Asked]:
    """The queries by variety, where the index has something in another."""
    utterances = {u.id: u for u in unique_recordings(paths)}
    if any(not (u.variety and u.text_cmn) for u in utterances.values()):
        raise DataError(f"{paths[0]}: utt2lang and text_cmn of each query say what is right, got none")
    encoder = index.settings.encoder(spec)
    asked: dict[str, Asked] = {}
    for key, frames in frames_of(encoder, [*utterances.values()], "queries"):
        asked.setdefault(utterances[key].variety, []).append((utterances[key], frames))
    names, codes = varieties.read(index)
    there = {str(names[code]) for code in np.unique(codes[index.live])}
    if missing := [variety for variety in asked if not there - {variety, ""}]:
        raise DataError(
            f"{index.folder}: recordings of another variety than {missing[0]} are needed, got none"
        )
    return asked


def _store_again(index: Index, form: str, folder: Path) -> Index:
    """The live recordings of the index, in another form."""
    folder.mkdir()
    codec = find_codec(form, index.dimension)
    codebook = codec.learn(_sample(index)) if codec.learns else None
    copy = create(folder, replace(index.settings, frames=form), codebook)
    for records in batched(index.live_entries(), AT_ONCE):
        copy.append([(entry, index.frames(row), NOTHING) for row, entry in records])
    return copy


def _sample(index: Index) -> np.ndarray:
    """L2-normalised frames of recordings drawn by chance, as many as a form learns from."""
    drawn = np.random.default_rng(0).permutation(index.live)
    lengths = np.diff(index.rows["frames"], prepend=0)[drawn]
    return index.units(drawn[: np.searchsorted(lengths.cumsum(), ENOUGH) + 1])[0].numpy()


def _losses(copies: Mapping[str, Index], asked: Mapping[str, Asked]) -> list[Loss]:
    """The row of each copy, the first of which the others are compared with."""
    answers = {form: _Answers() for form in copies}
    for variety, questions in asked.items():
        for form, copy in copies.items():
            answers[form].ask(copy, variety, questions)
    first = answers[next(iter(copies))]
    return [
        Loss(
            form,
            copies[form].sizes()[copies[form].codec.file] / len(copies[form]),
            found.seconds / first.seconds,
            float(np.mean(found.right)),
            float(np.mean([a.place == b.place for a, b in zip(found.best, first.best, strict=True)])),
        )
        for form, found in answers.items()
    ]


@dataclass
class _Answers:
    """The best recordings that were found, whether they are right, and how long it took."""

    best: list[Entry] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    seconds: float = 0.0

    def ask(self, index: Index, variety: str, questions: Asked) -> None:
        names, codes = varieties.read(index)
        others = np.flatnonzero(~np.isin(codes, np.flatnonzero(np.isin(names, ["", variety]))))
        frames = [x for _, x in questions]
        nearest(index, frames[:1], 1, rows=others)  # loads what only the first search loads
        start = perf_counter()
        found = [hits[0].entry for hits in nearest(index, frames, 1, rows=others)]
        self.seconds += perf_counter() - start
        self.best += found
        self.right += [e.text_cmn == u.text_cmn for e, (u, _) in zip(found, questions, strict=True)]

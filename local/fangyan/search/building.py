"""An index made and added to: what it has is skipped, what cannot be read or encoded is left out and listed."""

import random
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import batched, chain
from pathlib import Path

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.names import NOT_A_VALUE
from fangyan.encoders import identity
from fangyan.errors import DataError, UserError, seen_from, shown
from fangyan.features.at_layer import AtLayer, load_at_layer
from fangyan.features.embedding import encode_batches, find_recordings, place_of
from fangyan.features.frames import checked, unit
from fangyan.files import version
from fangyan.search import cells, varieties
from fangyan.search.frame_codecs import DEFAULT, ENOUGH, find_codec
from fangyan.search.index import LEFT_OUT, NOTHING, SETTINGS, Index, create, sole_writer
from fangyan.search.records import Entry, Settings
from fangyan.tables import write_rows

type Records = Sequence[Utterance | Dropped]
"""What one path names."""

type Known = dict[tuple, tuple[int, Entry]]
"""The newest row and entry of places in an index."""

SEED = 0
LEARNT_AT_ONCE = 256
"""Recordings, drawn by chance, that a form learns from before others are drawn."""


@dataclass
class Added:
    """What became of the recordings that were to be added."""

    new: int = 0
    known: int = 0
    left_out: list[Dropped] = field(default_factory=list)


def add(folder: Path, paths: Sequence[Path], spec: str = "", layer: str = "", form: str = "") -> Added:
    """What became of the recordings of ``paths`` (`features.embedding.find_recordings`) in the index ``folder``.

    A recording is known by where it lies. One whose file has changed since, or of which more is said now (a data
    directory with transcripts after a mere folder), is encoded anew and replaces the old one. ``spec``, ``layer`` and
    ``form`` (of frames, by default half precision) make a new index; `UserError` where the one that is there is of
    others, `DataError` where none could be heard.
    """
    if form:
        find_codec(form, 1)  # a name that is unknown is told at once
    found = [find_recordings(path) for path in paths]  # before the encoder, which takes long to load
    with sole_writer(folder):
        index, encoder = _opened(folder, spec, layer, form, found)
        best = _best_described(record for records in found for record in records)
        known = newest(index, best)
        added = Added()
        for records in found:
            missing = dict(_missing(records, best, known, added))
            if missing:
                _encode(index, encoder(), missing, known, added)
        lost = [Dropped(shown(one.id), one.reason, shown(one.detail)) for one in added.left_out]
        write_rows(folder / LEFT_OUT, lost, Dropped)
        extend_derived(index)
    if added.left_out and not added.new + added.known:
        raise DataError(
            f"{folder / LEFT_OUT}: none of {len(added.left_out)} recordings could be added, the first: "
            f"{added.left_out[0].detail or added.left_out[0].reason}"
        )
    return added


def newest(index: Index, places: Container[tuple] | None = None) -> Known:
    """What an index has at each place, or at each of those: of a large index the others need not be in memory."""
    there = (
        (row, entry) for row, entry in enumerate(index.entries()) if places is None or entry.place in places
    )
    return {entry.place: (row, entry) for row, entry in there}


def extend_derived(index: Index) -> None:
    """Makes longer what is derived from the recordings of an index, after some were added."""
    varieties.extend(index)
    cells.extend(index)


def _opened(
    folder: Path, spec: str, layer: str, form: str, found: Sequence[Records]
) -> tuple[Index, Callable[[], AtLayer]]:
    """The index in ``folder``, or a new one, and what gives its encoder: loaded once, that of an old one on demand."""
    if not (folder / SETTINGS).exists():
        return _created(folder, spec, layer, form or DEFAULT, found)
    index = Index(folder)
    there = index.settings
    for option, asked, known in (("layer", layer, there.layer), ("frames", form, there.frames)):
        if asked and asked != known:
            raise UserError(
                f"{folder}: an index of {option} {known}, --{option} {asked} needs one of its own"
            )
    there.check(spec)
    return index, cache(partial(there.encoder, spec))


def _created(
    folder: Path, spec: str, layer: str, form: str, found: Sequence[Records]
) -> tuple[Index, Callable[[], AtLayer]]:
    """A new index of what the encoder gives, and what gives the encoder."""
    if not spec:
        raise UserError(f"{folder}: no index there yet: --encoder SPEC says which encoder is to make one")
    encoder = load_at_layer(spec, layer)
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    ((layer, frames),) = encoder(noise).items()
    codec = find_codec(form, frames.shape[1])
    codebook = codec.learn(_sample(encoder, found)) if codec.learns else None
    settings = Settings(absolute_spec(spec), identity(spec), layer, frames.shape[1], form)
    return create(folder, settings, codebook), lambda: encoder


def _sample(encoder: AtLayer, found: Sequence[Records]) -> np.ndarray:
    """L2-normalised frames of recordings drawn by chance, for a form to learn from: `ENOUGH`, or all there are."""
    best = [*_best_described(record for records in found for record in records).values()]
    random.Random(SEED).shuffle(best)
    named = [replace(utterance, id=f"{n}") for n, utterance in enumerate(best)]
    parts = (encode_batches(encoder, part, "learn") for part in batched(named, LEARNT_AT_ONCE))
    frames: list[np.ndarray] = []
    for batch in chain.from_iterable(parts):
        for utterance, encoded in batch:
            with suppress(DataError):  # it is listed when it is to be added
                frames.append(_units(utterance.id, encoded))
        if sum(map(len, frames)) >= ENOUGH:  # asked after each batch: recordings may be hours long
            break
    return np.concatenate(frames) if frames else np.empty((0, 1), np.float32)


def absolute_spec(spec: str) -> str:
    """The SPEC with the path in it, if there is one, made absolute: an index is searched from anywhere."""
    family, _, argument = spec.partition(":")
    return f"{family}:{Path(argument).resolve()}" if argument and Path(argument).exists() else spec


def _best_described(records: Iterable[Utterance | Dropped]) -> dict[tuple, Utterance]:
    """The utterance to add of those at each place: the last of which something is said, else the first."""
    best: dict[tuple, Utterance] = {}
    for utterance in (record for record in records if isinstance(record, Utterance)):
        place, description = place_of(utterance), _description(utterance)
        if place not in best or description not in (Entry.UNDESCRIBED, _description(best[place])):
            best[place] = utterance
    return best


def _missing(
    records: Records, best: Mapping[tuple, Utterance], known: Known, added: Added
) -> Iterator[tuple[str, tuple[Utterance, Entry]]]:
    """The id, utterance and entry of those that the index lacks; those it has are counted, and those left out."""
    added.left_out += (record for record in records if isinstance(record, Dropped))
    for utterance in (record for record in records if isinstance(record, Utterance)):
        if best[place_of(utterance)] is not utterance:
            added.known += 1
            continue
        if NOT_A_VALUE.search(wav := place_of(utterance)[0]):
            why = f"{wav!a}: a name of UTF-8 without tabs and line ends is needed: rename the file"
            added.left_out.append(Dropped(utterance.id, "a name that no table can hold", why))
            continue
        try:
            entry = _entry(utterance)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            why = getattr(error, "strerror", error)
            if isinstance(error, FileNotFoundError):
                why = f"no such file{seen_from(utterance.wav)}"
            added.left_out.append(Dropped(utterance.id, "unreadable audio", f"{utterance.wav}: {why}"))
            continue
        _, old = known.get(entry.place, (NOTHING, None))
        if old and old.version == entry.version and entry.description in (old.description, Entry.UNDESCRIBED):
            added.known += 1
        else:
            yield utterance.id, (utterance, entry)


def _encode(
    index: Index, encoder: AtLayer, missing: dict[str, tuple[Utterance, Entry]], known: Known, added: Added
) -> None:
    """Appends what is ``missing`` to the index, or lists it as left out."""
    utterances = [utterance for utterance, _ in missing.values()]
    for batch in encode_batches(encoder, utterances, "index"):
        ready = []
        for utterance, frames in batch:
            try:
                ready.append((missing[utterance.id][1], _units(utterance.id, frames)))
            except DataError as error:
                added.left_out.append(Dropped(utterance.id, "not encoded", str(error)))
        if ready:
            row = len(index)
            index.append([(entry, units, known.get(entry.place, (NOTHING,))[0]) for entry, units in ready])
            known.update((entry.place, (row + n, entry)) for n, (entry, _) in enumerate(ready))
            added.new += len(ready)


def _units(key: str, frames: np.ndarray | DataError) -> np.ndarray:
    """The L2-normalised (T, d) frames; `DataError` where there are none, or not all are finite."""
    if isinstance(frames, DataError):
        raise frames
    return unit(checked({key: frames})[key]).numpy()


def _entry(utterance: Utterance) -> Entry:
    wav, *times = place_of(utterance)
    return Entry(utterance.id, wav, *times, *_description(utterance), *version(wav))


def _description(utterance: Utterance) -> tuple[str, str, str]:
    return utterance.variety, utterance.text, utterance.text_cmn

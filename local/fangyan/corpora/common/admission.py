"""Which records of a corpus a data directory takes, and under which ids: the rest is left out by name."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter

from fangyan.corpora.common.layouts import RENAMED, original_id
from fangyan.data.datadir import OPTIONAL_FIELDS, Dropped, Utterance
from fangyan.data.names import NOT_A_VALUE, is_id, is_name
from fangyan.errors import shown

MARKS = ("-", "!")
"""What parts a speaker from the rest of an id: the usual mark, and the one that sorts before all others."""
RULES = {
    "id": (is_id, "a blank or an invisible character"),
    "speaker": (is_id, "a blank or an invisible character"),
    "variety": (is_name, "an invisible character"),
    "sentence": (is_name, "an invisible character"),
}
"""Field -> whether it may have a value, and what is wrong with one that it may not have."""


def drop_unwritable(records: Sequence[Utterance | Dropped]) -> Iterator[Utterance | Dropped]:
    """The records, those left out of which no line can be written, or whose id looks like that of another.

    Varieties and sentences that look the same are the same: their names are composed (NFC).
    """
    records = [_composed(record) if isinstance(record, Utterance) else record for record in records]
    kept = [record for record in records if isinstance(record, Utterance)]
    filled = [field for field in OPTIONAL_FIELDS if any(map(attrgetter(field), kept))]
    seen: dict[str, str] = {}
    for record in records:
        if isinstance(record, Dropped):
            yield record
            continue
        flaw = _flaw(record, filled)
        other = record.id if flaw else seen.setdefault(unicodedata.normalize("NFC", record.id), record.id)
        if other != record.id:
            flaw = "id that looks like another", f"{record.id!a} beside {other!a}"
        yield Dropped(record.id, *flaw) if flaw else record


def _composed(u: Utterance) -> Utterance:
    names = {field: unicodedata.normalize("NFC", getattr(u, field)) for field in ("variety", "sentence")}
    return replace(u, **names) if any(getattr(u, field) != name for field, name in names.items()) else u


def _flaw(u: Utterance, filled: Iterable[str]) -> tuple[str, str] | None:
    """Why no line can be written of an utterance, and the value in question."""
    for field, (allows, flaw) in RULES.items():
        if not allows(value := getattr(u, field)):
            return (f"{field} with {flaw}", shown(value)) if value else (f"no {field}", u.wav)
    for field in filled:
        if NOT_A_VALUE.search(value := getattr(u, field)):
            return (f"{field} that is no line", shown(value)) if value else (f"no {field}", u.wav)
    return None


def rename_for_order(records: Sequence[Utterance | Dropped]) -> list[Utterance | Dropped]:
    """The records, renamed where sorting by id would not sort by speaker, as Kaldi needs it.

    It does not where the name of a speaker begins that of another: ``1_2`` of 1 sorts after ``13_1`` of 13. Then ids of
    the former begin with the speaker and a mark that sorts before what the other goes on with: ``1-1_2``.
    """
    for mark in ("", *MARKS):
        found = _marked(records, mark) if mark else list(records)
        kept = sorted((r for r in found if isinstance(r, Utterance)), key=attrgetter("id"))
        if all(a.id < b.id and a.speaker <= b.speaker for a, b in pairwise(kept)):
            return found
    return list(records)  # which `data.datadir.write` refuses by name


def _marked(records: Iterable[Utterance | Dropped], mark: str) -> list[Utterance | Dropped]:
    """The records; ids of a speaker whose name begins another's begin with the speaker and ``mark``."""
    speakers = sorted({record.speaker for record in records if isinstance(record, Utterance)})
    first = {a for a, b in pairwise(speakers) if b.startswith(a)}

    def marked(u: Utterance) -> Utterance:
        if u.speaker not in first or u.id == u.speaker or u.id.startswith(u.speaker + mark):
            return u
        renamed = (RENAMED, original_id(u))
        others = (change for change in u.changes if change[0] != RENAMED)
        return replace(u, id=f"{u.speaker}{mark}{u.id}", changes=(*others, renamed))

    return [marked(record) if isinstance(record, Utterance) else record for record in records]

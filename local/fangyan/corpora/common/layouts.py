"""What corpora on disk have in common: where they lie, tables, transcripts, recordings, and utterances made of them.

Nothing is dropped in silence: what is left out becomes a `Dropped` with its reason; a layout that is not the expected
one is a `DataError` that says what was expected and what was found. No audio is opened.
"""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from csv import QUOTE_NONE
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import combining

from fangyan.corpora.common.streams import Row, delimited
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.text import has_words, is_han, simplify, strip_annotations
from fangyan.errors import DataError, UserError, seen_from
from fangyan.files import number, read_text

RENAMED = "renamed"
"""The change of an utterance whose id is not that of its corpus."""


def find_home(corpus: str, root: Path | None, inner: str, landmark: str) -> Path:
    """The folder ``inner`` that holds ``landmark``: ``root`` is it, or a folder above it.

    `UserError` where the user named no folder, `DataError` with what is there instead.
    """
    if root is None:
        raise UserError(f"corpus {corpus}: say where it lies with --corpus_dir DIR")
    parts = Path(inner).parts
    for n in range(len(parts) + 1):
        if (root.joinpath(*parts[n:]) / landmark).exists():
            return root.joinpath(*parts[n:])
    raise DataError(
        f"{root}: expected {Path(inner, landmark)} below it, found {list_names(root)}: "
        f"--corpus_dir names the folder that holds {Path(inner, landmark).parts[0]}"
    )


def list_names(folder: Path) -> str:
    """What a folder holds, for a message: its first names in code point order."""
    if not folder.is_dir():
        return f"no such folder{seen_from(folder)}"
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return " ".join(names[:6]) + more if names else "an empty folder"


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """``file:line`` and text of each line that is not blank, without byte order mark and CR."""
    text = read_text(path, f"the folder holds {list_names(path.parent)}")
    for n, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path}:{n}", line.rstrip("\r")


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """The first word of each line, and what follows it ('' where nothing does); repeated words come again."""
    for _, line in read_lines(path):
        key, *rest = line.split(maxsplit=1)
        yield key, "".join(rest).strip()


def read_columns(path: Path, columns: Sequence[str], delimiter: str = "\t") -> Iterator[Row]:
    """The rows of a table with a header, without quoting; `DataError` for other columns or a row with more cells.

    A row may end early: its last cells are then empty.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file: the folder holds {list_names(path.parent)}")
    for _, row in delimited(path, columns, delimiter=delimiter, quoting=QUOTE_NONE):
        yield row


def find_recordings(folder: Path, suffixes: Sequence[str] = (".wav",)) -> dict[str, str]:
    """Stem -> path of each file of these ``suffixes`` below ``folder``, in code point order of the stems.

    `DataError` where there is none or two have the same name.
    """
    found: dict[str, str] = {}
    for place, _, names in os.walk(folder, followlinks=True):
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes and not name.startswith("."):
                path = os.path.join(place, name)
                if stem in found:
                    raise DataError(f"{path}: recordings have names of their own, got that of {found[stem]}")
                found[stem] = path
    if not found:
        above = next((path for path in (folder, *folder.parents) if path.is_dir()), folder)
        raise DataError(
            f"{folder}: expected recordings ({' '.join(suffixes)}), found {above}: {list_names(above)}: "
            "unpack the archives where they lie"
        )
    return dict(sorted(found.items()))


def parse_times(where: str, start: object, end: object) -> dict[str, float | None]:
    """``start`` and ``end`` in seconds out of two cells, each None or empty where it is that of the recording.

    An end of -1 says that, too, as in Kaldi. `DataError` at ``where`` for what is no number; whether the recording has
    such a segment, `fangyan.data.audio.segment_frames` says.
    """
    cells = ["" if cell is None else str(cell).strip() for cell in (start, end)]
    try:
        first, last = (number(cell) if cell else None for cell in cells)
    except ValueError:
        raise DataError(f"{where}: start and end are seconds, got {' and '.join(cells)}") from None
    return {"start": first or 0.0, "end": None if last == -1 else last}


def utterance_names(key: str, speaker: str) -> dict[str, Any]:
    """``speaker`` and ``id`` of an utterance that its corpus calls ``key``: the speaker's id comes first, as in Kaldi.

    Where it has to be put there, `RENAMED` is among the ``changes``, with the key.
    """
    if key.startswith(speaker):
        return {"speaker": speaker, "id": key}
    return {"speaker": speaker, "id": f"{speaker}-{key}", "changes": ((RENAMED, key),)}


def original_id(utterance: Utterance) -> str:
    """The id that an utterance came with, before any renaming."""
    return dict(utterance.changes).get(RENAMED, utterance.id)


def drop_repeated(records: Iterable[Utterance | Dropped]) -> Iterator[Utterance | Dropped]:
    """The records, an id that comes again left out; `DataError` where it was renamed to that of another."""
    keys: dict[str, str] = {}
    for record in records:
        if isinstance(record, Utterance):
            key = original_id(record)
            if record.id in keys and keys[record.id] != key:
                raise DataError(
                    f"{record.wav}: an id begins with its speaker's, so {keys[record.id]} and {key} of speaker "
                    f"{record.speaker} are both {record.id}: rename one of them"
                )
            if record.id in keys:
                record = Dropped(record.id, "duplicate id", record.text)
            keys.setdefault(record.id, key)
        yield record


def utterance(
    key: str,
    wav: Path | str,
    text: str,
    speaker: str,
    variety: str,
    text_cmn: str = "",
    **segment: float | None,
) -> Utterance:
    """An utterance with its sentence id; its id is ``key`` as `utterance_names` after the speaker.

    ``segment``: ``start`` and ``end``, as `parse_times` gives them.
    """
    text, text_cmn = (" ".join(wording.split()) for wording in (text, text_cmn))
    return Utterance(
        **utterance_names(key, speaker),
        wav=str(wav),
        text=text,
        variety=variety,
        sentence=sentence_of(text, variety, text_cmn),
        text_cmn=text_cmn,
        **segment,
    )


def sentence_of(text: str, variety: str, text_cmn: str = "") -> str:
    """The sentence id of an utterance of a corpus that has none: the letters and digits of its Mandarin wording.

    So utterances of equal Mandarin wording are translations of each other, in whatever variety and corpus. Without
    Mandarin wording the same is true within a variety only: ``yue:佢食饭``. Annotations in brackets, punctuation, case
    and the choice of script do not count.
    """
    return _letters(text_cmn) or f"{variety}:{_letters(text)}"


def _letters(text: str) -> str:
    plain = strip_annotations(text).casefold()
    return "".join(_simple(char) for char in plain if char.isalnum() or is_han(char) or combining(char))


@cache
def _simple(char: str) -> str:
    """One character in simplified script: as ids, characters need no context, and this is some ten times faster."""
    return simplify(char)


def match_transcripts(
    said: Iterable[tuple[str, str]], wavs: Mapping[str, str], make: Callable[[str, str, str], Utterance]
) -> Iterator[Utterance | Dropped]:
    """``make(key, text, wav)`` of each transcript with a recording; what lacks the other is left out by name.

    ``said``: (key, text); ``wavs``: key -> path.
    """
    keys = set()
    for key, text in said:
        keys.add(key)
        yield make(key, text, wavs[key]) if key in wavs else Dropped(key, "missing recording")
    yield from drop_untranscribed(wavs, keys)


def drop_untranscribed(wavs: Mapping[str, str], keys: Container[str]) -> Iterator[Dropped]:
    """The recordings, key -> path, that are not of the ``keys`` of any transcript: left out by name."""
    return (Dropped(key, "no transcript", wav) for key, wav in wavs.items() if key not in keys)


def find_unknown_ids(
    tables: Mapping[str, Iterable[str]], known: Container[str], reason: str
) -> Iterator[Dropped]:
    """The ids of ``tables`` (by name) that are not ``known``, each once, with the first table that has it."""
    first: dict[str, str] = {}
    for name, keys in tables.items():
        for key in keys:
            if key not in known:
                first.setdefault(key, name)
    return (Dropped(key, reason, f"in {name}") for key, name in first.items())


def drop_unlisted(folder: Path, listed: Container[str], suffix: str = ".wav") -> Iterator[Dropped]:
    """The recordings below ``folder`` whose path is not ``listed``: they have no transcript."""
    for path in sorted(folder.rglob(f"[!.]*{suffix}")):
        if str(path) not in listed:
            yield Dropped(path.stem, "no transcript", str(path))


def drop_empty(candidates: Iterable[Utterance | Dropped]) -> list[Utterance | Dropped]:
    """The candidates of a set, those left out that no model can learn: no word in any text form, an id once more.

    Which words a model writes down, its text form says later: ``OK`` stays. Mandarin wording is kept where all of the
    set have it: a data directory has a file for everyone or none.
    """
    records = list(drop_repeated(map(_worded, candidates)))
    kept = [record for record in records if isinstance(record, Utterance)]
    if all(has_words(record.text_cmn) for record in kept):
        return records
    return [replace(r, text_cmn="") if isinstance(r, Utterance) else r for r in records]


def _worded(candidate: Utterance | Dropped) -> Utterance | Dropped:
    """The candidate, left out where its transcript has no word."""
    if isinstance(candidate, Dropped) or has_words(candidate.text):
        return candidate
    reason = "no words" if candidate.text else "empty transcript"
    return Dropped(candidate.id, reason, candidate.text)


def drop_overlap(
    train: Iterable[Utterance | Dropped], held_out: Iterable[Utterance | Dropped]
) -> list[Utterance | Dropped]:
    """``train`` without the utterances whose speaker or sentence ``held_out`` has too: left out by reason."""
    others = [record for record in held_out if isinstance(record, Utterance)]
    speakers, sentences = {u.speaker for u in others}, {u.sentence for u in others}

    def judged(record: Utterance | Dropped) -> Utterance | Dropped:
        if isinstance(record, Utterance) and record.speaker in speakers:
            return Dropped(record.id, "speaker of a held-out set", record.speaker)
        if isinstance(record, Utterance) and record.sentence in sentences:
            return Dropped(record.id, "sentence of a held-out set", record.text)
        return record

    return [judged(record) for record in train]


def split_by_speaker(
    records: Sequence[Utterance | Dropped], chosen: Container[str], held_out: Iterable[Utterance | Dropped]
) -> dict[str, list[Utterance | Dropped]]:
    """Train and dev: dev has the ``chosen`` speakers, train no overlap with it and ``held_out``."""
    dev = [r for r in records if isinstance(r, Utterance) and r.speaker in chosen]
    train = [r for r in records if not (isinstance(r, Utterance) and r.speaker in chosen)]
    return {"train": drop_overlap(train, [*dev, *held_out]), "dev": dev}

"""Sentences of a text column of a data directory, each once, and their features: the text side of a dump.

Utterances of one sentence id say the same, so a column of translations (``text_cmn``) has one text for each of them:
its id is that of the sentence. In the column ``text`` each variety words a sentence its own way: there it is one for
each variety and sentence, and its id is that of the first such utterance. Where utterances are worded differently all
the same, the first in id order is taken.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from pathlib import Path

from fangyan.data.checks import needed
from fangyan.data.datadir import GROUPING
from fangyan.data.entries import check_ids, entries, import_advice, read_map
from fangyan.data.names import is_id
from fangyan.encoders import Encoder
from fangyan.errors import DataError, UserError, out_of_memory, shown
from fangyan.features.archive import Archive
from fangyan.features.pipeline import Features, append
from fangyan.files import fingerprint
from fangyan.progress import Progress

OWN = "text"
"""The column in which each variety has its own wording of a sentence."""

BATCH = 256
"""Sentences of one batch, which is encoded, written and gone on after as a whole: the same on every machine."""


@dataclass(frozen=True)
class Sentence:
    """A text to encode: its id in the archive, where it stands (``file:line``), and how many wordings there are."""

    id: str
    text: str
    place: str
    wordings: int = 1


def read(data: Path, column: str) -> list[Sentence]:
    """The distinct sentences of a column of a data directory, sorted by id; recordings are not needed.

    `DataError` with file and line for a malformed table, `UserError` where there is no such column.
    """
    file = data / column
    if Path(column).name != column or not file.is_file():
        raise UserError(
            f"--column {column}: a text column is a file of the data directory, {data} has none such"
        )
    lines = {key: (f"{file}:{n}", text) for n, key, text in entries(file)}
    variety, sentence = (read_map(needed(data, name)) for name in GROUPING)
    for name, table in zip(GROUPING, (variety, sentence), strict=True):
        check_ids(
            file, {key: text for key, (_, text) in lines.items()}, data / name, table, import_advice(data)
        )
    found: dict[tuple[str, str], dict[str, Sentence]] = defaultdict(dict)
    for key, (place, text) in lines.items():
        group = (sentence[key], variety[key] if column == OWN else "")
        found[group].setdefault(text, Sentence(key if column == OWN else sentence[key], text, place))
    firsts = (replace(next(iter(texts.values())), wordings=len(texts)) for texts in found.values())
    return sorted(map(_checked, firsts), key=lambda s: s.id)


def places(data: Path, column: str) -> dict[str, str]:
    """Utterance id -> the id under which the features of its sentence are archived (`read`)."""
    variety, sentence = (read_map(needed(data, name)) for name in GROUPING)
    if column != OWN:
        return sentence
    firsts: dict[tuple[str, str], str] = {}
    return {key: firsts.setdefault((sentence[key], variety[key]), key) for key in sentence}


def _checked(sentence: Sentence) -> Sentence:
    if not is_id(sentence.id):
        raise DataError(
            f"{sentence.place}: the id of a sentence whose features are archived has no blanks, got "
            f"{shown(sentence.id)!r}: rename it in {GROUPING[1]}"
        )
    return sentence


def identity(sentences: Iterable[Sentence]) -> str:
    """A fingerprint of what is encoded: ids and texts."""
    return fingerprint([(s.id, s.text) for s in sentences])


def batches(sentences: Iterable[Sentence]) -> list[list[Sentence]]:
    """The sentences by length, so that those of like length are encoded together, `BATCH` at a time."""
    ordered = sorted(sentences, key=lambda s: (-len(s.text), s.id))
    return [list(batch) for batch in batched(ordered, BATCH)]


def report_wordings(file: Path, sentences: Sequence[Sentence]) -> None:
    """Prints to stderr how many sentences are worded in more than one way, if any are."""
    if several := sum(s.wordings > 1 for s in sentences):
        print(
            f"{file}: {several:,} of {len(sentences):,} sentences are worded in several ways: the first is taken",
            file=sys.stderr,
        )


def extract(encoder: Encoder, shard: Sequence[list[Sentence]], archive: Archive, title: str) -> None:
    """Encodes the batches of ``shard`` that ``archive`` lacks and appends them to it."""
    done, total = (sum(map(len, part)) for part in (shard[: len(archive)], shard))
    with Progress(title, total, "sentences", done) as bar:
        for batch in shard[len(archive) :]:
            append(archive, encoder.layers, [s.id for s in batch], encode(encoder, batch))
            bar.update(len(batch))


def encode(encoder: Encoder, batch: Sequence[Sentence]) -> Features:
    """``[layer][sentence]`` -> (T, d); in halves where it fails, so that it fits or the sentence is named."""
    try:
        return encoder.encode_finite([s.text for s in batch])
    except (DataError, MemoryError, RuntimeError) as error:
        scarce = out_of_memory(error)
        if not (scarce or isinstance(error, DataError)):
            raise
        if len(batch) == 1:
            reason = "does not fit into memory" if scarce else error
            raise DataError(f"{batch[0].place}: sentence {batch[0].id}: {reason}") from None
    half = (len(batch) + 1) // 2
    first, second = encode(encoder, batch[:half]), encode(encoder, batch[half:])
    return [a + b for a, b in zip(first, second, strict=True)]

"""Pairs to learn from, of data directories and tables: utterance and text, two utterances, two texts of one sentence.

A data set is rows of two strings, as `encoders.unit_strings` writes them, and the label of their sentence. Sentences
whose text is the same have one label: a batch must not push them apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.data import datadir
from fangyan.data.columns import FILES
from fangyan.data.datadir import GROUPING
from fangyan.encoders.unit_strings import of_text, of_units
from fangyan.errors import DataError, UserError, known_names
from fangyan.files import numbered_rows, read_text

OWN = "text"
"""The column with the variety's own wording."""
TABLE = ("variety", "text", "text_cmn")
"""The columns of a table of texts: a variety, what it says, the same in Mandarin."""


@dataclass(frozen=True)
class Pair:
    """Two strings that say the same, the name of their sentence, and, if not empty, one that almost says it."""

    one: str
    other: str
    sentence: str
    negative: str = ""


@dataclass(frozen=True)
class Spoken:
    """An utterance: its variety, sentence and units, and its text in the column that is learnt."""

    id: str
    variety: str
    sentence: str
    units: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Wording:
    """A text of a variety beside the Mandarin one."""

    variety: str
    text: str
    text_cmn: str
    sentence: str


def read_speech(
    data: Path, units: Mapping[str, Sequence[int]], text_column: str, varieties: Sequence[str] = ()
) -> list[Spoken]:
    """The utterances of a data directory of the ``varieties`` (all where none is named), by id, with their ``units``.

    `UserError` where there are none.
    """
    rows = datadir.read(data, (*GROUPING, text_column))
    found = [
        Spoken(
            row.id,
            row.variety,
            row.sentence,
            tuple(map(int, units[row.id])),
            getattr(row, FILES[text_column]),
        )
        for row in rows
        if not varieties or row.variety in varieties
    ]
    if not found:
        known = known_names(varieties[0], sorted({row.variety for row in rows}))
        raise UserError(f"{data}: no utterance of the varieties {', '.join(varieties)}: {known}")
    return found


def read_wordings(source: Path, varieties: Sequence[str] = ()) -> list[Wording]:
    """The texts of ``varieties`` (all where none is named) in a data directory, or in a table of `TABLE`, each once.

    A text of Mandarin is none beside itself. `DataError` with file and line for what is malformed.
    """
    found = _in_directory(source) if source.is_dir() else _in_table(source)
    kept = (w for w in found if (not varieties or w.variety in varieties) and w.text != w.text_cmn)
    return list(dict.fromkeys(kept))


def _in_directory(data: Path) -> Iterator[Wording]:
    for row in datadir.read(data, (*GROUPING, OWN, "text_cmn")):
        yield Wording(row.variety, row.text, row.text_cmn, row.sentence)


def _in_table(path: Path) -> Iterator[Wording]:
    (line, header), *rows = numbered_rows(path)
    if missing := [name for name in TABLE if name not in header]:
        raise DataError(
            f"{path}:{line}: a table of texts has the columns {', '.join(TABLE)}, got none named {missing[0]}"
        )
    for n, cells in rows:
        row = dict(zip(header, map(str.strip, cells), strict=True))
        if empty := next((name for name in TABLE if not row[name]), ""):
            raise DataError(f"{path}:{n}: each text has its variety and its Mandarin wording, got no {empty}")
        yield Wording(row["variety"], row["text"], row["text_cmn"], row.get("sentence") or row["text_cmn"])


def read_texts(source: Path, mandarin: str) -> Iterator[str]:
    """The strings of all texts of a data directory, in its own words and in Mandarin, or of the lines of a file."""
    if source.is_dir():
        for row in datadir.read(source, GROUPING):
            yield from (of_text(row.text, row.variety),) if row.text else ()
            yield from (of_text(row.text_cmn, mandarin),) if row.text_cmn else ()
        return
    why = "pretrain_text names data directories, and files of a text a line"
    for line in filter(None, map(str.strip, read_text(source, why).splitlines())):
        yield of_text(line)


def speech_text(utterances: Iterable[Spoken], text_variety: str = "") -> list[Pair]:
    """Each utterance with its text, which is of its own variety where ``text_variety`` names no other."""
    return [
        Pair(of_units(u.units, u.variety), of_text(u.text, text_variety or u.variety), u.sentence)
        for u in utterances
    ]


def speech_speech(utterances: Iterable[Spoken]) -> list[Pair]:
    """Each utterance with the next one of its sentence, in the order of ids, the last with the first."""
    groups: dict[str, list[Spoken]] = {}
    for utterance in utterances:
        groups.setdefault(utterance.sentence, []).append(utterance)
    return [
        Pair(of_units(a.units, a.variety), of_units(b.units, b.variety), sentence)
        for sentence, group in groups.items()
        if len(group) > 1
        for a, b in zip(group, group[1:] + group[:1], strict=True)
    ]


def text_text(wordings: Iterable[Wording], mandarin: str) -> list[Pair]:
    """Each text with its Mandarin wording, whose variety is ``mandarin``."""
    return [Pair(of_text(w.text, w.variety), of_text(w.text_cmn, mandarin), w.sentence) for w in wordings]


def labels(pairs: Sequence[Pair]) -> list[int]:
    """The number of the sentence of each pair; sentences with the same ``other`` string are one."""
    by_sentence: dict[str, int] = {}
    by_text: dict[str, int] = {}
    for n, pair in enumerate(pairs):
        by_sentence.setdefault(pair.sentence, by_text.setdefault(pair.other, n))
    return [by_sentence[pair.sentence] for pair in pairs]

"""The embedded corpus: parallel everyday sentences in Mandarin, Cantonese and Hakka, spoken by espeak-ng.

What: every sentence exists in Mandarin (cmn), Cantonese (yue) and Sixian Hakka (hak), each in its own words and
grammar, with one recording a variety: 80 test, 60 dev and 800 training sentences, 1.5 h of training speech in
all. Text is Han, simplified for cmn, traditional for yue and hak; every utterance has the Mandarin wording, IPA, the
topic of its sentence (utt2topic) and the sex of its voice (utt2sex).
It serves to run and test the whole chain at home; synthetic speech supports no claim about how people speak.
Licence: Apache-2.0, the sentences (``conf/mini_sinitic``) and the recordings made from them.
Where to get it: it is generated, sentences by template, audio by espeak-ng. Citation: none.

Sampling: a sentence is a pattern with its slots filled. For each pattern a pool of fillings is drawn. Test, then
dev, then train take from it one by one the filling that shares the fewest slots with the nearest, and then with
all, of those the set took from this pattern before. Every draw is seeded by a name, so the corpus depends on the
two tables and the constants here alone. Train, dev and test share no voice; voice, rate and pitch are drawn for
each utterance by itself, so that they tell nothing about the sentence.
"""

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

from fangyan.corpora.common.synthesis import make_recordings
from fangyan.data.columns import Columns
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.files import ROOT, fingerprint, read_table, read_text
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Recording, Voice, synthesise_recording

WORDS = ROOT / "conf" / "mini_sinitic" / "words.tsv"
PATTERNS = ROOT / "conf" / "mini_sinitic" / "patterns.tsv"
DOWNLOADS = Path("downloads") / "mini_sinitic"
GENERATED = True

WORDINGS = ("cmn", "yue", "hak", "hak_pfs")
READ_BY = {"cmn": "cmn-latn-pinyin", "yue": "yue", "hak": "hak"}
"""Variety -> espeak-ng voice. The last reads no Han, only Pha̍k-fa-sṳ."""

SIZES = {"test": 80, "dev": 60, "train": 800}
"""Sentences; the sets choose in this order."""
VOICES = {
    "train": (
        *(
            "m1",
            "m2",
            "m3",
            "m4",
            "m7",
            "m8",
            "Alex",
            "Andy",
            "Gene",
            "Mario",
            "Reed",
            "david",
            "john",
            "paul",
        ),
        *("f1", "f2", "f5", "Alicia", "Annie", "aunty", "belinda", "linda", "shelby", "steph"),
    ),
    "dev": ("m5", "f3"),
    "test": ("m6", "miguel", "f4", "grandma"),
}
FEMALE = "f1 f2 f3 f4 f5 Alicia Annie aunty belinda grandma linda shelby steph".split()
"""Those of the voices that are meant for women's."""
RATES = range(160, 191)
PITCHES = range(35, 66)
POOL = 300
"""Fillings drawn of a pattern."""


@dataclass(frozen=True)
class Sentence:
    """One meaning: a pattern, the concepts in its slots, and its wordings with words parted by spaces."""

    pattern: str
    concepts: tuple[str, ...]
    cmn: str
    yue: str
    hak: str
    hak_pfs: str


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance]]:
    """The utterances of train, dev and test; recordings that ``root`` lacks are made by ``jobs`` processes.

    ``root`` None: ``downloads/mini_sinitic`` of the working directory. ``limit``: only the first so many
    sentences of each set, which go round the patterns (0: all). `DataError` with file and line for a broken table.
    """
    planned = {name: _recordings(name, chosen) for name, chosen in _numbered().items()}
    everything = [astuple(recording) for recordings in planned.values() for recording in recordings]
    folder = (root or DOWNLOADS) / fingerprint(espeak.stamp(), everything)[:16]
    return {
        name: make_recordings(
            _make, folder / name, recordings[: limit * len(READ_BY) or None], jobs, f"speech {name}"
        )
        for name, recordings in planned.items()
    }


def columns(root: Path | None) -> dict[str, Columns]:
    """By set: ``utt2topic``, what a sentence is about, as its pattern says, and ``utt2sex`` of the voice."""
    topics = {row["pattern"]: row["topic"] for row in patterns()}
    found = {}
    for name, chosen in _numbered().items():
        spoken = [(_recording(name, *of, variety).utterance, of[1]) for of in chosen for variety in READ_BY]
        sexes = {u.id: "f" if u.speaker.partition("-")[2] in FEMALE else "m" for u, _ in spoken}
        found[name] = {"utt2topic": {u.id: topics[s.pattern] for u, s in spoken}, "utt2sex": sexes}
    return found


def sentences() -> dict[str, list[Sentence]]:
    """The sentences of test, dev and train, going round the patterns; no two alike in any wording."""
    pools = _pools()
    chosen = {}
    for name, size in SIZES.items():
        counts = [size // len(pools) + (n < size % len(pools)) for n in range(len(pools))]
        rounds = zip_longest(*map(_spread, pools, counts))
        chosen[name] = [sentence for sentence in chain.from_iterable(rounds) if sentence]
    return chosen


def words(path: Path = WORDS) -> dict[str, list[dict[str, str]]]:
    """The rows of the vocabulary by class; `DataError` for empty cells, duplicates, unequal spellings."""
    classes: dict[str, list[dict[str, str]]] = {}
    for row in _rows(path, ("concept", "class", *WORDINGS)):
        for name in row["class"].split():
            classes.setdefault(name, []).append(row)
    return classes


def patterns(path: Path = PATTERNS, vocabulary: Path = WORDS) -> list[dict[str, str]]:
    """The rows of the patterns; `DataError` as for `words` and for slots without a class."""
    rows, classes = _rows(path, ("pattern", *WORDINGS, "topic")), words(vocabulary)
    for row in rows:
        where = f"{path}:{_line(path, row['pattern'])}"
        slots = {column: sorted(_slots(row[column])) for column in WORDINGS}
        for column, found in slots.items():
            if unknown := [slot for slot in found if _class(slot) not in classes]:
                raise DataError(f"{where}: a slot is {{a class of {vocabulary.name}}}, got {unknown[0]}")
            if found != slots["cmn"]:
                raise DataError(
                    f"{where}: all wordings have the slots of cmn, got {column} {' '.join(found)}"
                )
    return rows


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    rows, seen = read_table(path), set()
    for row in rows:
        if tuple(row) != columns:
            raise DataError(f"{path}: the columns are {' '.join(columns)}, got {' '.join(row)}")
        key = row[columns[0]]
        where = f"{path}:{_line(path, key)}"
        if empty := [column for column, cell in row.items() if not cell.strip()]:
            raise DataError(f"{where}: every cell is filled, got none in {empty[0]}")
        if key in seen:
            raise DataError(f"{where}: a {columns[0]} has one row, got {key} again")
        seen.add(key)
        if _shape(row["hak"], list) != _shape(row["hak_pfs"], lambda word: word.split("-")):
            found = f"{row['hak']!r} and {row['hak_pfs']!r}"
            raise DataError(f"{where}: hak_pfs has one syllable a character of hak, got {found}")
    return rows


def _line(path: Path, key: str) -> int:
    """The number of the last line with this first cell."""
    lines = read_text(path).split("\n")
    return max(n for n, line in enumerate(lines, 1) if line.split("\t")[0] == key)


def _shape(wording: str, syllables: Callable[[str], list[str]]) -> list[str | int]:
    """The slots of a wording as they are, its words as their numbers of syllables."""
    slots = _slots(wording)
    return [word if word in slots else len(syllables(word)) for word in wording.split()]


def _slots(wording: str) -> list[str]:
    return [word for word in wording.split() if "{" in word or "}" in word]


def _class(slot: str) -> str:
    """``{food2}`` -> ``food``."""
    return slot[1:-1].rstrip("0123456789")


def _pools() -> list[list[Sentence]]:
    """For each pattern its distinct sentences, in the order drawn."""
    classes, rows = words(), patterns()
    needed = sum(size // len(rows) + 1 for size in SIZES.values())
    taken: set[tuple[str, str]] = set()
    pools = []
    for row in rows:
        draw, pool = Random(row["pattern"]), []
        for sentence in filter(None, (_fill(row, classes, draw) for _ in range(POOL))):
            wordings = {(column, _joined(getattr(sentence, column))) for column in READ_BY}
            if taken.isdisjoint(wordings):
                taken |= wordings
                pool.append(sentence)
        if len(pool) < needed:
            where = f"{PATTERNS}:{_line(PATTERNS, row['pattern'])}"
            raise DataError(f"{where}: a pattern gives at least {needed} sentences, got {len(pool)}")
        pools.append(pool)
    return pools


def _fill(row: dict[str, str], classes: dict[str, list[dict[str, str]]], draw: Random) -> Sentence | None:
    """The pattern with a word drawn for each slot; None if a concept came twice."""
    chosen = {slot: draw.choice(classes[_class(slot)]) for slot in _slots(row["cmn"])}
    concepts = tuple(word["concept"] for word in chosen.values())
    if len(set(concepts)) < len(concepts):
        return None
    wordings = {
        column: " ".join(chosen[word][column] if word in chosen else word for word in row[column].split())
        for column in WORDINGS
    }
    return Sentence(row["pattern"], concepts, **wordings)


def _joined(wording: str) -> str:
    return wording.replace(" ", "")


def _spread(pool: list[Sentence], count: int) -> list[Sentence]:
    """``count`` sentences taken out of ``pool``, each as unlike those before as can be (see above)."""
    closeness = {sentence: (0, 0) for sentence in pool}  # slots shared with the nearest, with all
    taken = []
    for _ in range(count):
        best = min(closeness, key=closeness.get)
        del closeness[best]
        taken.append(best)
        for other, (nearest, total) in closeness.items():
            shared = sum(map(str.__eq__, best.concepts, other.concepts))
            closeness[other] = (max(nearest, shared), total + shared)
    pool[:] = closeness
    return taken


def _numbered() -> dict[str, list[tuple[str, Sentence]]]:
    """The sentences of train, dev and test with their ids."""
    chosen, first = sentences(), 1
    numbered = {}
    for name in VOICES:
        numbered[name] = [(f"s{n:04d}", sentence) for n, sentence in enumerate(chosen[name], first)]
        first += len(chosen[name])
    return numbered


def _recordings(name: str, chosen: list[tuple[str, Sentence]]) -> list[Recording]:
    return [_recording(name, key, sentence, variety) for key, sentence in chosen for variety in READ_BY]


def _recording(name: str, key: str, sentence: Sentence, variety: str) -> Recording:
    draw = Random(f"{key} {variety}")
    variant = draw.choice(VOICES[name])
    speaker = f"{variety}-{variant}"
    text = _joined(getattr(sentence, variety))
    utterance = Utterance(f"{speaker}-{key}", "", text, speaker, variety, key, text_cmn=_joined(sentence.cmn))
    readable = espeak.respell_hakka(sentence.hak_pfs) if variety == "hak" else text
    voice = Voice(f"{READ_BY[variety]}+{variant}", draw.choice(RATES), draw.choice(PITCHES))
    return Recording(utterance, readable, voice)


def _make(folder: Path, recording: Recording) -> Utterance:
    """The utterance with its audio (made unless it is there), duration and IPA."""
    phones = espeak.ipa(recording.text, READ_BY[recording.utterance.variety])
    return replace(synthesise_recording(folder, recording), ipa=phones)

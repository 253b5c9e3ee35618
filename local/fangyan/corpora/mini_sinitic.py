"""The embedded corpus: parallel everyday sentences in Mandarin, Cantonese and Hakka, spoken by espeak-ng.

What: every sentence exists in Mandarin (cmn), Cantonese (yue) and Sixian Hakka (hak), each in its own words and grammar,
with one recording a variety: 100 test and 60 dev sentences, the rest for training, about 1.5 h of training speech in all.
Text is Han (simplified for cmn, traditional for yue and hak); Mandarin wording and IPA come with every utterance.
Synthetic speech: it serves to run, test and compare the whole chain at home, not to make claims about people's speech.
Licence: Apache-2.0, the sentences (``conf/mini_sinitic``) and the recordings made from them.
Where to get it: nowhere, it is generated: sentences by template, audio by espeak-ng. Citation: this repository.

Sampling: a sentence is a pattern with its slots filled. For each pattern a pool of fillings is drawn; test, then dev, then
train take from it one by one the filling that shares the fewest slots with any, and then with all, that the set already took
from this pattern. All draws are seeded by names, so the corpus depends on nothing but the two tables and the constants here.
Voices of train, dev and test are disjoint; voice, rate and pitch are drawn for each utterance by itself.
"""

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from random import Random

from tqdm import tqdm

from fangyan import audio, synthesis
from fangyan.datadir import Utterance
from fangyan.errors import DataError
from fangyan.files import ROOT, fingerprint, read_table, read_text
from fangyan.synthesis import Voice

WORDS = ROOT / "conf" / "mini_sinitic" / "words.tsv"
PATTERNS = ROOT / "conf" / "mini_sinitic" / "patterns.tsv"
DOWNLOADS = Path("downloads") / "mini_sinitic"

WORDINGS = ("cmn", "yue", "hak", "hak_pfs")
READ_BY = {"cmn": "cmn-latn-pinyin", "yue": "yue", "hak": "hak"}
"""Variety -> espeak-ng voice. The last reads no Han, only Pha̍k-fa-sṳ."""

SIZES = {"test": 100, "dev": 60, "train": 800}
"""Sentences; the sets choose in this order."""
VOICES = {
    "train": "m1 m2 m3 m4 m7 f1 f2 f5 Alex Annie aunty shelby".split(),
    "dev": "m5 f3".split(),
    "test": "m6 miguel f4 grandma".split(),
}
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


@dataclass(frozen=True)
class Recording:
    """What is to be spoken for an utterance, and how; ``text`` as the voice can read it."""

    utterance: Utterance
    text: str
    voice: Voice


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance]]:
    """The utterances of train, dev and test; recordings that ``root`` lacks are made by ``jobs`` processes.

    ``root`` None: ``downloads/mini_sinitic`` of the working directory. ``limit``: only the first so many sentences of each
    set, which go round the patterns (0: all). `DataError` with file and line for a broken table.
    """
    planned = {name: _recordings(name, chosen) for name, chosen in _numbered().items()}
    everything = [astuple(recording) for recordings in planned.values() for recording in recordings]
    folder = (root or DOWNLOADS) / fingerprint(synthesis.version(), everything)[:16]
    return {
        name: _parallel(recordings[: limit * len(READ_BY) or None], folder / name, jobs)
        for name, recordings in planned.items()
    }


def sentences() -> dict[str, list[Sentence]]:
    """The sentences of each set, going round the patterns; no two alike in any wording."""
    pools = _pools()
    chosen = {}
    for name, size in SIZES.items():
        counts = [size // len(pools) + (n < size % len(pools)) for n in range(len(pools))]
        rounds = zip_longest(*map(_spread, pools, counts))
        chosen[name] = [sentence for sentence in chain.from_iterable(rounds) if sentence]
    return chosen


def words(path: Path = WORDS) -> dict[str, list[dict[str, str]]]:
    """The rows of the vocabulary by class; `DataError` for empty cells, duplicates and unequal Hakka spellings."""
    classes: dict[str, list[dict[str, str]]] = {}
    for row in _rows(path, "concept"):
        for name in row["class"].split():
            classes.setdefault(name, []).append(row)
    return classes


def patterns(path: Path = PATTERNS, known: Path = WORDS) -> list[dict[str, str]]:
    """The rows of the patterns; `DataError` as for `words`, and for slots that no class of ``known`` fills."""
    rows, classes = _rows(path, "pattern"), words(known)
    for row in rows:
        slots = {column: sorted(_slots(row[column])) for column in WORDINGS}
        for column, found in slots.items():
            where = f"{path}:{_line(path, row['pattern'])}: {row['pattern']}: "
            for slot in found:
                if _class(slot) not in classes:
                    raise DataError(f"{where}a slot is a class of {known.name}, got {{{slot}}}")
            if found != slots["cmn"]:
                raise DataError(f"{where}all wordings have the same slots, got {column} {found}")
    return rows


def _rows(path: Path, key: str) -> list[dict[str, str]]:
    rows, seen = read_table(path), set()
    for row in rows:
        where = f"{path}:{_line(path, row[key])}: {row[key]}: "
        for column, cell in row.items():
            if not cell.strip():
                raise DataError(f"{where}every cell is filled, got none in {column}")
        if row[key] in seen:
            raise DataError(f"{where}a {key} is unique, got it again")
        seen.add(row[key])
        if _syllables(row["hak"], "") != _syllables(row["hak_pfs"], "-"):
            raise DataError(
                f"{where}hak_pfs has one syllable a character of hak, got {row['hak']!r} and {row['hak_pfs']!r}"
            )
    return rows


def _line(path: Path, key: str) -> int:
    lines = read_text(path).split("\n")
    return next(n for n, line in enumerate(lines, 1) if line.split("\t")[0] == key)


def _syllables(wording: str, joint: str) -> list[str | int]:
    """For each word its slot, or how many syllables it has."""
    return [
        word if word.startswith("{") else len(word.split(joint) if joint else word) for word in wording.split()
    ]


def _slots(wording: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", wording)


def _class(slot: str) -> str:
    return slot.rstrip("0123456789")


def _pools() -> list[list[Sentence]]:
    """For each pattern its distinct sentences, in the order drawn."""
    classes, taken = words(), set()
    pools = []
    for pattern in patterns():
        draw = Random(pattern["pattern"])
        pool = []
        for sentence in filter(None, (_fill(pattern, classes, draw) for _ in range(POOL))):
            wordings = {(column, getattr(sentence, column).replace(" ", "")) for column in READ_BY}
            if taken.isdisjoint(wordings):
                taken |= wordings
                pool.append(sentence)
        pools.append(pool)
    return pools


def _fill(pattern: dict[str, str], classes: dict[str, list[dict[str, str]]], draw: Random) -> Sentence | None:
    """The pattern with a word drawn for each slot; None if a concept came twice."""
    chosen = {slot: draw.choice(classes[_class(slot)]) for slot in _slots(pattern["cmn"])}
    concepts = tuple(row["concept"] for row in chosen.values())
    if len(set(concepts)) < len(concepts):
        return None
    wordings = {
        column: pattern[column].format(**{slot: row[column] for slot, row in chosen.items()})
        for column in WORDINGS
    }
    return Sentence(pattern["pattern"], concepts, **wordings)


def _spread(pool: list[Sentence], count: int) -> list[Sentence]:
    """``count`` sentences taken out of ``pool``, each as unlike those before as can be (see the module's docstring)."""
    if len(pool) < count:
        raise DataError(f"{PATTERNS}: a pattern gives {count} sentences, got {len(pool)} of {pool[:1]}")
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
    text, text_cmn = (getattr(sentence, column).replace(" ", "") for column in (variety, "cmn"))
    utterance = Utterance(f"{speaker}-{key}", "", text, speaker, variety, key, text_cmn=text_cmn)
    readable = sentence.hak_pfs.replace("-", " ") if variety == "hak" else text
    return Recording(
        utterance, readable, Voice(f"{READ_BY[variety]}+{variant}", draw.choice(RATES), draw.choice(PITCHES))
    )


def _parallel(recordings: list[Recording], folder: Path, jobs: int) -> list[Utterance]:
    bar = partial(tqdm, total=len(recordings), desc=f"speech {folder.name}", unit="utt", disable=None)
    make = partial(_make, folder)
    if jobs == 1:
        return list(bar(map(make, recordings)))
    with ProcessPoolExecutor(jobs) as pool:
        return list(bar(pool.map(make, recordings, chunksize=16)))


def _make(folder: Path, recording: Recording) -> Utterance:
    """The utterance with its audio (made unless it is there), duration and IPA."""
    wav = folder / f"{recording.utterance.id}.wav"
    try:
        info = audio.probe(wav)
    except DataError:
        audio.write(wav, audio.resample(*synthesis.synthesise(recording.text, recording.voice)))
        info = audio.probe(wav)
    phones = synthesis.ipa(recording.text, READ_BY[recording.utterance.variety])
    return replace(recording.utterance, wav=str(wav), duration=info.duration, ipa=phones)

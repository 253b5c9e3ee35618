"""MagicHub: small open sets of Chinese dialects, read sentences and conversations, some hours each.

What: each folder that the user has of Changsha (variety hsn), Guangzhou (yue), Nanchang (gan), Shanghai (wuu), Tianjin
(cmn-jilu), Zhengzhou (cmn-zhongyuan), Sichuan and Wuhan (cmn-southwestern), under the name upstream gives it, as in
``Shanghai_Dialect_Conversational_Speech_Corpus``; ``sets`` chooses some of them. ``text`` is the dialect's wording. The
prompts of Shanghai's read sentences are Mandarin: they are ``text_cmn`` where all chosen utterances have such, and
sentence ids in any case. Of conversations each line of ``TXT`` is an utterance; lines of speaker 0 are not speech.
Sets: upstream has none. Of the speakers of a folder in code point order the last tenth is test, the tenth before it dev
(one speaker at least; a folder of less than three speakers is all train). Speakers are told apart by folder.
Overlap: none: train leaves out, by name, each sentence of dev and test; test and dev may share sentences.
Licence: CC BY-NC-ND 4.0.
Where to get it: https://magichub.com (account needed), unpacked side by side: ``<folder>/UTTRANSINFO.txt`` (or
``UTTERANCEINFO.txt``) with ``<folder>/WAV/<speaker>/*.wav``, or ``<folder>/TXT/*.txt`` with ``<folder>/WAV/*.wav``. The
corpus root is the folder that holds them, or one of them.
Citation: Magic Data Technology Co., Ltd., MagicHub, https://magichub.com, name of the set.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    drop_overlap,
    drop_unlisted,
    list_names,
    parse_times,
    read_columns,
    read_lines,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError, known_names

PLACES = {
    "Changsha": "hsn",
    "Guangzhou": "yue",
    "Nanchang": "gan",
    "Shanghai": "wuu",
    "Sichuan": "cmn-southwestern",
    "Tianjin": "cmn-jilu",
    "Wuhan": "cmn-southwestern",
    "Zhengzhou": "cmn-zhongyuan",
}
"""First word of a folder's name -> variety."""
MANDARIN_PROMPTS = "Shanghai"
"""The place whose prompts are Mandarin; of the others we know only that some are empty."""
SETS = ("train", "dev", "test")
TABLES = ("UTTRANSINFO.txt", "UTTERANCEINFO.txt")
COLUMNS = ("CHANNEL", "UTTRANS_ID", "SPEAKER_ID", "PROMPT", "TRANSCRIPTION")
TURN = re.compile(r"\[([^],]+),([^],]+)\]\s+(\S+)\s+(\S+)\s*(.*)")
"""A line of a conversation: ``[start,end]``, speaker, gender (and language), text; parted by tabs or blanks."""
HELD_OUT = 0.1


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, sets: str = ""
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test, folder by folder. ``sets``: names of folders parted by spaces, or all."""
    folders = [_parted(drop_empty(_records(folder))) for folder in _folders(root, sets.split())]
    train, dev, test = ([r for parts in folders for r in parts[name]] for name in SETS)
    chosen = zip(SETS, (drop_overlap(train, [*dev, *test]), dev, test), strict=True)
    return {name: drop_empty(records) for name, records in chosen if records}


def _folders(root: Path | None, wanted: Sequence[str]) -> list[Path]:
    """The folders of the sets, those that are wanted or all."""
    if root is None:
        raise UserError("corpus magichub: say where the folders of the sets lie with --corpus_dir DIR")
    found = {path.parent.name: path.parent for path in (*root.glob("WAV"), *sorted(root.glob("*/WAV")))}
    if not found:
        raise DataError(
            f"{root}: expected folders such as Shanghai_Dialect_Conversational_Speech_Corpus with WAV in them, "
            f"found {list_names(root)}: --corpus_dir names the folder that holds them, or one of them"
        )
    for name in wanted:
        if name not in found:
            raise UserError(f"corpus magichub: no set {name!r} in {root}: {known_names(name, found)}")
    return [found[name] for name in wanted or found]


def _records(folder: Path) -> Iterator[Utterance | Dropped]:
    """The records of one set: conversations, or read sentences."""
    name = folder.resolve().name
    place = re.split(r"[\W_]", name)[0]
    if place not in PLACES:
        known = ", ".join(PLACES)
        raise DataError(f"{folder}: a set is named after its place, one of {known}, got {place!r}")
    prefix = "_".join(name.split())
    if (folder / "TXT").is_dir():
        wavs = {path: folder / "WAV" / f"{path.stem}.wav" for path in sorted((folder / "TXT").glob("*.txt"))}
        for transcript, wav in wavs.items():
            yield from _turns(transcript, wav, prefix, PLACES[place])
        yield from drop_unlisted(folder / "WAV", set(map(str, wavs.values())))
        return
    info = next((folder / name for name in TABLES if (folder / name).exists()), None)
    if not info:
        raise DataError(f"{folder}: expected {' or '.join(TABLES)} or TXT in it, found {list_names(folder)}")
    listed = set()
    for row in read_columns(info, COLUMNS):
        speaker, wav = row["SPEAKER_ID"], row["UTTRANS_ID"]
        listed.add(str(folder / "WAV" / speaker / wav))
        prompt = row["PROMPT"] if place == MANDARIN_PROMPTS else ""
        yield utterance(
            key=f"{prefix}-{speaker}-{Path(wav).stem}",
            wav=folder / "WAV" / speaker / wav,
            text=row["TRANSCRIPTION"],
            speaker=f"{prefix}-{speaker}",
            variety=PLACES[place],
            text_cmn=prompt,
        )
    yield from drop_unlisted(folder / "WAV", listed)


def _turns(transcript: Path, wav: Path, prefix: str, variety: str) -> Iterator[Utterance | Dropped]:
    """The lines of a conversation; their ids end in start and end, in centiseconds as in Kaldi."""
    for where, line in read_lines(transcript):
        parts = TURN.fullmatch(line)
        if not parts:
            raise DataError(f"{where}: a line is [start,end], speaker, gender and text, got {line[:60]!r}")
        start, end, speaker, _, text = parts.groups()
        segment = parse_times(where, start, end)
        place = "-".join(f"{100 * (-1 if time is None else time):07.0f}" for time in segment.values())
        key = f"{prefix}-{speaker}-{transcript.stem}-{place}"
        if speaker == "0":
            yield Dropped(key, "no speech", text)
        else:
            yield utterance(key, wav, text, f"{prefix}-{speaker}", variety, **segment)


def _parted(records: list[Utterance | Dropped]) -> dict[str, list[Utterance | Dropped]]:
    """Train, dev and test of one folder by speaker; what was left out is listed with train."""
    speakers = sorted({r.speaker for r in records if isinstance(r, Utterance)})
    n = max(1, round(HELD_OUT * len(speakers))) if len(speakers) > 2 else 0
    last = dict.fromkeys(speakers[len(speakers) - n :], "test")
    set_of = dict.fromkeys(speakers[len(speakers) - 2 * n : len(speakers) - n], "dev") | last
    parts: dict[str, list[Utterance | Dropped]] = {name: [] for name in SETS}
    for record in records:
        name = set_of.get(record.speaker, "train") if isinstance(record, Utterance) else "train"
        parts[name].append(record)
    return parts

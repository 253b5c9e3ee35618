"""TAT: Taiwanese Hokkien read before six microphones at once, volumes 1 and 2.

What: variety nan; train (83.4 h), dev (upstream's ``eval``, 10.4 h) and test (10.6 h). The six recordings of an
utterance are one utterance: ``microphone`` chooses which, condenser unless told otherwise (lavalier, XYH-6-X, XYH-6-Y,
ios, android). ``text`` is 漢羅台文, Han characters with romanised words between them; ``text_cmn`` is 中文, where all
of a set have it. The speaker is the folder, as TA_TAF0019.
Overlap: none: train has no speaker and no sentence of dev or test; what is left out for it is listed.
Licence: signed; not for commercial use, no redistribution.
Where to get it: https://sites.google.com/speech.ntut.edu.tw/fsw/home/corpus, by application. The corpus root is the
folder that holds ``TAT-Vol{1,2}-{train,eval,test}-master`` (or without ``-master``), with
``condenser/wav/<speaker>/*.wav`` and ``json/<speaker>/*.json`` in them, or folders of one microphone,
``TAT-Vol1-train-lavalier`` with ``wav`` and ``json``. The JSON of eval and test may lie in ``TAT-Vol1-eval-key``.
Citation: Liao et al. 2020, Formosa speech recognition challenge 2020 and Taiwanese across Taiwan corpus, O-COCOSDA.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, drop_overlap, list_names, match_transcripts, utterance
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError, known_names
from fangyan.files import read_json

SETS = {"train": "train", "dev": "eval", "test": "test"}
"""Ours -> upstream's."""
MICROPHONES = ("condenser", "lavalier", "XYH-6-X", "XYH-6-Y", "ios", "android")
FOLDER = re.compile(rf"TAT-Vol\d+-(train|eval|test)(?:-({'|'.join(MICROPHONES)}))?(?:-master)?")
"""The set, and of a folder of one microphone its name."""
WORDING, MANDARIN = "漢羅台文", "中文"


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, microphone: str = "condenser"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test, those that are there, volume by volume."""
    if root is None:
        raise UserError("corpus tat: say where the volumes lie with --corpus_dir DIR")
    if microphone not in MICROPHONES:
        raise UserError(f"corpus tat: no microphone {microphone!r}: {known_names(microphone, MICROPHONES)}")
    sets = {name: drop_empty(_records(root, of, microphone)) for name, of in SETS.items()}
    if not any(sets.values()):
        expected = f"TAT-Vol1-train-master/{microphone}/wav/<speaker>/*.wav"
        raise DataError(f"{root}: expected {expected} and so on, found {list_names(root)}")
    train = drop_overlap(sets["train"], [*sets["dev"], *sets["test"]])
    return {name: records for name, records in (sets | {"train": train}).items() if records}


def _records(root: Path, of: str, microphone: str) -> Iterator[Utterance | Dropped]:
    """What a microphone recorded of a set, in all volumes."""
    for folder in sorted(root.glob("TAT-Vol*")):
        parts = FOLDER.fullmatch(folder.name)
        if not (parts and parts[1] == of and parts[2] in (None, microphone)):
            continue
        wavs = folder / "wav" if parts[2] else folder / microphone / "wav"
        if wavs.is_dir():
            texts = _texts(folder)
            for speaker in sorted({*_names(wavs), *_names(texts)}):
                yield from _spoken(speaker, wavs / speaker, texts / speaker)


def _texts(folder: Path) -> Path:
    """Where the transcripts of a folder lie: in it, or in its key."""
    bare = folder.name.removesuffix("-master")
    places = [folder.with_name(name) / "json" for name in (folder.name, f"{bare}-key", f"{bare}-key-master")]
    found = next((place for place in places if place.is_dir()), None)
    if not found:
        raise DataError(f"{folder}: expected json in it or in {bare}-key, found {list_names(folder)}")
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[!.]*") if path.is_dir())


def _spoken(speaker: str, recorded: Path, written: Path) -> Iterator[Utterance | Dropped]:
    """The utterances of a speaker; the last part of a recording's name is its channel."""
    wavs = {
        f"{speaker}-{wav.stem.rpartition('-')[0]}": str(wav) for wav in sorted(recorded.glob("[!.]*.wav"))
    }
    said = {f"{speaker}-{file.stem}": _wordings(file) for file in sorted(written.glob("[!.]*.json"))}

    def made(key: str, text: str, wav: str) -> Utterance:
        return utterance(key, wav, text, speaker, "nan", said[key][1])

    return match_transcripts(((key, text) for key, (text, _) in said.items()), wavs, made)


def _wordings(file: Path) -> tuple[str, str]:
    """The Taiwanese and the Mandarin wording of a transcript, '' for none."""
    fields = read_json(file)
    try:
        return fields[WORDING] or "", fields.get(MANDARIN) or ""
    except KeyError:
        raise DataError(f"{file}: expected the key {WORDING}, got {' '.join(fields)[:90]}") from None

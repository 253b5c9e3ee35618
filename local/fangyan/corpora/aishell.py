"""AISHELL-1: Mandarin read by 400 people from all over China, the corpus most Mandarin systems are compared on.

What: 170 h, 16 kHz; variety cmn; upstream's sets train, dev and test with 340, 40 and 20 speakers. ``text`` is the
transcript with its blanks between words, ``text_cmn`` the same. Utterance ids are upstream's; the speaker is what
stands before the W (BAC009S0002). Some recordings have no transcript: they are left out by name.
Overlap: no speaker is in two sets; upstream does not promise the same of sentences.
Licence: Apache-2.0.
Where to get it: https://www.openslr.org/33, ``data_aishell.tgz``; unpack it, then each ``data_aishell/wav/*.tar.gz``
where it lies. The corpus root is the folder that holds ``data_aishell``.
Citation: Bu, Du, Na, Wu and Zheng 2017, AISHELL-1: an open-source Mandarin speech corpus and a speech recognition
baseline, O-COCOSDA, arXiv 1709.05522.
"""

from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    find_home,
    find_recordings,
    match_transcripts,
    read_pairs,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance

SETS = ("train", "dev", "test")
TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test in the order of the transcript."""
    folder = find_home("aishell", root, "data_aishell", TRANSCRIPT)
    wavs = {name: find_recordings(folder / "wav" / name) for name in SETS}
    set_of = {_speaker(key): name for name, keys in wavs.items() for key in keys}
    said: dict[str, list[tuple[str, str]]] = {name: [] for name in SETS}
    for key, text in read_pairs(
        folder / TRANSCRIPT
    ):  # one file for all sets; a speaker without recordings: of train
        said[set_of.get(_speaker(key), "train")].append((key, text))
    return {name: drop_empty(match_transcripts(said[name], wavs[name], _utterance)) for name in SETS}


def _speaker(key: str) -> str:
    return key.rpartition("W")[0]


def _utterance(key: str, text: str, wav: str) -> Utterance:
    return utterance(key, wav, text, _speaker(key), "cmn", text_cmn=text)

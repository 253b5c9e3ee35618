"""THCHS-30: 34 h of Mandarin sentences out of the news, each read by several people.

What: 16 kHz; variety cmn; upstream's sets train (10,000 utterances, 25 h), dev (893, 2:14 h) and test (2,495, 6:15 h).
``text`` is the line of words of a transcript, ``text_cmn`` the same. Utterance ids are padded as Kaldi's recipe pads
them, A2_0 becomes A02_000, so that a list sorted by id is sorted by speaker.
Overlap: dev has readers and sentences of train (groups A, B and C); test has its own (D).
Licence: Apache-2.0.
Where to get it: https://www.openslr.org/18, ``data_thchs30.tgz``. The corpus root is the folder that holds
``data_thchs30``, with ``data/*.{wav,wav.trn}`` in it, and ``{train,dev,test}``, links that say what is in which set.
Citation: Wang and Zhang 2015, THCHS-30: a free Chinese speech corpus, arXiv 1512.01882.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    find_home,
    find_recordings,
    match_transcripts,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError
from fangyan.files import read_text

SETS = ("train", "dev", "test")
NAME = re.compile(r"([A-D])(\d+)_(\d+)\.wav")


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test by name."""
    folder = find_home("thchs30", root, "data_thchs30", "data")
    return {name: drop_empty(_records(folder / "data", folder / name)) for name in SETS}


def _records(data: Path, members: Path) -> Iterator[Utterance | Dropped]:
    """The records of a set: names are those of its folder, contents lie in ``data``, for links often break."""
    wavs = {_key(wav): str(data / f"{stem}.wav") for stem, wav in find_recordings(members).items()}
    said = [
        (_key(link), _words(data / link.name))
        for link in sorted(members.glob("*.wav.trn"))
        if (data / link.name).exists()
    ]
    return match_transcripts(said, wavs, _utterance)


def _key(path: str | Path) -> str:
    """The utterance id of a recording or transcript."""
    parts = NAME.match(Path(path).name)
    if not parts:
        raise DataError(f"{path}: a recording is named like A2_0 (group and reader, sentence)")
    group, reader, number = parts.groups()
    return f"{group}{reader:0>2}_{number:0>3}"


def _words(transcript: Path) -> str:
    """The first line of a transcript (the others are syllables and phones); a stray ``l =`` is no word."""
    return read_text(transcript).partition("\n")[0].replace(" l =", "")


def _utterance(key: str, text: str, wav: str) -> Utterance:
    return utterance(key, wav, text, key.partition("_")[0], "cmn", text_cmn=text)

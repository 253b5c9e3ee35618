"""MagicData: 755 h of Mandarin read into telephones by 1,080 people from all over China.

What: 16 kHz; variety cmn; upstream's sets train, dev and test (51 : 1 : 2): commands, questions, messages. ``text`` is
the transcript with its punctuation, ``text_cmn`` the same; FIL and SPK in it are noises, ``<FIL>`` and ``<SPK>`` here,
which each text form leaves out. Two recordings are known to be bad and left out by name (the list is lhotse's).
Overlap: upstream does not promise that no sentence of test is in train.
Licence: CC BY-NC-ND 4.0.
Where to get it: https://www.openslr.org/68, ``{train,dev,test}_set.tar.gz``, unpacked into one folder, the corpus root:
``{train,dev,test}/TRANS.txt`` and ``{train,dev,test}/<speaker>/<utterance>.wav``.
Citation: Magic Data Technology Co., Ltd. 2019, MAGICDATA Mandarin Chinese read speech corpus, OpenSLR 68.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    find_home,
    find_recordings,
    match_transcripts,
    read_columns,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance

SETS = ("train", "dev", "test")
COLUMNS = ("UtteranceID", "SpeakerID", "Transcription")
NOISE = re.compile(r"(?<![A-Za-z<])(?:FIL|SPK)(?![A-Za-z>])")
BAD = ("16_4013_20170819121429", "18_1565_20170712000170")


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test in the order of their transcripts."""
    folder = find_home("magicdata", root, "", "train/TRANS.txt")
    return {name: drop_empty(_records(folder / name)) for name in SETS}


def _records(folder: Path) -> Iterator[Utterance | Dropped]:
    said = [
        (row["UtteranceID"].removesuffix(".wav"), row) for row in read_columns(folder / "TRANS.txt", COLUMNS)
    ]
    speakers = {key: row["SpeakerID"] for key, row in said}

    def spoken(key: str, text: str, wav: str) -> Utterance:
        return utterance(key, wav, text, speakers[key], "cmn", text_cmn=text)

    texts = ((key, NOISE.sub(r"<\g<0>>", row["Transcription"])) for key, row in said)
    for record in match_transcripts(texts, find_recordings(folder), spoken):
        yield Dropped(record.id, "known to be bad") if record.id in BAD else record

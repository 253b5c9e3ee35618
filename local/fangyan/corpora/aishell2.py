"""AISHELL-2: 1,000 h of Mandarin read by 1,991 people into telephones.

What: the iOS channel, 16 kHz; variety cmn; sets train (upstream's ``data``), dev (2,500 utterances of 5 speakers) and
test (5,000 of 10). ``text`` is the transcript, ``text_cmn`` the same. Utterance ids are upstream's; the speaker is what
stands before the W (IC0001: channel and folder). Transcripts without a Han character, titles of English songs say, are
left out by name.
Overlap: no speaker is in two sets; upstream does not promise the same of sentences.
Licence: academic use only, after an application; no redistribution.
Where to get it: https://www.aishelltech.com/aishell_2 (the form), dev and test https://www.aishelltech.com/aishell_eval,
to be put beside ``data``. The corpus root is the folder that holds ``AISHELL-2``, with ``iOS/data/{trans.txt,wav}``,
``iOS/dev/{trans.txt,wav}`` and ``iOS/test/{trans.txt,wav}`` in it.
Citation: Du, Na, Liu and Bu 2018, AISHELL-2: transforming Mandarin ASR research into industrial scale,
arXiv 1808.10583.
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

SETS = {"train": "data", "dev": "dev", "test": "test"}
"""Ours -> upstream's folder."""


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test in the order of their transcripts."""
    channel = find_home("aishell2", root, "AISHELL-2/iOS", "data/trans.txt")
    return {
        name: drop_empty(
            match_transcripts(
                read_pairs(channel / folder / "trans.txt"),
                find_recordings(channel / folder / "wav"),
                _utterance,
            )
        )
        for name, folder in SETS.items()
    }


def _utterance(key: str, text: str, wav: str) -> Utterance:
    return utterance(key, wav, text, key.rpartition("W")[0], "cmn", text_cmn=text)

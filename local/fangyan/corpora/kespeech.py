"""KeSpeech: 1,542 h of standard Mandarin and its eight subdialects, 27,237 speakers of 34 cities.

What: 16 kHz; the sets train, dev and test of upstream's ASR task; phases 1 and 2, of train and dev, were recorded at
different times, ``phases`` takes one of them. Variety: cmn for Mandarin, cmn-zhongyuan and so on for a subdialect.
The transcript is Mandarin wording in Han characters, whatever the accent: it is ``text`` and ``text_cmn``. Utterances
of one transcript share a sentence id, and some texts were recorded in both Mandarin and a subdialect: these serve
retrieval between them. ``<SPOKEN_NOISE>`` in a transcript stays; the normal form leaves it out.
Overlap: upstream's sets are kept as they are; they do not promise that no speaker or sentence of test is in train.
Licence: KeSpeech's own, dataset_license.md of the repository: not for commercial use, technical changes but no
adaptations, no distribution.
Where to get it: https://github.com/KeSpeech/KeSpeech (a cloud disk, with its password). The corpus root is the folder
that holds ``KeSpeech``, with ``Audio``, ``Tasks/ASR/{train,dev}_phase{1,2}`` and ``Tasks/ASR/test`` in it.
Citation: Tang et al. 2021, KeSpeech: an open source speech dataset of Mandarin and its eight subdialects, NeurIPS
Datasets and Benchmarks, https://openreview.net/forum?id=b3Zoeq2sCLq.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, find_home, find_unknown_ids, read_pairs, utterance
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

TASK = "Tasks/ASR"
COLUMNS = ("text", "utt2spk", "utt2subdialect")
VARIETIES = {
    "Mandarin": "cmn",
    "Beijing": "cmn-beijing",
    "Northeastern": "cmn-northeastern",
    "Ji-Lu": "cmn-jilu",
    "Jiao-Liao": "cmn-jiaoliao",
    "Zhongyuan": "cmn-zhongyuan",
    "Lan-Yin": "cmn-lanyin",
    "Jiang-Huai": "cmn-jianghuai",
    "Southwestern": "cmn-southwestern",
}
"""Upstream's subdialect -> code."""


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, phases: str = "1 2"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev and test, phase after phase, in the order of ``wav.scp``.

    ``phases``: of train and dev, ``1``, ``2`` or ``1 2``.
    """
    if set(phases.split()) not in ({"1"}, {"2"}, {"1", "2"}):
        raise UserError(f"corpus kespeech: phases is 1, 2 or '1 2', got {phases!r}")
    corpus = find_home("kespeech", root, "KeSpeech", TASK)
    parts = {name: [f"{name}_phase{phase}" for phase in phases.split()] for name in ("train", "dev")}
    return {
        name: drop_empty(chain.from_iterable(_records(corpus, part) for part in of))
        for name, of in (parts | {"test": ["test"]}).items()
    }


def _records(corpus: Path, part: str) -> Iterator[Utterance | Dropped]:
    """The records of a part, its tables joined by id: they are not always equally long."""
    folder = corpus / TASK / part
    columns = {name: dict(read_pairs(folder / name)) for name in COLUMNS}
    recorded = set()
    for key, wav in read_pairs(folder / "wav.scp"):
        recorded.add(key)
        missing = [name for name, column in columns.items() if key not in column]
        if missing:
            yield Dropped(key, f"not in {missing[0]}", wav)
            continue
        text, speaker, subdialect = (columns[name][key] for name in COLUMNS)
        if subdialect not in VARIETIES:
            known = ", ".join(VARIETIES)
            raise DataError(
                f"{folder / 'utt2subdialect'}: a subdialect is one of {known}, got {subdialect!r} for {key}"
            )
        yield utterance(key, corpus / wav, text, speaker, VARIETIES[subdialect], text_cmn=text)
    yield from find_unknown_ids(columns, recorded, "not in wav.scp")

"""WenetSpeech: 10,005 h of Mandarin from YouTube and podcasts, labelled by captions and recognisers.

What: variety cmn; train is upstream's subset L (10,005 h), M (1,000 h) or S (100 h), which ``subset`` chooses, M unless
told otherwise; dev (20 h), test_net (23 h, from the web) and test_meeting (15 h, far-field meetings). Segments of long
recordings; the recording is the speaker. ``text`` is the transcript, ``text_cmn`` the same.
The table is read as a stream, but what it lists is held in memory while data is prepared, some 2 kB a segment, and
each segment becomes a file: L takes a large machine, and a file system that bears millions of files.
Overlap: no recording is in two sets; upstream does not promise the same of sentences, and some labels of test_net are
known to be wrong (https://github.com/wenet-e2e/WenetSpeech/issues/63).
Licence: CC BY 4.0 of the annotations, not for commercial use; the audio belongs to its makers.
Where to get it: https://wenet-e2e.github.io/WenetSpeech: a form brings the password, the script
``utils/download_wenetspeech.sh`` of https://github.com/wenet-e2e/WenetSpeech the data. The corpus root is the folder
that holds ``WenetSpeech.json`` and ``audio/{train,dev,test_net,test_meeting}/**/*.opus``.
Citation: Zhang et al. 2022, WenetSpeech: a 10000+ hours multi-domain Mandarin corpus for speech recognition, ICASSP,
arXiv 2110.03370.
"""

from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, find_home, parse_times, utterance
from fangyan.corpora.common.streams import rows
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError, known_names

TABLE = "WenetSpeech.json"
SUBSETS = ("L", "M", "S")
SETS = {"dev": "DEV", "test_net": "TEST_NET", "test_meeting": "TEST_MEETING"}
"""Ours -> upstream's subset."""
OF_RECORDING = ("aid", "path", "segments")
OF_SEGMENT = ("sid", "begin_time", "end_time", "text", "subsets")


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, subset: str = "M"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev, test_net and test_meeting in the order of the table.

    ``subset``: to train on, L, M or S.
    """
    if subset not in SUBSETS:
        raise UserError(f"corpus wenetspeech: no subset {subset!r}: {known_names(subset, SUBSETS)}")
    folder = find_home("wenetspeech", root, "", TABLE)
    wanted = {"train": subset} | SETS
    sets: dict[str, list[Utterance]] = {name: [] for name in wanted}
    for where, recording in rows(folder / TABLE, "audios"):
        _check(where, recording, OF_RECORDING)
        for n, segment in enumerate(recording["segments"], 1):
            _check(place := f"{where}: segment {n}", segment, OF_SEGMENT)
            for name, of in wanted.items():
                if of in segment["subsets"]:
                    sets[name].append(_utterance(place, folder, recording, segment))
    return {name: drop_empty(records) for name, records in sets.items()}


def _check(where: str, found: dict, needed: tuple[str, ...]) -> None:
    if not set(needed) <= set(found):
        raise DataError(f"{where}: expected the keys {' '.join(needed)}, got {' '.join(found)[:90]}")


def _utterance(where: str, folder: Path, recording: dict, segment: dict) -> Utterance:
    return utterance(
        key=segment["sid"],
        wav=folder / recording["path"],
        text=segment["text"],
        speaker=recording["aid"],
        variety="cmn",
        text_cmn=segment["text"],
        **parse_times(where, segment["begin_time"], segment["end_time"]),
    )

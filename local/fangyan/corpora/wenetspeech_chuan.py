"""WenetSpeech-Chuan: 10,000 h of Sichuan and Chongqing speech from the web, transcribed by several recognisers.

What: variety cmn-southwestern; test_easy (8.55 h, mostly read) and test_hard (1.15 h, short videos and drama) are
WSC-Eval-ASR, annotated by people; train is what the user has collected of the corpus, dev each 200th recording of it.
``text`` is the dialect's wording, and there is no other; ``*`` in it is what nobody understood. The recording a clip
was cut from is the speaker. ``confidence=0.9`` takes only clips whose transcript is that sure. All of it is held in
memory while data is prepared, some 2 kB a clip listed.
Overlap: train has no recording and no sentence of dev or the test sets; what is left out for it is listed.
Licence: Apache-2.0 of tables and annotations; the audio is the web's.
Where to get it: ``hf download ASLP-lab/WSC-Eval --repo-type dataset --local-dir ROOT/WSC-Eval`` has
``WSC-Eval-ASR/{Easy,Hard}/text`` with the recordings beside it (unpack what is packed). The same with
``ASLP-lab/WSC-Train`` has the table ``wsc_metadata.jsonl`` (an older edition: ``audio_labels/*.jsonl``) alone: the
audio each user collects, or asks the authors for, goes anywhere below ``ROOT/WSC-Train``, as clips
(``013165482320_dwM1G_56_5920.wav``). The corpus root is ``ROOT``; one of the folders will do.
Citation: Dai et al. 2025, WenetSpeech-Chuan: a large-scale Sichuanese corpus with rich annotation for dialectal speech
processing, arXiv 2509.18004.
"""

from pathlib import Path

from fangyan.corpora.common.clips import parts, read_training_sets, recording_of, tables
from fangyan.corpora.common.layouts import (
    drop_empty,
    find_home,
    find_recordings,
    match_transcripts,
    read_pairs,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance

TRAIN, EVAL = "WSC-Train", "WSC-Eval"
LABELS = "audio_labels"
VARIETY = "cmn-southwestern"
TESTS = ("Easy", "Hard")


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, confidence: str = "0"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev, test_easy and test_hard: of the folders that are there.

    ``confidence``: of a transcript in train and dev, from 0 to 1, at least.
    """
    folders = parts("wenetspeech_chuan", root, (TRAIN, EVAL))
    tests = _tests(folders[EVAL]) if EVAL in folders else {}
    if TRAIN not in folders:
        return tests
    labels = folders[TRAIN] / LABELS
    files = tables(labels if labels.is_dir() else folders[TRAIN])
    held_out = [record for records in tests.values() for record in records]
    return read_training_sets(files, folders[TRAIN], VARIETY, held_out, confidence) | tests


def _tests(folder: Path) -> dict[str, list[Utterance | Dropped]]:
    """The sets that people annotated; upstream's ``wav.scp`` names places of its own and is not read."""
    asr = find_home("wenetspeech_chuan", folder, "WSC-Eval-ASR", "Easy/text")
    return {
        f"test_{name.lower()}": drop_empty(
            match_transcripts(read_pairs(asr / name / "text"), find_recordings(asr / name), _utterance)
        )
        for name in TESTS
    }


def _utterance(key: str, text: str, wav: str) -> Utterance:
    return utterance(key, wav, text, recording_of(key), VARIETY)

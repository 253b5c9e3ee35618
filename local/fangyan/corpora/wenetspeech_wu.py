"""WenetSpeech-Wu: 8,000 h of Wu from the web in eight sub-dialects, with transcripts and Mandarin translations.

What: variety wuu; test_asr (9.75 h, 4,851 clips of Shanghai and Suzhou, some mixed with Mandarin) and test_ast (4.4 h,
some 3,000 clips) are WenetSpeech-Wu-Bench, annotated by people. ``text`` of test_asr is Wu; upstream has no translation
of these clips as a whole. test_ast has ``text_cmn`` alone, the Mandarin translation (--target text_cmn). In train and
dev, each 200th recording, ``text`` is Wu and ``text_cmn`` Mandarin; clips without translation are left out. The
recording a clip was cut from is the speaker; ``confidence=0.9`` takes only clips whose transcript is that sure. All of
it is held in memory while data is prepared, some 2 kB a clip listed.
Overlap: train has no recording and no sentence of dev or the test sets; test_ast is cut from recordings of test_asr.
Licence: Apache-2.0 of tables and annotations; the audio of train is the web's.
Where to get it: ``hf download ASLP-lab/WenetSpeech-Wu-Bench --repo-type dataset --local-dir ROOT/WenetSpeech-Wu-Bench``
has ``understanding/{asr,ast}.parquet``; the recordings in them are unpacked once, to ``downloads/wenetspeech_wu`` of
the working directory. Of ``ASLP-lab/WenetSpeech-Wu`` no tables were public when this was written: they are expected to
be like those of WenetSpeech-Yue and -Chuan with a column ``translation``; audio goes anywhere below
``ROOT/WenetSpeech-Wu``, as clips under their names. The corpus root is ``ROOT``; one of the folders will do.
Citation: Wang et al. 2026, WenetSpeech-Wu: datasets, benchmarks, and models for a unified Chinese Wu dialect speech
processing ecosystem, arXiv 2601.11027.
"""

from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.clips import parts, read_training_sets, recording_of, tables
from fangyan.corpora.common.layouts import drop_empty, list_names, utterance
from fangyan.corpora.common.streams import cell_recording, cell_text, rows
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.text import has_words
from fangyan.errors import DataError
from fangyan.files import fingerprint

TRAIN, EVAL = "WenetSpeech-Wu", "WenetSpeech-Wu-Bench"
VARIETY = "wuu"
COLUMNS = ("utt_id", "label", "audio")
DOWNLOADS = Path("downloads") / "wenetspeech_wu"


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, confidence: str = "0"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev, test_asr and test_ast: of the folders and tables that are there.

    ``confidence``: of a transcript in train and dev, from 0 to 1, at least.
    """
    folders = parts("wenetspeech_wu", root, (TRAIN, EVAL))
    tests = _tests(folders[EVAL] / "understanding") if EVAL in folders else {}
    if TRAIN not in folders:
        return tests
    held_out = [record for records in tests.values() for record in records]
    train = read_training_sets(
        tables(folders[TRAIN]), folders[TRAIN], VARIETY, held_out, confidence, translated=True
    )
    return train | tests


def _tests(folder: Path) -> dict[str, list[Utterance | Dropped]]:
    there = {name: folder / f"{name}.parquet" for name in ("asr", "ast")}
    sets = {f"test_{name}": _records(table) for name, table in there.items() if table.exists()}
    if not sets:
        raise DataError(f"{folder}: expected asr.parquet or ast.parquet, found {list_names(folder)}")
    return sets


def _records(table: Path) -> list[Utterance | Dropped]:
    """The records of a table; what its labels are, its name says. Translations are clips of their own: ``-ast``."""
    if table.stem == "asr":
        return drop_empty(
            utterance(key, wav, label, recording_of(key), VARIETY) for key, label, wav in _clips(table)
        )
    return [
        utterance(f"{key}-ast", wav, "", recording_of(key), VARIETY, text_cmn=label)
        if has_words(label)
        else Dropped(f"{key}-ast", "no Mandarin wording", label)
        for key, label, wav in _clips(table)
    ]


def _clips(table: Path) -> Iterator[tuple[str, str, Path]]:
    """Clip, label and recording of each row; the recording is unpacked unless it is there."""
    home = DOWNLOADS / f"{table.stem}-{fingerprint(table)[:16]}"
    for where, row in rows(table):
        if not set(COLUMNS) <= set(row):
            raise DataError(
                f"{where}: the columns are {' '.join(COLUMNS)}, got {' '.join(row)}: upstream has changed"
            )
        key = Path(cell_text(where, row, "utt_id")).stem
        wav = cell_recording(where, row["audio"], table.parent, home / key)
        yield key, cell_text(where, row, "label"), wav or table.parent / f"{key}.wav"

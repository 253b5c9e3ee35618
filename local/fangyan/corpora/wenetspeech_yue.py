"""WenetSpeech-Yue: 21,800 h of Cantonese from the web, transcribed by several recognisers that voted.

What: variety yue; test_short (9.46 h) and test_long (1.97 h) are WSYue-ASR-eval, annotated by people; train is what the
user has collected of the corpus, dev each 200th recording of it. ``text`` is Cantonese in simplified script; there is
no Mandarin wording. Speakers are not told apart across recordings: the recording a clip was cut from is the speaker.
``confidence=0.9`` takes only clips whose transcript is that sure. All of it is held in memory while data is prepared,
some 2 kB a clip listed.
Overlap: train has no recording and no sentence of dev or the test sets; what is left out for it is listed.
Licence: of the corpus as its repository on the Hub says; CC BY-NC 4.0 of WSYue-ASR-eval.
Where to get it: ``hf download ASLP-lab/WSYue-ASR-eval --repo-type dataset --local-dir ROOT/WSYue-ASR-eval``, then
unpack each ``*.tar.gz`` where it lies: ``Short/content.txt`` and ``Long/TextGrid/*.TextGrid`` with recordings beside
them. The same with ``ASLP-lab/WenetSpeech-Yue`` gives tables alone: they name web pages, and the audio each user
collects goes anywhere below ``ROOT/WenetSpeech-Yue``, as clips (``gd0027722_620270_624350.wav``) or as recordings
(``gd0027722.mp3``). The corpus root is ``ROOT``; one of the folders will do.
Citation: Li et al. 2025, WenetSpeech-Yue: a large-scale Cantonese speech corpus with multi-dimensional annotation,
arXiv 2509.03959.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fangyan.corpora.common.clips import parts, read_training_sets, recording_of, tables
from fangyan.corpora.common.layouts import (
    drop_empty,
    find_recordings,
    match_transcripts,
    read_lines,
    utterance,
)
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError
from fangyan.files import read_text

TRAIN, EVAL = "WenetSpeech-Yue", "WSYue-ASR-eval"
VARIETY = "yue"
COLUMNS = "file, age, emotion, gender, text"
TIER = "文本"
TIER_NAME = re.compile(r'^\s*name = "(.*)"\s*$', re.MULTILINE)
TEXT = re.compile(r'^\s*text = "(.*)"\s*$', re.MULTILINE)


def splits(
    root: Path | None, jobs: int = 1, limit: int = 0, *, confidence: str = "0"
) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev, test_short and test_long: of the folders that are there.

    ``confidence``: of a transcript in train and dev, from 0 to 1, at least.
    """
    folders = parts("wenetspeech_yue", root, (TRAIN, EVAL))
    tests = _tests(folders[EVAL]) if EVAL in folders else {}
    if TRAIN not in folders:
        return tests
    held_out = [record for records in tests.values() for record in records]
    return read_training_sets(tables(folders[TRAIN]), folders[TRAIN], VARIETY, held_out, confidence) | tests


def _tests(folder: Path) -> dict[str, list[Utterance | Dropped]]:
    said = {"Short": list(_short(folder / "Short" / "content.txt")), "Long": list(_long(folder / "Long"))}
    return {
        f"test_{name.lower()}": drop_empty(
            match_transcripts(texts, find_recordings(folder / name), _utterance)
        )
        for name, texts in said.items()
    }


def _short(content: Path) -> Iterator[tuple[str, str]]:
    """Clip and text of each line."""
    for where, line in read_lines(content):
        cells = line.split("\t", 4)
        if len(cells) < 5:
            raise DataError(f"{where}: a line is {COLUMNS}, parted by tabs, got {line[:60]!r}")
        yield Path(cells[0]).stem, cells[4]


def _long(folder: Path) -> Iterator[tuple[str, str]]:
    """Clip and text of each TextGrid: what the intervals of the tier 文本 say."""
    grids = sorted(folder.rglob("[!.]*.TextGrid"))
    if not grids:
        raise DataError(f"{folder}: expected *.TextGrid, found none: unpack TextGrid.tar.gz where it lies")
    for grid in grids:
        before, *tiers = TIER_NAME.split(read_text(grid).replace("\r", ""))
        said = dict(zip(tiers[::2], tiers[1::2], strict=True))
        if TIER not in said:
            raise DataError(f"{grid}: expected a tier {TIER}, got {' '.join(said) or before[:60]!r}")
        yield grid.stem, "".join(text.replace('""', '"') for text in TEXT.findall(said[TIER]))


def _utterance(key: str, text: str, wav: str) -> Utterance:
    return utterance(key, wav, text, recording_of(key), VARIETY)

"""HAT-Vol2: Taiwanese Hakka of Dapu and Zhao'an, read and from the media, the data of FSR-2025.

What: varieties hak-dapu (大埔) and hak-zhaoan (詔安); train, some 60 h, 16 kHz; test_recorded (some 8 h, read) and
test_media (some 2 h, broadcast) are the warm-up of the challenge. ``text`` is Hakka in Han characters (客語漢字),
``text_cmn`` the Mandarin wording (中文) where all of a set have it. Rows whose remark gives the right reading
(正確讀音) were misread and are left out; ``*`` marks a syllable that was run together and is taken out.
A file is named after speaker, card and number: DF101K2001_001 was read by DF101. Dev is ours: the last speaker of each
group (DF, DM, ZF, ZM: place and sex) in code point order.
Overlap: none: train has no speaker and no sentence of dev or the test sets. Cards were read by several people, so this
costs train what they have in common with those; it is listed.
Licence: signed; not for commercial use, no redistribution.
Where to get it: https://sites.google.com/nycu.edu.tw/fsw/home/challenge-2025, by application. The corpus root is the
folder that holds ``HAT-Vol2`` (``訓練_*_edit.csv``, ``訓練_大埔腔30H``, ``訓練_詔安腔30H``),
``FSR-2025-Hakka-evaluation`` and ``FSR-2025-Hakka-evaluation-key`` (``熱身賽_*_edit.csv``), or ``HAT-Vol2`` alone.
Citation: Formosa speech recognition challenge 2025, Hakka ASR II, National Yang Ming Chiao Tung University.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    find_recordings,
    list_names,
    split_by_speaker,
    utterance,
)
from fangyan.corpora.common.streams import rows
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

SETS = {"訓練": "train", "熱身賽_錄製語料": "test_recorded", "熱身賽_媒體語料": "test_media"}
"""How the name of a table begins -> set."""
PLACES = {"大埔": "hak-dapu", "詔安": "hak-zhaoan"}
"""What the name of a table has in it -> variety."""
TABLES = "*_edit.csv"
FILE, TEXT, MANDARIN, REMARK = "檔名", "客語漢字", "中文", "備註"
MISREAD = "正確讀音"
SPEAKER = re.compile(r"[DZ][FM]\d+")
"""Group and number, before the card."""


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of train, dev, test_recorded and test_media, those that are there, table by table."""
    if root is None:
        raise UserError("corpus hakka: say where HAT-Vol2 lies with --corpus_dir DIR")
    tables = sorted([*root.glob(TABLES), *root.glob(f"*/{TABLES}")])
    if not tables:
        raise DataError(
            f"{root}: expected tables such as 訓練_DF_大埔腔_女_edit.csv, found {list_names(root)}"
        )
    wavs = find_recordings(root)
    sets: dict[str, list[Utterance | Dropped]] = {name: [] for name in SETS.values()}
    for path in tables:
        sets[_of(path, SETS)] += _records(path, _of(path, PLACES), wavs)
    said = {record.id for records in sets.values() for record in records}
    for key in sorted(wavs.keys() - said):
        name = next((name for part, name in SETS.items() if part in wavs[key]), "train")
        sets[name].append(Dropped(key, "no transcript", wavs[key]))
    tests = {name: drop_empty(records) for name, records in sets.items() if name != "train" and records}
    return _divided(drop_empty(sets["train"]), [r for records in tests.values() for r in records]) | tests


def _of(path: Path, names: Mapping[str, str]) -> str:
    """What the name of a table says."""
    known = [value for part, value in names.items() if part in path.name]
    if len(known) != 1:
        raise DataError(f"{path}: the name of a table has one of {' '.join(names)} in it")
    return known[0]


def _records(path: Path, variety: str, wavs: Mapping[str, str]) -> Iterator[Utterance | Dropped]:
    for where, row in rows(path):
        if not {FILE, TEXT} <= set(row):
            raise DataError(f"{where}: expected the columns {FILE} {TEXT}, got {' '.join(row)[:90]}")
        key, text = Path(str(row[FILE])).stem, str(row[TEXT])
        if key not in wavs:
            yield Dropped(key, "missing recording", text)
        elif MISREAD in str(row.get(REMARK, "")):
            yield Dropped(key, "misread", str(row[REMARK]))
        else:
            named = SPEAKER.match(key)
            speaker = named[0] if named else key.rpartition("_")[0] or key
            mandarin = str(row.get(MANDARIN, ""))
            yield utterance(key, wavs[key], text.replace("*", ""), speaker, variety, mandarin)


def _divided(
    records: list[Utterance | Dropped], held_out: list[Utterance | Dropped]
) -> dict[str, list[Utterance | Dropped]]:
    """Train and dev: the last speaker of each group, so that as few cards as can be are lost to train."""
    speakers = sorted({record.speaker for record in records if isinstance(record, Utterance)})
    chosen = {speaker[:2]: speaker for speaker in speakers}.values()
    return split_by_speaker(records, chosen, held_out)

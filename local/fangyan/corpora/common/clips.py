"""Clips of recordings from the web, as the tables of WenetSpeech-Yue, -Chuan and -Wu list them.

The tables changed more than once, so each field is known by the names it has had. The audio is not part of them: each
user collects it. A clip is a file named after it, or is cut from a file named after its recording.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from fangyan.corpora.common.layouts import (
    drop_empty,
    drop_untranscribed,
    find_recordings,
    list_names,
    parse_times,
    split_by_speaker,
    utterance,
)
from fangyan.corpora.common.streams import READERS, Row, cell_text, rows
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import number

NAMES = {
    "clip": ("key", "utt", "wav_utt_id_timestamp", "utt_id"),
    "text": ("rover_result", "text"),
    "text_cmn": ("translation", "mandarin"),
    "confidence": ("confidence",),
}
"""Field -> what upstream has called it."""
NEEDED = ("clip", "text")
TIMES = ("time_stamp", "timestamp")
"""Where a clip lies in its recording, start and end in seconds, ``1.0_2.5``; lists under these names are others."""
CUT = re.compile(r"(?:_\d+_\d+)?(?:_seg\d*)*$")
"""What the name of a clip has after that of its recording."""
AUDIO = (".wav", ".flac", ".mp3", ".opus", ".ogg")
HELD_OUT = 200
"""Each so many-th recording is dev."""


def parts(corpus: str, root: Path | None, expected: Sequence[str]) -> dict[str, Path]:
    """The folders of ``expected`` that lie in ``root``, by name: the data sets of the Hub that the user has."""
    if root is None:
        raise UserError(f"corpus {corpus}: say where {' and '.join(expected)} lie with --corpus_dir DIR")
    found = {name: root / name for name in expected if (root / name).is_dir()}
    if not found:
        raise DataError(f"{root}: expected {' or '.join(expected)} in it, found {list_names(root)}")
    return found


def tables(folder: Path) -> list[Path]:
    """The tables in a folder by name; `DataError` where there is none."""
    found = sorted(path for path in folder.glob("[!.]*") if path.suffix in READERS)
    if not found:
        raise DataError(f"{folder}: expected a table ({' '.join(READERS)}), found {list_names(folder)}")
    return found


def read_training_sets(
    files: Sequence[Path],
    folder: Path,
    variety: str,
    held_out: Iterable[Utterance | Dropped],
    confidence: str = "0",
    translated: bool = False,
) -> dict[str, list[Utterance | Dropped]]:
    """Train and dev out of tables, the audio being anywhere below ``folder``.

    Each 200th recording in code point order is dev, the first one at least; train has no recording and no sentence of
    dev or ``held_out``, and clips surer than ``confidence`` alone. ``translated``: those with Mandarin wording alone.
    Audio that no table names is left out by name, of train.
    """
    surest = _number(confidence)
    wavs = find_recordings(folder, AUDIO)
    listed = chain.from_iterable(map(rows, files))
    records = drop_empty(_clip(where, row, wavs, variety, surest, translated) for where, row in listed)
    records += drop_untranscribed(
        wavs, {name for record in records for name in (record.id, recording_of(record.id))}
    )
    chosen = set(sorted({r.speaker for r in records if isinstance(r, Utterance)})[::HELD_OUT])
    return split_by_speaker(records, chosen, held_out)


def _clip(
    where: str, row: Row, wavs: Mapping[str, str], variety: str, confidence: float, translated: bool
) -> Utterance | Dropped:
    """The clip of a row, or why it is left out."""
    fields = {field: _value(where, row, names) for field, names in NAMES.items()}
    missing = [" or ".join(NAMES[field]) for field in NEEDED if fields[field] is None]
    if missing:
        raise DataError(
            f"{where}: expected a column {missing[0]}, got {' '.join(row)[:120]}: upstream has changed"
        )
    key, text, text_cmn = (fields[field] or "" for field in ("clip", "text", "text_cmn"))
    if confidence and _number(fields["confidence"] or "0", where) < confidence:
        return Dropped(key, "low confidence", fields["confidence"] or "none")
    if translated and not text_cmn:
        return Dropped(key, "no Mandarin wording", text)
    speaker = recording_of(key)
    if key in wavs:
        return utterance(key, wavs[key], text, speaker, variety, text_cmn)
    lies = next((row[name] for name in TIMES if isinstance(row.get(name), str) and row[name].strip()), "")
    if lies and speaker in wavs:
        start, _, end = lies.partition("_")
        segment = parse_times(where, start, end or "none")
        return utterance(key, wavs[speaker], text, speaker, variety, text_cmn, **segment)
    return Dropped(key, "missing recording", text)


def _value(where: str, row: Row, names: Sequence[str]) -> str | None:
    """What the first of the names that the row has says, '' for nothing; None where it has none of them."""
    return next((cell_text(where, row, name) for name in names if name in row), None)


def recording_of(clip: str) -> str:
    """The name of the recording a clip was cut from: ``gd0027722`` of ``gd0027722_620270_624350``."""
    return CUT.sub("", clip)


def _number(value: str, where: str = "confidence") -> float:
    try:
        return number(value)
    except ValueError:
        raise UserError(f"{where}: a confidence is a number from 0 to 1, got {value!r}") from None

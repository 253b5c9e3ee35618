"""Any existing Kaldi data directory: a user's own recordings.

What: ``root`` is one data directory (it becomes the set ``test``) or a folder of several (each becomes a set of its
name). ``wav.scp`` (plain paths), ``utt2lang`` (varieties) and ``utt2sent`` (utterances of one sentence are translations
of each other) are needed; ``text``, ``text_cmn``, ``utt2ipa``, ``utt2spk``, ``segments`` and ``lang2group`` (groups of
varieties) are used where they exist. Order, CR LF and empty lines are mended; an id that one table has and another
lacks is left out by name. Further columns (`data.columns`) are carried where all that is left has a value in them.
Relative paths are meant from the working directory, as in Kaldi.
Licence: that of the recordings; they are read in place and only converted where they are not 16 kHz mono.
Where to get it: it is yours. Citation: none.
"""

from collections.abc import Mapping
from pathlib import Path

from fangyan.corpora.common.layouts import find_unknown_ids, list_names, parse_times, utterance_names
from fangyan.data import audio
from fangyan.data.checks import needed
from fangyan.data.columns import GROUPS, Columns, read_all
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.entries import entries, read_map
from fangyan.data.names import plain_path
from fangyan.errors import DataError, UserError, shown

FIELDS = {
    "utt2lang": "variety",
    "utt2sent": "sentence",
    "utt2spk": "speaker",
    "text": "text",
    "text_cmn": "text_cmn",
    "utt2ipa": "ipa",
}
NEEDED = ("utt2lang", "utt2sent")

type Piece = tuple[str, dict[str, float | None]]
"""A file, and the start and end of a segment of it (`corpora.common.layouts.parse_times`)."""


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of each data directory under ``root`` by set name."""
    return {name: utterances(folder) for name, folder in _folders(root).items()}


def groups(root: Path | None) -> dict[str, str]:
    """Variety -> its group, where data directories under ``root`` say so in ``lang2group``; all say the same."""
    said: dict[str, str] = {}
    for table in (folder / GROUPS for folder in _folders(root).values()):
        for n, variety, group in entries(table, strict=False) if table.exists() else ():
            if not group or said.setdefault(variety, group) != group:
                both = f"{group!r} and {said.get(variety, '')!r}"
                raise DataError(f"{table}:{n}: a variety has one group, got {both} of {shown(variety)}")
    return said


def columns(root: Path | None) -> dict[str, Columns]:
    """The further columns of each data directory under ``root`` by set name."""
    return {name: read_all(folder, _ids(folder)) for name, folder in _folders(root).items()}


def _ids(folder: Path) -> dict[str, str]:
    """The ids of the utterances of a data directory, as they are."""
    segments = folder / "segments"
    return read_map(segments if segments.exists() else folder / "wav.scp", strict=False)


def _folders(root: Path | None) -> dict[str, Path]:
    """The data directories under ``root`` by set name."""
    if root is None:
        raise UserError("corpus kaldi: say where the data directory lies with --corpus_dir DIR")
    if (root / "wav.scp").exists():
        return {"test": root}
    folders = sorted(file.parent for file in root.glob("*/wav.scp"))
    if not folders:
        raise DataError(f"{root}: expected wav.scp in it or in its subfolders, found {list_names(root)}")
    return {folder.name: folder for folder in folders}


def utterances(folder: Path, complete: bool = True) -> list[Utterance | Dropped]:
    """The utterances of a data directory, whole recordings or those of ``segments``, its tables joined by id.

    An id that one table has and another lacks is left out by name. ``complete``: so is what has no value in a table
    that is there, and `NEEDED` tables are; else only ``wav.scp`` is needed, and a gap is empty.
    """
    for name in NEEDED if complete else ():
        needed(folder, name)
    recordings = read_map(folder / "wav.scp", strict=False)
    for n, _, wav in entries(folder / "wav.scp", strict=False):
        plain_path(f"{folder / 'wav.scp'}:{n}", wav)
    _check_channels(folder / "reco2file_and_channel", recordings)
    pieces, lost = _pieces(folder, recordings)
    tables = {name: read_map(folder / name, strict=False) for name in FIELDS if (folder / name).exists()}
    found = [_utterance(key, piece, tables, complete) for key, piece in pieces.items()]
    known = pieces.keys() | {record.id for record in lost}
    where = "no segment" if (folder / "segments").exists() else "not in wav.scp"
    return [*found, *lost, *find_unknown_ids(tables, known, where)]


def _check_channels(table: Path, recordings: Mapping[str, str]) -> None:
    """Raises a `DataError` where recordings are channels of one file, which would be mixed."""
    for n, key, value in entries(table, strict=False) if table.exists() else ():
        try:
            channels = audio.probe(recordings.get(key, "")).channels
        except DataError:  # to be left out by name
            continue
        if channels > 1:
            wav = recordings[key]
            raise DataError(
                f"{table}:{n}: a recording is a file of one channel here, got {value!r} of {channels} in {wav}: write "
                "each channel to a file of its own (sox IN OUT remix 1), name these in wav.scp, remove this table"
            )


def _utterance(
    key: str, piece: Piece, tables: Mapping[str, Mapping[str, str]], complete: bool
) -> Utterance | Dropped:
    """The utterance with its values of all tables, or what it lacks."""
    wav, span = piece
    if not wav:
        return Dropped(key, "no path in wav.scp")
    for name, column in tables.items() if complete else ():
        if not column.get(key):
            empty = "empty transcript" if name == "text" else f"no value in {name}"
            return Dropped(key, empty if key in column else f"not in {name}", wav)
    values = {field: tables.get(name, {}).get(key, "") for name, field in FIELDS.items()}
    return Utterance(wav=wav, **span, **values | utterance_names(key, values["speaker"] or key))


def _pieces(folder: Path, recordings: Mapping[str, str]) -> tuple[dict[str, Piece], list[Dropped]]:
    """Utterance id -> its piece: whole recordings, or those of ``segments``; and what one has and the other lacks."""
    if not (folder / "segments").exists():
        return {key: (wav, {}) for key, wav in recordings.items()}, []
    pieces: dict[str, Piece] = {}
    lost: list[Dropped] = []
    used = set()
    segments = folder / "segments"
    for n, key, value in entries(segments, strict=False):
        where = f"{segments}:{n}"
        cells = value.split()
        if len(cells) != 3:
            raise DataError(f"{where}: a line is 'utterance recording start end', got {key} {value}")
        recording, *of = cells
        used.add(recording)
        if recording in recordings:
            pieces[key] = (recordings[recording], parse_times(where, *of))
        else:
            lost.append(Dropped(key, "not in wav.scp", recording))
    unused = [
        Dropped(key, "recording without a segment", wav) for key, wav in recordings.items() if key not in used
    ]
    return pieces, lost + unused

"""Any existing Kaldi data directory: a user's own recordings.

What: ``root`` is one data directory (it becomes the set ``test``) or a folder of several (each becomes a set of its
name). ``wav.scp`` (plain paths), ``utt2lang`` (varieties) and ``utt2sent`` (utterances of one sentence are translations
of each other) are needed; ``text``, ``text_cmn``, ``utt2ipa``, ``utt2spk`` and ``segments`` are used where they exist.
Order, CR LF and empty lines are mended; an id that one table has and another lacks is left out by name. Relative paths
are meant from the working directory, as in Kaldi.
Licence: that of the recordings; they are read in place and only converted where they are not 16 kHz mono.
Where to get it: it is yours. Citation: none.
"""

from collections.abc import Mapping
from pathlib import Path

from fangyan.datadir import Dropped, Utterance, plain_path, read_map
from fangyan.errors import DataError, UserError
from fangyan.layouts import unmatched

FIELDS = {
    "utt2lang": "variety",
    "utt2sent": "sentence",
    "utt2spk": "speaker",
    "text": "text",
    "text_cmn": "text_cmn",
    "utt2ipa": "ipa",
}
NEEDED = ("utt2lang", "utt2sent")

type Piece = tuple[str, float, float | None]
"""File, start and end in seconds."""


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of each data directory under ``root`` by set name."""
    if root is None:
        raise UserError("corpus kaldi: say where the data directory lies with --corpus_dir DIR")
    if (root / "wav.scp").exists():
        return {"test": utterances(root)}
    folders = sorted(file.parent for file in root.glob("*/wav.scp"))
    if not folders:
        raise DataError(f"{root}: expected wav.scp in it or in its subfolders, found none")
    return {folder.name: utterances(folder) for folder in folders}


def utterances(folder: Path, complete: bool = True) -> list[Utterance | Dropped]:
    """The utterances of a data directory, whole recordings or those of ``segments``, its tables joined by id.

    An id that one table has and another lacks is left out by name. ``complete``: so is what has no value in a table
    that is there, and `NEEDED` tables are; else only ``wav.scp`` is needed, and a gap is empty.
    """
    recordings = read_map(folder / "wav.scp", strict=False)
    for n, wav in enumerate(recordings.values(), 1):
        plain_path(f"{folder / 'wav.scp'}:{n}", wav)
    pieces, lost = _pieces(folder, recordings)
    tables = {
        name: read_map(folder / name, strict=False)
        for name in FIELDS
        if (complete and name in NEEDED) or (folder / name).exists()
    }
    found = [_utterance(key, piece, tables, complete) for key, piece in pieces.items()]
    known = pieces.keys() | {record.id for record in lost}
    where = "no segment" if (folder / "segments").exists() else "not in wav.scp"
    return [*found, *lost, *unmatched(tables, known, where)]


def _utterance(
    key: str, piece: Piece, tables: Mapping[str, Mapping[str, str]], complete: bool
) -> Utterance | Dropped:
    """The utterance with its values of all tables, or what it lacks."""
    wav, start, end = piece
    if not wav:
        return Dropped(key, "no path in wav.scp")
    for name, column in tables.items() if complete else ():
        if not column.get(key):
            empty = "empty transcript" if name == "text" else f"no value in {name}"
            return Dropped(key, empty if key in column else f"not in {name}", wav)
    values = {field: tables.get(name, {}).get(key, "") for name, field in FIELDS.items()}
    speaker = values["speaker"] or key
    name = key if key.startswith(speaker) else f"{speaker}-{key}"
    return Utterance(id=name, wav=wav, start=start, end=end, **values | {"speaker": speaker})


def _pieces(folder: Path, recordings: Mapping[str, str]) -> tuple[dict[str, Piece], list[Dropped]]:
    """Utterance id -> its piece: whole recordings, or those of ``segments``; and what one has and the other lacks."""
    if not (folder / "segments").exists():
        return {key: (wav, 0.0, None) for key, wav in recordings.items()}, []
    pieces: dict[str, Piece] = {}
    lost: list[Dropped] = []
    used = set()
    for n, (key, value) in enumerate(read_map(folder / "segments", strict=False).items(), 1):
        where = f"{folder / 'segments'}:{n}"
        try:
            recording, start, end = value.split()
            piece = (float(start), float(end))
        except ValueError:
            raise DataError(
                f"{where}: a line is 'utterance recording start end', got {key} {value}"
            ) from None
        used.add(recording)
        if recording in recordings:
            pieces[key] = (recordings[recording], *piece)
        else:
            lost.append(Dropped(key, "not in wav.scp", recording))
    unused = [
        Dropped(key, "recording without a segment", wav) for key, wav in recordings.items() if key not in used
    ]
    return pieces, lost + unused

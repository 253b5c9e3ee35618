"""Any existing Kaldi data directory: a user's own recordings.

What: ``root`` is one data directory (it becomes the set ``test``) or a folder of several (each becomes a set of its
name). ``wav.scp`` (plain paths), ``utt2lang`` (varieties) and ``utt2sent`` (utterances of one sentence are translations
of each other) are needed; ``text``, ``text_cmn``, ``utt2ipa``, ``utt2spk`` and ``segments`` are used where they exist.
Order, CR LF and empty lines are mended; contradictions are refused. Relative paths are meant from the working
directory, as in Kaldi.
Licence: that of the recordings; they are read in place and only converted where they are not 16 kHz mono.
Where to get it: it is yours. Citation: none.
"""

from collections.abc import Sequence
from pathlib import Path

from fangyan.datadir import Dropped, Utterance, plain_path, read_map
from fangyan.errors import DataError, UserError

FIELDS = {
    "utt2lang": "variety",
    "utt2sent": "sentence",
    "text": "text",
    "text_cmn": "text_cmn",
    "utt2ipa": "ipa",
}
NEEDED = ("utt2lang", "utt2sent")


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


def utterances(folder: Path, needed: Sequence[str] = NEEDED) -> list[Utterance]:
    """The utterances of a data directory, whole recordings or those of ``segments``.

    `DataError` where a file that is ``needed`` is missing, or any does not know every utterance.
    """
    recordings = read_map(folder / "wav.scp", strict=False)
    for n, wav in enumerate(recordings.values(), 1):
        plain_path(f"{folder / 'wav.scp'}:{n}", wav)
    pieces = _pieces(folder, recordings)
    speakers = _column(folder / "utt2spk", pieces, needed=False)
    columns = {field: _column(folder / name, pieces, name in needed) for name, field in FIELDS.items()}
    found = []
    for key, (wav, start, end) in pieces.items():
        speaker = speakers.get(key, key)
        values = {field: column.get(key, "") for field, column in columns.items()}
        found.append(
            Utterance(
                id=key if key.startswith(speaker) else f"{speaker}-{key}",
                wav=wav,
                speaker=speaker,
                start=start,
                end=end,
                **values,
            )
        )
    return found


def _pieces(folder: Path, recordings: dict[str, str]) -> dict[str, tuple[str, float, float | None]]:
    """Utterance id -> (file, start, end): whole recordings, or those of ``segments``."""
    if not (folder / "segments").exists():
        return {key: (wav, 0.0, None) for key, wav in recordings.items()}
    pieces: dict[str, tuple[str, float, float | None]] = {}
    for n, (key, value) in enumerate(read_map(folder / "segments", strict=False).items(), 1):
        where = f"{folder / 'segments'}:{n}"
        try:
            recording, start, end = value.split()
            pieces[key] = (recordings[recording], float(start), float(end))
        except KeyError:
            raise DataError(f"{where}: the recording is one of wav.scp, got {value.split()[0]}") from None
        except ValueError:
            raise DataError(
                f"{where}: a line is 'utterance recording start end', got {key} {value}"
            ) from None
    return pieces


def _column(path: Path, pieces: dict, needed: bool) -> dict[str, str]:
    """The column of one file; where it is there or needed it must know every utterance."""
    if not needed and not path.exists():
        return {}
    column = read_map(path, strict=False)
    missing = [key for key in pieces if key not in column]
    if missing:
        raise DataError(
            f"{path}: a value for every utterance, got none for {missing[0]} and {len(missing) - 1} more"
        )
    return column

"""Any recordings listed in a table: a user's own, one line an utterance.

What: ``root`` is one table (it becomes the set ``test``) or a folder of several (each becomes a set of its name), as
``.tsv``, ``.csv`` (quoted), ``.jsonl``, ``.json`` or ``.parquet`` with named columns. ``audio`` (a path, from the
folder of the table unless absolute, or the recording itself as the Hub's Parquet has it, ``{bytes, path}``, which is
unpacked once, to ``downloads/manifest`` of the working directory) and ``variety`` (a code of conf/varieties.tsv, or any
other) are needed; used where they exist are ``text`` (the variety's wording), ``text_cmn`` (the Mandarin one), ``ipa``,
``sentence`` (utterances of one sentence are translations of each other), ``speaker``, ``id``, ``start`` and ``end``
(seconds; an end of -1 is that of the recording). Others are not.
Without ``sentence``, utterances of equal Mandarin wording are translations of each other; without that, within a
variety, utterances of equal wording. Without ``speaker`` each utterance is its own, without ``id`` it is named after
its set and line.
Licence: that of the recordings; they are read in place and only converted where they are not 16 kHz mono.
Where to get it: it is yours. Citation: none.
"""

from dataclasses import replace
from pathlib import Path

from fangyan.corpora.common.layouts import drop_empty, list_names, parse_times, utterance
from fangyan.corpora.common.streams import READERS, Row, cell_recording, cell_text, rows
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint

NEEDED = ("audio", "variety")
MEANING = ("sentence", "text", "text_cmn")
COLUMNS = ("variety", *MEANING, "ipa", "speaker", "id", "start", "end")
"""All but the recording."""
UNPACKED = Path("downloads") / "manifest"
"""Where the recordings go that a table holds, below the working directory."""


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of each table by set name, in its order."""
    if root is None:
        raise UserError("corpus manifest: say where the table lies with --corpus_dir DIR (or FILE)")
    if root.is_file():
        return {"test": _records(root, "test")}
    found = sorted(path for path in root.glob("[!.]*") if path.suffix in READERS)
    if not found:
        raise DataError(f"{root}: expected tables ({' '.join(READERS)}), found {list_names(root)}")
    sets = {path.stem: _records(path, path.stem) for path in found}
    if len(sets) < len(found):
        raise DataError(f"{root}: a set has one table, got {' '.join(path.name for path in found)}")
    return sets


def _records(path: Path, name: str) -> list[Utterance | Dropped]:
    """The utterances of a table; where it has transcripts, those without one are left out."""
    store = UNPACKED / f"{path.stem}-{fingerprint(path)[:16]}" if path.suffix == ".parquet" else UNPACKED
    records, written = [], False
    for n, (where, row) in enumerate(rows(path), 1):
        records.append(_utterance(where, row, path.parent, store / f"{n:07}", f"{name}-{n:07}"))
        written = written or "text" in row
    return drop_empty(records) if written else records


def _utterance(where: str, row: Row, folder: Path, store: Path, name: str) -> Utterance | Dropped:
    cells = {column: cell_text(where, row, column) for column in COLUMNS}
    there = cells | {"audio": row.get("audio", "") != ""}  # None: the row says that it has no recording
    missing = [column for column in NEEDED if not there[column]]
    if missing:
        columns = "" if missing[0] in row else f" (the columns are {' '.join(row)[:90]})"
        raise DataError(
            f"{where}: every utterance has {' and '.join(NEEDED)}, got none in {missing[0]}{columns}"
        )
    if not any(cells[column] for column in MEANING) and "text" not in row:
        raise DataError(f"{where}: every utterance has one of {' '.join(MEANING)}, got none of them")
    speaker = cells["speaker"] or cells["id"] or name
    key = cells["id"] or (f"{speaker}-{name}" if cells["speaker"] else name)
    wav = cell_recording(where, row["audio"], folder, store)
    if not wav:
        return Dropped(key, "missing recording", cells["text"])
    made = utterance(
        key=key,
        wav=wav,
        text=cells["text"],
        speaker=speaker,
        variety=cells["variety"],
        text_cmn=cells["text_cmn"],
        **parse_times(where, cells["start"], cells["end"]),
    )
    return replace(made, sentence="_".join(cells["sentence"].split()) or made.sentence, ipa=cells["ipa"])

"""Any recordings listed in a table: a user's own, one line an utterance.

What: ``root`` is one table (it becomes the set ``test``) or a folder of several (each becomes a set of its name), as
``.tsv``, ``.csv`` (quoted), ``.jsonl``, ``.json`` or ``.parquet`` with named columns. ``audio`` (a path, from the
folder of the table unless absolute) and ``variety`` (a code of conf/varieties.tsv, or any other) are needed; used where
they exist are ``text`` (the variety's wording), ``text_cmn`` (the Mandarin one), ``ipa``, ``sentence`` (utterances of
one sentence are translations of each other), ``speaker``, ``id``, ``start`` and ``end`` (seconds). Others are not.
Without ``sentence``, utterances of equal Mandarin wording are translations of each other; without that, within a
variety, utterances of equal wording. Without ``speaker`` each utterance is its own, without ``id`` it is named after
its set and line.
Licence: that of the recordings; they are read in place and only converted where they are not 16 kHz mono.
Where to get it: it is yours. Citation: none.
"""

from dataclasses import replace
from pathlib import Path

from fangyan.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.layouts import listing, times, utterance, weeded
from fangyan.streams import READERS, Row, rows

NEEDED = ("audio", "variety")
MEANING = ("sentence", "text", "text_cmn")


def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]:
    """The utterances of each table by set name, in its order."""
    if root is None:
        raise UserError("corpus manifest: say where the table lies with --corpus_dir DIR (or FILE)")
    if root.is_file():
        return {"test": _records(root, "test")}
    found = sorted(path for path in root.glob("[!.]*") if path.suffix in READERS)
    if not found:
        raise DataError(f"{root}: expected tables ({' '.join(READERS)}), found {listing(root)}")
    sets = {path.stem: _records(path, path.stem) for path in found}
    if len(sets) < len(found):
        raise DataError(f"{root}: a set has one table, got {' '.join(path.name for path in found)}")
    return sets


def _records(path: Path, name: str) -> list[Utterance | Dropped]:
    """The utterances of a table; where it has transcripts, those without one are left out."""
    listed = list(rows(path))
    records = [
        _utterance(where, row, path.parent, f"{name}-{n:07}") for n, (where, row) in enumerate(listed, 1)
    ]
    return weeded(records) if any("text" in row for _, row in listed) else records


def _utterance(where: str, row: Row, folder: Path, name: str) -> Utterance:
    cells = {column: str(cell).strip() for column, cell in row.items() if cell is not None}
    missing = [column for column in NEEDED if not cells.get(column)]
    if missing:
        raise DataError(f"{where}: every utterance has {' and '.join(NEEDED)}, got none in {missing[0]}")
    if not any(cells.get(column) for column in MEANING) and "text" not in cells:
        raise DataError(f"{where}: every utterance has one of {' '.join(MEANING)}, got none of them")
    speaker = cells.get("speaker") or cells.get("id") or name
    key = cells.get("id") or (f"{speaker}-{name}" if cells.get("speaker") else name)
    made = utterance(
        key=key,
        wav=folder / cells["audio"],
        text=cells.get("text", ""),
        speaker=speaker,
        variety=cells["variety"],
        text_cmn=cells.get("text_cmn", ""),
        **times(where, cells.get("start"), cells.get("end")),
    )
    sentence = "_".join(cells.get("sentence", "").split())
    return replace(made, sentence=sentence or made.sentence, ipa=cells.get("ipa", ""))

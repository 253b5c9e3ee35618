"""The columns of a data directory: its known tables, and any further table with a value for each utterance.

A further column is a file of ``id value`` lines (units ``text_km500``, weights ``utt2weight``) or an ``.scp``, whose
values are files or places in archives (teacher vectors ``teacher.scp``), with exactly the ids of the utterances. Who
needs one asks for it by name, and then it is read strictly. A file that nobody asks for is no error, whatever it holds:
Kaldi's tables by speaker or by recording, features of a subset, notes.
"""

import re
from collections.abc import Container, Mapping
from pathlib import Path

from fangyan.data.entries import check_ids, import_advice, line, locate_id, read_map
from fangyan.data.names import NOT_A_VALUE
from fangyan.errors import DataError, known_names, seen_from, shown
from fangyan.files import versions, write_lines

FILES = {
    "wav.scp": "wav",
    "utt2spk": "speaker",
    "utt2dur": "duration",
    "utt2lang": "variety",
    "utt2sent": "sentence",
    "text": "text",
    "text_cmn": "text_cmn",
    "utt2ipa": "ipa",
}
"""The known tables of a data directory -> what an utterance has of them."""
GROUPS = "lang2group"
CORPORA, CORPUS_WEIGHTS = "utt2corpus", "corpus2weight"
"""What a mixture has: the part of each utterance, and the weight of each part where they differ."""
NO_COLUMNS = frozenset((*FILES, GROUPS, "spk2utt", CORPORA, CORPUS_WEIGHTS))
NO_COLUMNS |= {"segments", "reco2file_and_channel", "reco2dur", "spk2gender", "cmvn.scp", "stm", "glm"}
"""Files that mean something of their own, here or in Kaldi, also where their ids are those of the utterances."""
STAMPS = ".units"
"""The folder of a data directory with the stamps of columns that a verb made of its recordings or texts, by name."""
type Columns = dict[str, dict[str, str]]
"""Name of a column -> id of an utterance -> value."""
SCP = ".scp"
HEAD = 1 << 16
"""Bytes of a file that tell whether it is a table by utterance."""
PIPE = re.compile(r"^\||\|\Z|^-\Z")
PLACE = re.compile(r"(:\d+)?(\[[\d:,]*\])?\Z")
"""What Kaldi writes after a file: an offset, a range of rows and columns."""


def columns(path: Path, ids: Container[str] | None = None) -> dict[str, Path]:
    """The further columns of a data directory, name -> file: tables that begin with the id of an utterance.

    ``ids``: those of the utterances, by default as the directory has them. `read_column` tells whether a column has a
    value for each of them.
    """
    ids = read_map(reference(path)) if ids is None else ids
    files = (file for file in sorted(path.glob("[!.]*")) if file.name not in NO_COLUMNS and file.is_file())
    return {file.name: file for file in files if _first_id(file) in ids}


def read_column(path: Path, name: str) -> dict[str, str]:
    """The values of a column by utterance id, in their order; a known table is one as well.

    `DataError` where there is no such column, with those that there are; where a line is malformed, as one of an
    ``.scp`` with a pipe; and where it has other ids than the utterances.
    """
    file = column(path, name)
    values, ids = read_map(file), read_map(reference(path))
    check_ids(reference(path), ids, file, values, import_advice(path))
    if file.suffix == SCP and name not in FILES:
        _files(file, values)
    return values


def column(path: Path, name: str) -> Path:
    """The file of a column; `DataError` with those that there are where there is no such."""
    file = path / name
    if Path(name).name != name or not file.is_file():
        raise DataError(
            f"{file}: no such column: {known_names(name, columns(path))}: or write the file, a line 'id value' "
            f"for each utterance of {reference(path)}, in the order of their ids"
        )
    return file


def reference(path: Path) -> Path:
    """The table whose ids are those of the utterances: ``wav.scp``, or else ``utt2spk``, or else ``text``.

    The second is of a directory without recordings, the third of one of texts alone.
    """
    tables = [path / name for name in ("wav.scp", "utt2spk", "text")]
    return next(filter(Path.exists, tables), tables[0])


def sources(scp: Path) -> list[tuple[int, int]]:
    """The size and modification time (ns) of each file that an ``.scp`` points to, of an archive once.

    Paths are relative to the working directory, as in Kaldi. `DataError` for a file that is not there, and for a pipe.
    """
    files = _files(scp, read_map(scp))
    found = versions(files)
    for (file, key), version in zip(files.items(), found, strict=True):
        if version is None:
            raise DataError(f"{locate_id(scp, key)}: no such file: {shown(file)!r}{seen_from(file)}")
    return [version for version in found if version]


def _files(scp: Path, values: Mapping[str, str]) -> dict[str, str]:
    """The files that an ``.scp`` points to -> the first id; `DataError` for a pipe, which only a shell could open."""
    files: dict[str, str] = {}
    for key, value in values.items():
        file = PLACE.sub("", value).rstrip()
        if PIPE.search(file):
            raise DataError(
                f"{locate_id(scp, key)}: an .scp holds files and places in archives, got a pipe {shown(value)!r}: "
                "write what it gives to an archive (copy-feats of Kaldi), and name that"
            )
        files.setdefault(file, key)
    return files


def read_all(path: Path, ids: Container[str] | None = None) -> Columns:
    """The further columns of a data directory, to be carried along; one that cannot be read is left out and reported.

    ``ids``: those of the utterances of a directory that is to be mended: then a column is read leniently, too.
    """
    found = {}
    for name, file in columns(path, ids).items():
        try:
            found[name] = read_column(path, name) if ids is None else read_map(file, strict=False)
        except DataError as error:
            print(f"{error} (the column {name} is left out)", flush=True)
    return found


def write_all(path: Path, found: Mapping[str, Mapping[str, str]], ids: Mapping[str, str], home: Path) -> None:
    """Writes the columns that have a value for all of ``ids`` into a data directory; the others are reported.

    ``ids``: id of an utterance -> that under which the columns have it. ``home``: what the directory will be called.
    """
    for name, values in sorted(found.items()):
        lacking = [key for key, old in ids.items() if NOT_A_VALUE.search(values.get(old, ""))]
        if lacking:
            few = f"no value for {len(lacking):,} of {len(ids):,} utterances, the first {shown(lacking[0])}"
            print(f"{home}: the column {name} is left out, {few}", flush=True)
        else:
            file = path / name
            write_lines(file, (line(file, key, values[ids[key]]) for key in sorted(ids)))


def _first_id(file: Path) -> str | None:
    """The id of the first line of a table of ``id value`` lines; None of any other file or an unreadable one."""
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD).decode("utf-8-sig", errors="replace").lstrip()
    except OSError:
        return None
    cells = head.splitlines()[0].split(maxsplit=1) if head else []
    return cells[0] if len(cells) == 2 else None

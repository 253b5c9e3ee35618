"""Whole files or none: write under a temporary name, rename last, recognise finished work."""

import filecmp
import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import batched, chain
from math import isfinite
from os import SEEK_END
from pathlib import Path
from typing import Any

from fangyan.errors import DataError, UserError
from fangyan.folders import DONE, OUTPUTS, check_replaceable, make_file, make_folder, replace_folder

ROOT = Path(__file__).resolve().parents[2]
"""The repository: ``conf/`` and ``egs2/`` lie here."""

AT_ONCE = 16
"""Files that are asked for their version at a time: a network file system takes a millisecond for each."""
EXPANSION = 100
"""How many times its size an archive may unpack to: weights and pictures hardly shrink, logs and tables tenfold."""
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What no cell of a table can hold."""
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_A_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
NOT_A_ZIP += (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""How zipfile fails: on a damaged archive, an encrypted one (RuntimeError), members in each other's way."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` (same suffix) that is renamed onto it when the block succeeds.

    A file that would not change keeps its time: what was made from it is up to date. The temporary path is always the
    same one: what a kill leaves there, the next attempt writes over.
    """
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    make_file(temporary, path)
    try:
        with naming(path, temporary):
            yield temporary
            if not (path.is_file() and filecmp.cmp(temporary, path, shallow=False)):
                temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """While it is open, an `OSError` that names no file (as of a full disk) names ``path``.

    So does a `UserError` that names the ``temporary`` path: users do not know it.
    """
    try:
        yield
    except OSError as error:
        error.filename = error.filename or f"{path}"
        raise
    except UserError as error:
        if temporary:
            error.args = tuple(f"{arg}".replace(f"{temporary}", f"{path}") for arg in error.args)
        raise


def write_text(path: Path, text: str) -> None:
    """``text`` in ``path`` as UTF-8, whole or not at all."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """``lines`` (with their ends) in ``path`` as UTF-8, one in memory at a time, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(lines)


def write_json(path: Path, value: object) -> None:
    """``value`` in ``path`` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def read_text(path: Path, why: str = "") -> str:
    """The UTF-8 text of ``path`` without a byte order mark; `DataError` where it is missing, not UTF-8 or not text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # bytes: line ends stay as they are
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"{path}: no such file{': ' + why if why else ''}") from None
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path}:{line}: must be text, got a NUL byte: get the file again (or is it UTF-16?)")
    return text


def read_json(path: Path, why: str = "", **hooks: Callable[[Any], Any]) -> dict[str, Any]:
    """The JSON object of a file, read with ``hooks`` of `json.loads`; `DataError` with the line where it is none."""
    try:
        value = json.loads(read_text(path, why), **hooks)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: must be JSON, got {error.msg}") from None
    except (RecursionError, ValueError):  # of json: too deep, too many digits
        raise DataError(f"{path}: must be JSON, got brackets, or digits, without end") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}:1: must be a JSON object, got a {type(value).__name__}")
    return value


def number(text: str) -> float:
    """The number that a plain decimal says (``1.5``, ``1e-3``); `ValueError` for anything else, nan and inf too."""
    if not NUMBER.fullmatch(text) or not isfinite(value := float(text)):
        raise ValueError(f"a number is a plain decimal, got {text!r}")
    return value


def utf16(path: Path) -> bool:
    """Whether a file begins as one of UTF-16 does."""
    with path.open("rb") as stream:
        return stream.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE)


def not_utf8(path: Path) -> DataError:
    """What to tell of a file that is not UTF-8: the line of its first bad byte, and what to do."""
    n, error = _bad_byte(path)
    advice = "write it as UTF-8 (iconv -f GB18030 -t UTF-8, or -f BIG5, where it is one of these)"
    if utf16(path):
        advice = "it is UTF-16, as Excel writes it: write it as UTF-8 (iconv -f UTF-16 -t UTF-8)"
    elif error.reason == "unexpected end of data":
        advice = "it ends within a character: get the file again"
    return DataError(f"{path}:{n}: must be UTF-8, got byte 0x{error.object[error.start]:02x}: {advice}")


def _bad_byte(path: Path) -> tuple[int, UnicodeDecodeError]:
    """The first line of a file that is not UTF-8, and why it is not."""
    with path.open("rb") as stream:
        for n, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return n, error
    raise ValueError(f"{path} is UTF-8")


def ends_early(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    with path.open("rb") as stream:
        size = stream.seek(0, SEEK_END)
        stream.seek(max(0, size - 1))
        return stream.read(1) not in (b"\n", b"\r")


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a tab-separated table as dicts by the names of its header; ``#`` lines are comments."""
    (_, header), *body = numbered_rows(path)
    return [dict(zip(header, cells, strict=True)) for _, cells in body]


def numbered_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of the rows of a tab-separated table, header first; ``#`` lines are comments."""
    lines = enumerate(read_text(path).split("\n"), 1)
    rows = [
        (n, line.rstrip("\r").split("\t")) for n, line in lines if line.strip() and not line.startswith("#")
    ]
    if not rows:
        raise DataError(f"{path}:1: a table starts with a header row, got an empty file")
    (_, header), *body = rows
    for n, cells in body:
        if len(cells) != len(header):
            raise DataError(f"{path}:{n}: {len(header)} columns ({' '.join(header)}), got {len(cells)}")
    return rows


def write_table(path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> None:
    """``rows`` in ``path`` as a tab-separated table with a header; floats with six significant digits.

    What would break a table (tabs, line breaks, names of files that are not UTF-8) is escaped as Python writes it.
    """

    def cell(value: object) -> str:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        return UNWRITABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)

    body = ("\t".join(cell(row[name]) for name in columns) + "\n" for row in rows)
    write_lines(path, chain(["\t".join(columns) + "\n"], body))


def fingerprint(*things: object) -> str:
    """The SHA-256 of values, of files (`Path`: content) and of folders (names and contents of their files)."""
    digest = hashlib.sha256()
    for thing in things:
        if isinstance(thing, Path):
            for file in sorted(p for p in thing.rglob("*") if p.is_file()) if thing.is_dir() else [thing]:
                digest.update(f"{file.relative_to(thing)}\0".encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        else:
            digest.update(json.dumps(thing, sort_keys=True, default=repr).encode() + b"\0")
    return digest.hexdigest()


def version(path: str | Path) -> tuple[int, int]:
    """The size and modification time (ns) of a file, by which one that was replaced is told; `OSError` for none."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def versions(paths: Iterable[str | Path]) -> list[tuple[int, int] | None]:
    """The `version` of each file, in order; None for one that is not there: that it comes is a change, too."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        some = pool.map(lambda batch: [*map(_version_or_none, batch)], batched(paths, 1000))
        return list(chain.from_iterable(some))


def _version_or_none(path: str | Path) -> tuple[int, int] | None:
    try:
        return version(path)
    except (OSError, ValueError):  # ValueError: no file has such a name
        return None


def is_done(out: Path, inputs: Mapping[str, object]) -> bool:
    """Whether ``out`` was finished from exactly these ``inputs``, and has all that was written then."""
    return made_from(out) == json.loads(json.dumps(dict(inputs)))  # as they are written: a tuple is a list


def made_from(out: Path) -> dict[str, Any] | None:
    """The inputs that ``out`` was finished from; None where it was not, or a file of it is gone since."""
    try:
        found = json.loads((out / DONE).read_text())
        whole = all((out / name).exists() for name in found.pop(OUTPUTS, ()))
    except (OSError, ValueError, AttributeError, TypeError):
        return None
    return found if whole else None


def stamp(out: Path, inputs: Mapping[str, object], made: Iterable[Path]) -> None:
    """Marks ``out`` as finished from ``inputs``, as long as the files ``made`` in it or beside it are there."""
    names = (path.relative_to(out, walk_up=True).as_posix() for path in made)
    write_json(out / DONE, {**inputs, OUTPUTS: sorted(names)})


def produce(out: Path, inputs: Mapping[str, object], build: Callable[[Path], None]) -> bool:
    """Builds the folder ``out`` by ``build(temporary folder)`` and says whether it had to: False if it was finished.

    Finished means: ``out/.done`` holds the same ``inputs`` (JSON values, best fingerprints), and the files
    that it lists are there. The temporary folder is renamed onto ``out`` last, so that a half-written one is never
    trusted.
    """
    if is_done(out, inputs):
        return False
    check_replaceable(out, inputs)
    temporary = out.with_name(f".{out.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    make_folder(temporary, out)
    with naming(out, temporary):
        build(temporary)
    finish_folder(temporary, out, inputs)
    return True


def finish_folder(temporary: Path, out: Path, inputs: Mapping[str, object]) -> None:
    """Puts the folder ``temporary`` in the place of ``out``, finished from ``inputs``; `check_replaceable` first."""
    check_replaceable(out, inputs)
    stamp(temporary, inputs, (path for path in temporary.rglob("*") if path.is_file() and path.name != DONE))
    replace_folder(temporary, out)


def unpack(archive: Path, folder: Path, without: tuple[str, ...] = ()) -> None:
    """The files of a zip archive, in ``folder``; `DataError` before anything is written for one that is not harmless.

    Members are plain files below the folder, together at most `EXPANSION` times its size; endings ``without`` stay in.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            for member in bundle.infolist():
                _check_member(archive, member, folder)
            size = sum(member.file_size for member in bundle.infolist())
            if size > EXPANSION * archive.stat().st_size:
                raise DataError(
                    f"{archive}: what it holds is at most {EXPANSION} times its size, got {size:,} bytes: a zip bomb?"
                )
            bundle.extractall(folder, [name for name in bundle.namelist() if not name.endswith(without)])
    except NOT_A_ZIP as error:
        raise DataError(f"{archive}: not readable as a zip archive ({error})") from None


def _check_member(archive: Path, member: zipfile.ZipInfo, folder: Path) -> None:
    target = (folder / member.filename).resolve()
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or not target.is_relative_to(folder.resolve()):
        raise DataError(f"{archive}: members are plain files below the folder, got {member.filename!r}")

"""Folders that results are written to: made where they can be, and replaced only by work that made them."""

import errno
import json
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from fangyan.errors import UserError

DONE = ".done"
"""The file in a finished folder that says what it was made from (`fangyan.files.stamp`)."""
OUTPUTS = "outputs"
"""What `DONE` calls the files that were finished with it."""


def check_replaceable(out: Path, inputs: Mapping[str, object]) -> None:
    """Raises `UserError` where ``out`` has files that work with inputs of these names has not finished there.

    Such are the recordings of a user, a data directory, what another stage wrote: nothing of them may be lost.
    `OSError` where no folder can be made there: better known before hours of work.
    """
    _check_place(out)
    if out.exists() and not out.is_dir():
        raise UserError(
            f"{out}: a file is there, and a folder would replace it: name a folder that is new or empty"
        )
    if not _finished_by(out / DONE, inputs):
        check_own(out)
    elif (out / ".git").exists():
        raise _others(out, ".git")


def check_own(folder: Path, own: Collection[str] = ()) -> None:
    """Raises `UserError` where a folder has files but those of the names ``own``."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if others := there - {*own}:
        raise _others(folder, min(others, key=lambda name: (name.startswith("."), name)))


def make_folder(folder: Path, name: Path | None = None) -> None:
    """Makes a folder, in folders that it makes as well; `UserError` on ``name`` where none can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError:
        raise _nothing_made(name or folder) from None


def make_file(temporary: Path, name: Path) -> None:
    """Makes an empty file, and its folder; `UserError` on ``name``, what it is to become, where none can be made."""
    make_folder(temporary.parent, name)
    try:
        temporary.touch()
    except FileNotFoundError:
        raise _nothing_made(name) from None
    except OSError as error:  # of a folder that nobody may write to, say
        error.filename = f"{name}"
        raise


def replace_folder(temporary: Path, out: Path) -> None:
    """Puts a folder in the place of ``out``; killed meanwhile, it leaves one of them whole, or none."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    temporary.replace(out)
    shutil.rmtree(old, ignore_errors=True)


def _check_place(out: Path) -> None:
    home = next(folder for folder in out.absolute().parents if folder.exists())
    if not home.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), f"{home}")
    if not os.access(home, os.W_OK | os.X_OK):
        code = errno.EROFS if os.statvfs(home).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(code, os.strerror(code), f"{home}")


def _finished_by(stamp: Path, inputs: Mapping[str, object]) -> bool:
    """Whether a stamp is of work with inputs of such names; a damaged one may be."""
    if not stamp.is_file():
        return False
    try:
        found = json.loads(stamp.read_bytes())
    except ValueError:
        return True
    names = found.keys() - {OUTPUTS} if isinstance(found, dict) else set()
    return not names or not inputs or bool(names & inputs.keys())


def _others(folder: Path, name: str) -> UserError:
    return UserError(
        f"{folder}: has files in it that are not of this work, such as {name}, and all would be replaced: name a "
        "folder that is new or empty"
    )


def _nothing_made(place: Path) -> UserError:
    return UserError(f"{place}: nothing can be made there: choose another place")

"""The errors a user can mend: one sentence that says what is wrong, where, and what to do."""

import errno
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

ELSEWHERE = "get the permission to write there, or choose another place"
ADVICE = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room in your quota",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
    errno.EROFS: ELSEWHERE,
    errno.EIO: "mend the disk, or the network to it",
    errno.ESTALE: "mend the network file system",
    errno.EEXIST: "move what is in the way",
    errno.ENOTDIR: "move the file that is in the way of a folder",
    errno.ENOTEMPTY: "close what is open there",
}
"""What to do about the errors of the operating system that are no defect of ours."""


class UserError(Exception):
    """Something the user can mend. The command line prints its message and exits with ``code``."""

    code = 2


class DataError(UserError):
    """Malformed data: ``file:line: rule, got ...``."""


class Stopped(UserError):
    """Work that was asked to stop and goes on when it is run again: EX_TEMPFAIL of sysexits.h."""

    code = 75


def shown(name: str) -> str:
    """A name as a message shows it: what cannot be seen in it is escaped as Python writes it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, alike and with the same numbers in it; empty where there is none."""
    alike = get_close_matches(name, [of for of in known if of != name and _numbers(of) == _numbers(name)], 1)
    return alike[0] if alike else ""


def known_names(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown ``name``: ``did you mean 'dev'? known are dev, test``."""
    known = list(known)
    near = nearest(name, known)
    return f"{f'did you mean {near!r}? ' if near else ''}known are {', '.join(known) or 'none'}"


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall("[0-9]+", name)]


def seen_from(path: str | Path) -> str:
    """``, seen from FOLDER`` after a relative path, which another folder may have; empty after an absolute one."""
    return "" if Path(path).is_absolute() else f", seen from {Path.cwd()}"


def trouble(error: OSError) -> UserError | None:
    """What to tell the user of an error of the operating system; nothing where it could be a defect of ours."""
    words = "".join(map(str, error.args[:1]))
    if error.errno is None and "requested and" in words:  # of numpy, which has written a part of an array
        error.errno, error.strerror = errno.ENOSPC, os.strerror(errno.ENOSPC)
    if error.errno not in ADVICE:
        return None
    place = error.filename2 or error.filename or "a file"
    if error.errno == errno.ENOTDIR:
        place = next((folder for folder in Path(place).parents if folder.is_file()), place)
    return UserError(f"{place}: {error.strerror}: {ADVICE[error.errno]}, then run the same again")


def out_of_memory(error: Exception) -> bool:
    """Whether it says that memory is short, of the machine or of its GPU."""
    import torch

    words = ("can't allocate memory", "ALLOC_FAILED")  # of torch on a CPU, of cuBLAS and cuDNN
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(w in str(error) for w in words)

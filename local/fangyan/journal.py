"""Work that goes on where it was killed: a file with what it depends on, then a line of JSON for each piece done."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from fangyan.errors import UserError
from fangyan.files import naming
from fangyan.folders import make_folder

NAME = ".journal"


class Journal:
    """The records in ``folder/.journal`` after a line of the ``inputs`` of the work; its length is their number.

    What has no whole line does not count, nor what ``counts`` denies, nor anything after such, and nothing does if the
    inputs are others: `claim` and `append` cut it off. Before that nothing is touched, so that the journal of a running
    job can be looked at.
    """

    def __init__(
        self, folder: Path, inputs: Mapping[str, object], counts: Callable[[Any], bool] = lambda record: True
    ) -> None:
        self.folder = folder
        self._header = json.dumps(dict(inputs), sort_keys=True).encode() + b"\n"
        self._length, self._claimed = 0, False
        self._end = len(self._header)
        self._recognise(counts)

    def __len__(self) -> int:
        return self._length

    def claim(self) -> bool:
        """Whether this call, the first, cut off what does not count: the whole folder where nothing does."""
        if self._claimed:
            return False
        if self._length == 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            make_folder(self.folder)
            (self.folder / NAME).write_bytes(self._header)
        os.truncate(self.folder / NAME, self._end)
        self._claimed = True
        return True

    def append(self, record: Any) -> None:
        """Appends the record, a JSON value. `UserError` where another process appends, too."""
        line = json.dumps(record).encode() + b"\n"
        with naming(self.folder):
            self.claim()
            with (self.folder / NAME).open("ab") as stream:
                if stream.tell() != self._end:
                    raise in_use(self.folder)
                stream.write(line)
        self._length += 1
        self._end += len(line)

    def records(self) -> Iterator[Any]:
        """The records that count, in order."""
        return islice(records(self.folder / NAME), self._length) if self._length else iter(())

    def _recognise(self, counts: Callable[[Any], bool]) -> None:
        """Counts the records that are whole."""
        if not (self.folder / NAME).exists():
            return
        with (self.folder / NAME).open("rb") as lines:
            if lines.readline() != self._header:
                return
            for line in lines:
                if not _whole(line) or not counts(json.loads(line)):
                    return
                self._length += 1
                self._end += len(line)


def records(journal: Path) -> Iterator[Any]:
    """The records of a journal; its first line, which holds the inputs, is left out."""
    with journal.open("rb") as lines:
        yield from map(json.loads, islice(lines, 1, None))


def in_use(folder: Path) -> UserError:
    """The error of a second process that writes to a journalled folder."""
    return UserError(f"{folder}: another process writes there too; let one of them finish")


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n")

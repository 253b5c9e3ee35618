"""The growing archives of a dump: a Kaldi ark a layer, and a journal that says how much of them is whole."""

import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from fangyan.errors import UserError
from fangyan.files import complete, naming, write_text

ARK, SCP = "feats.ark", "feats.scp"
JOURNAL = ".journal"

type Entry = Sequence[bytes | memoryview]
"""The bytes of an utterance in an archive, in pieces."""


@dataclass(frozen=True)
class Record:
    """A line of the journal: the utterances of a batch; by layer the bytes of each entry and the CRC-32 of them all."""

    ids: list[str]
    sizes: dict[str, list[int]]
    checksums: dict[str, int]


class Archive:
    """``<layer>/feats.ark`` of batches of utterances in the order they were appended; its length is their number.

    The first line of ``.journal`` holds ``inputs``; the line of a batch follows once all its matrices are written. What
    has no whole line, or not the checksum of its line, does not count, and nothing does if the ``inputs`` are others:
    `append` and `finish` cut it off. Before that nothing is touched, so that a running job's archive can be looked at.
    """

    def __init__(self, folder: Path, inputs: Mapping[str, object]) -> None:
        self.folder = folder
        self._journal = folder / JOURNAL
        self._header = json.dumps(dict(inputs), sort_keys=True).encode() + b"\n"
        self._length, self._claimed = 0, False
        self._journal_end = len(self._header)
        self._ends: dict[str, int] = {}  # layer -> bytes of its archive that count
        self._recognise()

    def __len__(self) -> int:
        return self._length

    def append(self, ids: Sequence[str], layers: Iterable[tuple[str, Sequence[Entry]]]) -> None:
        """Nothing; a batch is added: of each layer, by its name, the `entry` of each utterance.

        Raises `UserError` where another process appends, too.
        """
        sizes, checksums = {}, {}
        with naming(self.folder):
            self._claim()
            for layer, entries in layers:
                self._write(layer, entries)
                sizes[layer] = [sum(map(len, pieces)) for pieces in entries]
                checksums[layer] = checksum(entries)
            record = Record(list(ids), sizes, checksums)
            line = json.dumps(asdict(record)).encode() + b"\n"
            with self._journal.open("ab") as journal:
                journal.write(line)
        self._count(record, line)

    def batches(self) -> Iterator[tuple[list[str], Iterator[tuple[str, list[Entry]]]]]:
        """What `append` was called with, in order; a layer is read when it is asked for."""
        start: dict[str, int] = {}
        for record in self._records():
            yield record.ids, self._read(record, dict(start))
            _advance(start, record)

    def ids(self) -> Iterator[str]:
        """The utterances in the order of the archives."""
        return (key for record in self._records() for key in record.ids)

    def finish(self, home: Path, inputs: Mapping[str, object]) -> None:
        """Nothing; the archives are the folder ``home``, finished from ``inputs``; each has its ``feats.scp``.

        The journal stays with them, by which `fangyan.dump.finished` knows what was written.
        """
        self._claim()
        for layer in self._ends:
            place = home / layer / ARK
            lines = sorted(f"{key} {place}:{offset}\n" for key, offset in self._offsets(layer))
            write_text(self.folder / layer / SCP, "".join(lines))
        complete(self.folder, home, inputs)

    def _recognise(self) -> None:
        """Counts the batches that are whole."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as lines:
            if lines.readline() != self._header:
                return
            for line in lines:
                if not (record := self._whole(line)):
                    return
                self._count(record, line)

    def _whole(self, line: bytes) -> Record | None:
        try:
            record = Record(**json.loads(line))
            checksums = {layer: checksum(entries) for layer, entries in self._read(record, self._ends)}
        except (ValueError, TypeError, OSError):
            return None
        return record if line.endswith(b"\n") and checksums == record.checksums else None

    def _claim(self) -> None:
        """Cuts off what does not count."""
        if self._claimed:
            return
        if self._length == 0:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            self._journal.write_bytes(self._header)
        os.truncate(self._journal, self._journal_end)
        for layer, end in self._ends.items():
            os.truncate(self._ark(layer), end)
        self._claimed = True

    def _write(self, layer: str, entries: Iterable[Entry]) -> None:
        self._ark(layer).parent.mkdir(exist_ok=True)
        with self._ark(layer).open("ab") as ark:
            if ark.tell() != self._ends.get(layer, 0):
                raise UserError(f"{self.folder}: another process writes there too; let one of them finish")
            ark.writelines(chain.from_iterable(entries))

    def _count(self, record: Record, line: bytes) -> None:
        self._length += 1
        self._journal_end += len(line)
        _advance(self._ends, record)

    def _records(self) -> Iterator[Record]:
        return islice(records(self._journal), self._length) if self._length else iter(())

    def _read(self, record: Record, start: Mapping[str, int]) -> Iterator[tuple[str, list[Entry]]]:
        for layer, sizes in record.sizes.items():
            with self._ark(layer).open("rb") as ark:
                ark.seek(start.get(layer, 0))
                yield layer, [(ark.read(size),) for size in sizes]

    def _offsets(self, layer: str) -> Iterator[tuple[str, int]]:
        """Each utterance with the place where its matrix begins, after its id and a space."""
        position = 0
        for record in self._records():
            for key, size in zip(record.ids, record.sizes[layer], strict=True):
                yield key, position + len(f"{key} ".encode())
                position += size

    def _ark(self, layer: str) -> Path:
        return self.folder / layer / ARK


def entry(key: str, matrix: np.ndarray) -> Entry:
    """The bytes of an utterance in a Kaldi archive: its id, and its (T, d) matrix as float32, which is not copied."""
    values = np.ascontiguousarray(matrix, "<f4")
    rows, columns = values.shape
    shape = struct.pack("<bibi", 4, rows, 4, columns)  # each number after its size in bytes
    return key.encode() + b" \0BFM " + shape, values.reshape(-1).view(np.uint8).data


def records(journal: Path) -> Iterator[Record]:
    """The batches of a journal; its first line, which holds the inputs, is left out."""
    with journal.open("rb") as lines:
        for line in islice(lines, 1, None):
            yield Record(**json.loads(line))


def checksum(entries: Iterable[Entry]) -> int:
    """The CRC-32 of all bytes of the entries."""
    value = 0
    for piece in chain.from_iterable(entries):
        value = zlib.crc32(piece, value)
    return value


def _advance(ends: dict[str, int], record: Record) -> None:
    for layer, sizes in record.sizes.items():
        ends[layer] = ends.get(layer, 0) + sum(sizes)

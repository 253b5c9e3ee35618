"""The growing archives of a dump: a Kaldi ark a layer, and a journal that says how much of them is whole."""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fangyan import journal
from fangyan.files import finish_folder, naming, write_text
from fangyan.journal import Journal

ARK, SCP = "feats.ark", "feats.scp"

type Entry = Sequence[bytes | memoryview]
"""The bytes of an utterance in an archive, in pieces."""


@dataclass(frozen=True)
class Batch:
    """A line of the journal: the utterances of a batch; by layer the bytes of each entry and the CRC-32 of them all.

    Layers stand in the order of ``Encoder.layers``, which is recorded by that.
    """

    ids: list[str]
    sizes: dict[str, list[int]]
    checksums: dict[str, int]

    def __post_init__(self) -> None:
        """`TypeError` or `ValueError` for what no dump writes: these come from a file."""
        for sizes in self.sizes.values():
            if len(sizes) != len(self.ids) or min(sizes) < 0:
                raise ValueError("an utterance has a size in every layer")


class Archive:
    """``<layer>/feats.ark`` of batches of utterances in the order they were appended; its length is their number.

    The `journal.Journal` has a line for a batch once all its matrices are written; without their checksums, it does not
    count. `append` and `finish` cut off what does not.
    """

    def __init__(self, folder: Path, inputs: Mapping[str, object]) -> None:
        self.folder = folder
        self._ends: dict[str, int] = {}  # layer -> bytes of its archive that count
        self._journal = Journal(folder, inputs, self._counts)

    def __len__(self) -> int:
        return len(self._journal)

    def append(self, ids: Sequence[str], layers: Iterable[tuple[str, Sequence[Entry]]]) -> None:
        """Appends a batch: of each layer, by its name, the `entry` of each utterance.

        Raises `UserError` where another process appends, too.
        """
        sizes, checksums = {}, {}
        with naming(self.folder):
            self._claim()
            for layer, entries in layers:
                self._write(layer, entries)
                sizes[layer] = [sum(map(len, pieces)) for pieces in entries]
                checksums[layer] = checksum(entries)
        record = Batch(list(ids), sizes, checksums)
        self._journal.append(asdict(record))
        _advance(self._ends, record)

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
        """Makes the archives the folder ``home``, finished from ``inputs``; each has its ``feats.scp``.

        The journal stays with them, by which `fangyan.features.finished` knows what was written.
        """
        self._claim()
        for layer in self._ends:
            place = home / layer / ARK
            lines = sorted(f"{key} {place}:{offset}\n" for key, offset in offsets(self._records(), layer))
            write_text(self.folder / layer / SCP, "".join(lines))
        finish_folder(self.folder, home, inputs)

    def _counts(self, fields: Mapping) -> bool:
        """Whether a line of the journal is a batch whose matrices are there and whole."""
        try:
            record = Batch(**fields)
            checksums = {layer: checksum(entries) for layer, entries in self._read(record, self._ends)}
        except (ValueError, TypeError, OSError):
            return False
        if checksums != record.checksums:
            return False
        _advance(self._ends, record)
        return True

    def _claim(self) -> None:
        """Cuts off what does not count."""
        if self._journal.claim():
            for layer, end in self._ends.items():
                os.truncate(self._ark(layer), end)

    def _write(self, layer: str, entries: Iterable[Entry]) -> None:
        self._ark(layer).parent.mkdir(exist_ok=True)
        with self._ark(layer).open("ab") as ark:
            if ark.tell() != self._ends.get(layer, 0):
                raise journal.in_use(self.folder)
            ark.writelines(chain.from_iterable(entries))

    def _records(self) -> Iterator[Batch]:
        return (Batch(**fields) for fields in self._journal.records())

    def _read(self, record: Batch, start: Mapping[str, int]) -> Iterator[tuple[str, list[Entry]]]:
        for layer, sizes in record.sizes.items():
            with self._ark(layer).open("rb") as ark:
                ark.seek(start.get(layer, 0))
                yield layer, [(ark.read(size),) for size in sizes]

    def _ark(self, layer: str) -> Path:
        return self.folder / layer / ARK


def offsets(records: Iterable[Batch], layer: str) -> Iterator[tuple[str, int]]:
    """Each utterance with the place where its matrix begins in the archive of a layer, after its id and a space."""
    position = 0
    for record in records:
        for key, size in zip(record.ids, record.sizes[layer], strict=True):
            yield key, position + len(f"{key} ".encode())
            position += size


KINDS = {1: b"FV ", 2: b"FM "}
"""What Kaldi calls vectors and matrices of float32, by their number of dimensions."""


def entry(key: str, values: np.ndarray) -> Entry:
    """The bytes of an utterance in a Kaldi archive: its id, and its (T, d) matrix or (d,) vector as float32.

    What is float32 already is not copied.
    """
    single = np.ascontiguousarray(values, "<f4")
    shape = b"".join(struct.pack("<bi", 4, n) for n in single.shape)  # each number after its size in bytes
    return key.encode() + b" \0B" + KINDS[single.ndim] + shape, single.reshape(-1).view(np.uint8).data


def checksum(entries: Iterable[Entry]) -> int:
    """The CRC-32 of all bytes of the entries."""
    value = 0
    for piece in chain.from_iterable(entries):
        value = zlib.crc32(piece, value)
    return value


def _advance(ends: dict[str, int], record: Batch) -> None:
    for layer, sizes in record.sizes.items():
        ends[layer] = ends.get(layer, 0) + sum(sizes)

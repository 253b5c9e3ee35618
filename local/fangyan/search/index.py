"""The index on disk: frames, their means and descriptions of recordings, appended a batch at a time.

A folder
- ``index.json``: the encoder (SPEC and identity), the layer, the dimension d, the form of the frames
- ``frames.f16``: the frames of all recordings, (sum of T, d) L2-normalised, half precision; in another form
  (`fangyan.search.frame_codecs`) ``frames.i1``, or ``frames.pq`` with its ``codebook.f32``
- ``means.f32``: of each recording the mean of these frames, L2-normalised again, (N, d)
- ``entries.jsonl``: a line a recording, the fields of `Entry`
- ``rows``: of each recording where its frames and its line end, and the row that it replaces or -1, 3 x int64
- ``left_out.tsv``: what the last command could not read or encode, and why

The middle four are appended to, ``rows`` last: what is not in it does not count and is cut off by the next writer. So a
kill loses at most a batch, and a search meanwhile sees a whole index. Numbers are little-endian. What is derived from
these, `fangyan.search.varieties` and `fangyan.search.cells`, may lag behind: a search looks up the rest by itself.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fangyan.encoders import Encoder, load_encoder, teacher_of
from fangyan.encoders.choice import JOINT
from fangyan.errors import DataError, UserError
from fangyan.features.frames import unit
from fangyan.features.layers import layer_name
from fangyan.files import naming, read_text, write_json
from fangyan.folders import check_own, make_folder
from fangyan.search import cells
from fangyan.search.frame_codecs import CODEBOOK, FILES, find_codec, form_of
from fangyan.search.records import FORMAT, Entry, Settings

if TYPE_CHECKING:
    import faiss
    from torch import Tensor

SETTINGS = "index.json"
MEANS, ENTRIES, ROWS = "means.f32", "entries.jsonl", "rows"
LEFT_OUT, LOCK = "left_out.tsv", ".lock"
OWN = (*FILES, CODEBOOK, MEANS, ENTRIES, ROWS, LEFT_OUT, LOCK, f".{SETTINGS.replace('.', '.partial.')}")
"""What may lie in a folder before it is an index: a kill may have left it."""
ROW = np.dtype([("frames", "<i8"), ("entries", "<i8"), ("replaces", "<i8")])
MEAN = np.dtype("<f4")
NOTHING = -1
DAMAGED = "the index is damaged: remove its folder and make it again"
FORMATS = (1, FORMAT)


class Index:
    """The recordings of an index by their row; its length is their number, replaced ones included.

    `DataError` where the folder holds no index or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = _settings(folder / SETTINGS)
        self.codec = find_codec(self.settings.frames, self.dimension, folder)
        self.rows = _rows(folder / ROWS)
        self._check()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """d of all frames."""
        return self.settings.dimension

    @cached_property
    def live(self) -> np.ndarray:
        """The rows that no later one replaces."""
        live, replaced = np.ones(len(self), bool), self.rows["replaces"]
        live[replaced[replaced != NOTHING]] = False
        return np.flatnonzero(live)

    @cached_property
    def means(self) -> np.ndarray:
        """(N, d) float32, L2-normalised, mapped from disk."""
        return np.memmap(self.folder / MEANS, MEAN, "r", shape=(len(self), self.dimension))

    def means_at(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n, d) float32, read; `DataError` where one is not finite, or is 0 and the frames are not."""
        found = self.means[np.asarray(rows, int)]
        odd = ~np.isfinite(found).all(1)
        if not self.codec.learns:  # of silence it keeps what is nearest
            silent = np.flatnonzero(~found.any(1))
            odd[silent] = [mean(self.frames(int(rows[n]))).any() for n in silent]
        if odd.any():
            raise DataError(
                f"{self.folder / MEANS}: of row {rows[odd.argmax()]} it has another mean, {DAMAGED}"
            )
        return np.asarray(found)

    def check_frames(self, rows: Iterable[int]) -> None:
        """`DataError` where those of a recording are not finite, or all 0 and their mean is not."""
        for row in map(int, rows):
            frames = self.codec.decode(np.array(self.stored(row)))
            if not np.isfinite(frames).all() or (not frames.any() and self.means[row].any()):
                raise DataError(
                    f"{self.folder / self.codec.file}: of row {row} it has other frames, {DAMAGED}"
                )

    @cached_property
    def cells(self) -> "faiss.IndexIVF | None":
        """The means in cells, if there are so many that a first cut looks into the nearest cells alone."""
        return cells.read(self)

    @cached_property
    def _frames(self) -> np.ndarray:
        shape = (int(self.rows["frames"][-1]), self.codec.width)
        return np.memmap(self.folder / self.codec.file, self.codec.dtype, "r", shape=shape)

    def text_side(self, spec: str = "") -> Encoder:
        """What encodes texts to be looked for here; ``spec`` as of `Settings.encoder`.

        `UserError` for an encoder without, and for an index of a layer in which no text lies.
        """
        at, spec = self.settings.layer, spec or self.settings.spec
        teacher_of(spec)
        if at != JOINT:
            raise UserError(
                f"{self.folder}: an index of {layer_name(at)}, and a typed sentence is looked for in one of layer "
                f"{JOINT}: make that as well, by fangyan index RECORDINGS --encoder {spec} --layer {JOINT} --index NEW"
            )
        self.settings.check(spec)
        return load_encoder(spec, modality="text")

    def frames(self, row: int) -> np.ndarray:
        """The (T, d) float32 frames of a recording, decoded and L2-normalised."""
        return self.units([row])[0].numpy()

    def stored(self, row: int) -> np.ndarray:
        """The (T', width) numbers that are kept of a recording, mapped from disk."""
        return self._frames[slice(*self._span("frames", row))]

    def units(self, rows: Sequence[int]) -> "tuple[Tensor, Tensor]":
        """The L2-normalised frames of the recordings at ``rows`` end to end, (sum of T, d) float32, and T of each."""
        import torch

        found = [self.stored(int(row)) for row in rows]
        frames = torch.from_numpy(self.codec.decode(np.concatenate(found)))
        return unit(frames), torch.tensor(list(map(len, found)))

    def entry(self, row: int) -> Entry:
        """What is known of a recording."""
        start, end = self._span("entries", row)
        with (self.folder / ENTRIES).open("rb") as stream:
            stream.seek(start)
            return self._parse(row, stream.read(end - start))

    def entries(self, first: int = 0) -> Iterator[Entry]:
        """What is known of each recording, in the order of the rows, from the ``first`` on."""
        with (self.folder / ENTRIES).open("rb") as stream:
            stream.seek(int(self.rows["entries"][first - 1]) if first else 0)
            for row in range(first, len(self)):
                yield self._parse(row, stream.readline())

    def live_entries(self) -> Iterator[tuple[int, Entry]]:
        """The row of each recording that no later one replaces, and what is known of it; read in one go."""
        live = np.zeros(len(self), bool)
        live[self.live] = True
        return compress(enumerate(self.entries()), live)

    def append(self, batch: Sequence[tuple[Entry, np.ndarray, int]]) -> None:
        """Adds recordings, each as entry, L2-normalised (T, d) frames, and the row it replaces or -1."""
        entries, frames, replaces = zip(*batch, strict=True)
        if other := {x.shape[1] for x in frames} - {self.dimension}:
            raise DataError(
                f"{self.folder / SETTINGS}: frames of d = {self.dimension}, got {other.pop()}: {DAMAGED}"
            )
        means = np.stack([mean(x) for x in frames])
        self.append_stored(entries, [self.codec.encode(x) for x in frames], means, replaces)

    def append_stored(
        self,
        entries: Sequence[Entry],
        stored: Sequence[np.ndarray],
        means: np.ndarray,
        replaces: Sequence[int] | int = NOTHING,
    ) -> None:
        """Adds recordings whose frames are encoded, (T', width) each, with their (n, d) means."""
        lines = [json.dumps(asdict(e), ensure_ascii=False).encode() + b"\n" for e in entries]
        rows = np.empty(len(entries), ROW)
        at_frame, at_line, _ = self._end()
        rows["frames"] = at_frame + np.cumsum([len(x) for x in stored])
        rows["entries"] = at_line + np.cumsum([len(line) for line in lines])
        rows["replaces"] = replaces
        self._write(self.codec.file, np.concatenate(stored).tobytes())
        self._write(MEANS, means.astype(MEAN).tobytes())
        self._write(ENTRIES, b"".join(lines))
        self._write(ROWS, rows.tobytes())
        self.rows = np.concatenate([self.rows, rows])
        for name in ("live", "means", "_frames"):
            self.__dict__.pop(name, None)

    def sizes(self) -> dict[str, int]:
        """The bytes of each file that count."""
        frames, entries, count = self._end()
        return {
            self.codec.file: frames * self.codec.width * self.codec.dtype.itemsize,
            MEANS: count * self.dimension * MEAN.itemsize,
            ENTRIES: entries,
            ROWS: count * ROW.itemsize,
        }

    def _end(self) -> tuple[int, int, int]:
        """The frames, the bytes of lines and the recordings there are."""
        last = self.rows[-1] if len(self) else {"frames": 0, "entries": 0}
        return int(last["frames"]), int(last["entries"]), len(self)

    def _span(self, column: str, row: int) -> tuple[int, int]:
        return int(self.rows[column][row - 1]) if row else 0, int(self.rows[column][row])

    def _write(self, name: str, data: bytes) -> None:
        """Appends after what counts, and sees that it is on the disk."""
        with naming(self.folder / name), (self.folder / name).open("ab") as stream:
            stream.truncate(self.sizes()[name])
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def _parse(self, row: int, line: bytes) -> Entry:
        try:
            return Entry.parse(line)
        except (ValueError, TypeError):
            raise DataError(
                f"{self.folder / ENTRIES}:{row + 1}: an entry is one JSON object, {DAMAGED}"
            ) from None

    def _check(self) -> None:
        for column in ("frames", "entries"):
            if (np.diff(self.rows[column], prepend=0) <= 0).any():
                raise DataError(f"{self.folder / ROWS}: every row ends after the one before, {DAMAGED}")
        replaces = self.rows["replaces"]
        if ((replaces < NOTHING) | (replaces >= np.arange(len(self)))).any():
            raise DataError(f"{self.folder / ROWS}: a row replaces one before it, or {NOTHING}, {DAMAGED}")
        for name, due in self.sizes().items():
            found = (self.folder / name).stat().st_size if (self.folder / name).exists() else 0
            if found < due:
                raise DataError(
                    f"{self.folder / name}: {due} bytes at least, as {ROWS} says, got {found}: {DAMAGED}"
                )


def mean(frames: np.ndarray) -> np.ndarray:
    """The (d,) float64 mean of L2-normalised (T, d) frames, itself L2-normalised (or 0)."""
    found = frames.mean(0, dtype=np.float64)
    return found / (np.linalg.norm(found) or 1.0)


def create(folder: Path, settings: Settings, codebook: np.ndarray | None = None) -> Index:
    """A new index without recordings in ``folder``; ``codebook``: what the form of its frames has learnt."""
    for name in (find_codec(settings.frames, settings.dimension).file, MEANS, ENTRIES, ROWS):
        (folder / name).write_bytes(b"")
    if codebook is not None:
        (folder / CODEBOOK).write_bytes(codebook.astype(MEAN).tobytes())
    write_json(folder / SETTINGS, asdict(settings))
    return Index(folder)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """While it is open no other process adds to the index; `UserError` where one does, and for a folder of others."""
    make_folder(folder)
    if not (folder / SETTINGS).exists():
        check_own(folder, OWN)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another process adds to this index; let it finish first") from None
        yield


def _rows(path: Path) -> np.ndarray:
    """The whole rows of the file; a kill may have left a part of one behind them."""
    data = path.read_bytes() if path.exists() else b""
    return np.frombuffer(data, ROW, len(data) // ROW.itemsize)


def _settings(path: Path) -> Settings:
    text = read_text(path, "no index there: make one with `fangyan index`")
    try:
        settings = Settings.parse(text)
    except (ValueError, TypeError):
        raise DataError(f"{path}: not the settings of an index: {DAMAGED}") from None
    if settings.format not in FORMATS:
        raise DataError(f"{path}: an index of format 1 to {FORMAT}, got {settings.format}: make it again")
    if not form_of(f"{settings.frames}"):
        raise DataError(f"{path}: not the settings of an index: frames {settings.frames}: {DAMAGED}")
    return settings

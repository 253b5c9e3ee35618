"""How an index keeps its frames: the table of forms, what each takes, and what comes out again.

| form | a frame takes | how |
|---|---|---|
| ``f16`` | 2 d bytes | half precision |
| ``int8`` | d bytes | 255 levels, from the largest number of the frame down |
| ``pq`` | d / 4 bytes | each four numbers are the nearest of 256 learnt quadruples (product quantisation, Jegou 2011) |
| ``pool:N`` | 2 d / N bytes | N frames that are most alike (Ward) become their mean, as ColBERT pools (Clavie 2024) |

Stored frames have no length: `fangyan.search.index.Index.units` L2-normalises what is decoded, so ``int8`` needs no
scale beside its numbers. A pooled frame counts once, however many frames it is of. Means, for the first cut, are always
those of the frames as they came from the encoder.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fangyan.errors import DataError, UserError

if TYPE_CHECKING:
    import faiss

DEFAULT = "f16"
LEVELS = 127
QUADRUPLE, CENTROIDS = 4, 256
"""Numbers that ``pq`` makes one byte of, and the values of a byte."""
FEWEST = 39 * CENTROIDS
"""Frames that ``pq`` learns from at least: 39 for each centroid, as FAISS advises."""
ENOUGH = 256 * CENTROIDS
"""Frames that it learns from at most: FAISS takes no more."""
CODEBOOK = "codebook.f32"
WINDOW = 1024
"""Frames that are pooled at a time: all pairs of them are compared."""


@dataclass(frozen=True, eq=False)
class Half:
    """Frames of ``dimension`` numbers in half precision; the other forms say where they differ."""

    dimension: int
    times: int = 1
    codebook: np.ndarray | None = None

    file: ClassVar = "frames.f16"
    dtype: ClassVar = np.dtype("<f2")
    learns: ClassVar = False

    @property
    def width(self) -> int:
        """Numbers of `dtype` that a frame takes."""
        return self.dimension

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """The (T', width) numbers to store of a recording's L2-normalised (T, d) float32 frames."""
        return frames.astype(self.dtype)

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """(T', d) float32 of what is stored, up to the length of each frame."""
        return stored.astype(np.float32)


class Int8(Half):
    """Each frame as multiples of 1 / `LEVELS` of its largest number."""

    file = "frames.i1"
    dtype = np.dtype("i1")

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """(T, d) from -127 to 127; a frame of zeros stays one."""
        largest = np.abs(frames).max(1, keepdims=True)
        return np.rint(frames * (LEVELS / np.where(largest > 0, largest, 1))).astype(self.dtype)


class Product(Half):
    """A byte for each four numbers: the place of the nearest quadruple of the codebook; d is filled up with zeros."""

    file = "frames.pq"
    dtype = np.dtype("u1")
    learns = True

    @property
    def width(self) -> int:
        """Bytes that a frame takes."""
        return -(-self.dimension // QUADRUPLE)

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of the codebook."""
        return self.width, CENTROIDS, QUADRUPLE

    def learn(self, frames: np.ndarray) -> np.ndarray:
        """The codebook for (T, d) L2-normalised frames, T >= `FEWEST`, or `DataError`; `ENOUGH` do."""
        if len(frames) < FEWEST:
            raise DataError(
                f"--frames pq: it learns from {FEWEST:,} frames at least, got {len(frames):,}: begin with more "
                "recordings, or take --frames int8"
            )
        import faiss

        quantiser = self._empty()
        quantiser.train(self._filled(frames[:ENOUGH]))
        return faiss.vector_to_array(quantiser.centroids).reshape(self.shape)

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """(T, width) places in the codebook."""
        return self._quantiser.compute_codes(self._filled(frames))

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """(T, d) float32, from the codebook."""
        return self._quantiser.decode(np.ascontiguousarray(stored))[:, : self.dimension]

    def _empty(self) -> "faiss.ProductQuantizer":
        import faiss

        return faiss.ProductQuantizer(self.width * QUADRUPLE, self.width, 8)

    @cached_property
    def _quantiser(self) -> "faiss.ProductQuantizer":
        import faiss

        quantiser = self._empty()
        faiss.copy_array_to_vector(self.codebook.ravel(), quantiser.centroids)
        return quantiser

    def _filled(self, frames: np.ndarray) -> np.ndarray:
        missing = self.width * QUADRUPLE - self.dimension
        return np.pad(np.asarray(frames, np.float32), ((0, 0), (0, missing)))


class Pooled(Half):
    """One of ``times`` frames, in half precision."""

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """(T / times, d), rounded up."""
        return super().encode(pool(frames, self.times))


FORMS = {"f16": Half, "int8": Int8, "pq": Product, "pool:([2-9]|[1-9][0-9]{1,8})": Pooled}
"""What --frames may be, as patterns."""
FILES = tuple(sorted({form.file for form in FORMS.values()}))


def form_of(name: str) -> tuple[type[Half], list[int]] | None:
    """The form of a name, and the numbers in that; None where it is unknown."""
    for pattern, form in FORMS.items():
        if match := re.fullmatch(pattern, name):
            return form, [*map(int, match.groups())]
    return None


def find_codec(name: str, dimension: int, folder: Path | None = None) -> Half:
    """The form ``name`` of ``dimension`` numbers; ``folder``: of the index, which has the codebook where there is one.

    `UserError` for an unknown name, `DataError` for a codebook that is missing or damaged.
    """
    if not (found := form_of(name)):
        raise UserError(
            f"--frames {name}: known are f16, int8, pq, and pool:N, which makes one frame of N, from 2 on"
        )
    form, numbers = found
    codec = form(dimension, *numbers)
    return replace(codec, codebook=_codebook(folder, codec)) if form.learns and folder else codec


def _codebook(folder: Path, codec: Product) -> np.ndarray:
    path, due = folder / CODEBOOK, 4 * int(np.prod(codec.shape))
    found = path.read_bytes() if path.exists() else b""
    if len(found) != due:
        raise DataError(
            f"{path}: {due} bytes, as d = {codec.dimension} needs, got {len(found)}: make the index again"
        )
    return np.frombuffer(found, "<f4").reshape(codec.shape)


def pool(frames: np.ndarray, times: int) -> np.ndarray:
    """(T / ``times``, d) L2-normalised means of frames that are most alike, of each `WINDOW`, by their first frame."""
    windows = [frames[n : n + WINDOW] for n in range(0, len(frames), WINDOW)]
    return np.concatenate([_pool(window, -(-len(window) // times)) for window in windows])


def _pool(frames: np.ndarray, count: int) -> np.ndarray:
    """``count`` means; Ward's criterion grows the sum of squared distances to them least at each merge."""
    if count == len(frames):
        return frames
    from scipy.cluster.hierarchy import cut_tree, ward

    _, first, places = np.unique(cut_tree(ward(frames), count)[:, 0], return_index=True, return_inverse=True)
    sums = np.zeros((count, frames.shape[1]), np.float32)
    np.add.at(sums, places, frames)
    sums = sums[np.argsort(first)]
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.where(lengths > 0, lengths, 1)

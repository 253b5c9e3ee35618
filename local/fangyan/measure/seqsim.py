"""SeqSim: how alike two sequences of frames are (Ma et al. 2025; BERTScore, with frames for words).

With the cosines ``S[i, j] = cos(a[i], b[j])`` of the frames of ``a`` and ``b``::

    precision = mean over i of max over j of S[i, j]     every frame of a finds its best frame of b
    recall    = mean over j of max over i of S[i, j]
    f1        = 2 * precision * recall / (precision + recall)

Conventions
- A frame of zero length has cosine 0 with every frame.
- Where precision and recall differ in sign, or one of them is 0, f1 is 0 (the formula has a pole there). With
  that f1 is continuous, grows with both, lies in [-1, 1] and is symmetric; elsewhere it is the formula.
- Nothing but a real frame can win a maximum, not even if all cosines are negative.
- Cosines are in single precision, their means in double, so that rounding does not grow with the number of frames:
  what is equal differs by less than `measure.ties.TIE`, and nothing is beyond 1 or -1.

Method: the utterances of a set, sorted by length, are laid end to end in tiles of at most `TILE` frames; two tiles
make one matrix product. On a CPU both maxima of it and their means are taken in one pass (`measure.kernels`). On a GPU,
and without numba, utterances of equal length form a *run*, whose maxima are one reduction over a view, and so are their
means.

Working memory, beside the two packed sets and the three matrices of the result, whatever the number of utterances: one
block of scores, 1536 x 1536 x 4 bytes = 9 MiB on a CPU and 256 MiB on a GPU; where oneDNN multiplies also one tile in
its layout (3 MiB at d = 512) and its kernels (`STEP`). Only an utterance longer than a tile makes larger ones.
`fangyan.bench` measures it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, groupby
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fangyan.environment import cpu
from fangyan.features.frames import Frames, FrameSet, checked, same_dimension, unit

TILE = {"cpu": 1536, "cuda": 8192}
"""Frames in a tile by kind of device: the scores of two tiles are near a CPU's cores, a GPU wants large products."""

MANY = 1 << 19
"""Numbers from which it is worth its while to import numba, which takes longer than to compare a few recordings."""

STEP = 64
"""The frames of a tile are filled up with zeros to a multiple of this: for every size of product that it meets oneDNN
makes a kernel, which takes about 1 ms and 0.5 MiB."""


class SeqSim[Score: (float, Tensor)](NamedTuple):
    """Similarity as numbers (one pair) or as (queries, candidates) float32 tensors (two sets)."""

    precision: Score
    recall: Score
    f1: Score


class Rows(NamedTuple):
    """Neighbours of equal length in a tile: ``count`` times ``length`` of its frames, from ``start``."""

    start: int
    count: int
    length: int


@dataclass(frozen=True)
class Tile:
    """Utterances laid end to end, then zeros."""

    places: Tensor  # (n,): where they stand in the set
    frames: Tensor  # (R, d), of length 1, or 0 for a zero frame and the fill
    runs: tuple[Rows, ...]

    @cached_property
    def ends(self) -> np.ndarray:
        """(n + 1,): where utterances begin, and the last ends."""
        lengths = [run.length for run in self.runs for _ in range(run.count)]
        return np.cumsum([0, *lengths])


@dataclass(frozen=True)
class Packed:
    """A set of utterances made ready for `seqsim_matrix`: normalised, sorted by length, laid out in tiles."""

    tiles: tuple[Tile, ...]
    size: int  # utterances
    dimension: int


def seqsim(a: Frames, b: Frames) -> SeqSim[float]:
    """Precision, recall and F1 of two (T, d) sequences, whose T may differ; `DataError` as `pack`."""
    return SeqSim(*(score.item() for score in seqsim_matrix([a], [b])))


@torch.no_grad()
def seqsim_matrix(queries: FrameSet | Packed, candidates: FrameSet | Packed) -> SeqSim[Tensor]:
    """Precision, recall and F1 of all pairs: (queries, candidates) float32 tensors on the device of the input.

    Sets are lists of (T, d) arrays, dicts of them by utterance id, or already `pack`-ed (worth it for a set that is
    compared more than once). `DataError` as `pack`, and where the two sets differ in d.
    """
    a, b = (x if isinstance(x, Packed) else pack(x) for x in (queries, candidates))
    same_dimension(a.dimension, b.dimension)
    found = SeqSim(*(a.tiles[0].frames.new_empty(a.size, b.size) for _ in range(3)))
    fast = _kernels(prod(sum(len(tile.frames) for tile in side.tiles) for side in (a, b)), found.f1)
    block = _block(a, b)
    for y in b.tiles:
        products = _products_with(y.frames, block)
        for x in a.tiles:
            _compare(x, y, products(x.frames), found, fast)
        del products  # before the next is made, which gets its memory: new memory is slow to fill
    return found


@torch.no_grad()
def seqsim_with(query: Tensor, frames: Tensor, lengths: Tensor) -> SeqSim[Tensor]:
    """Precision, recall and F1, (n,) float32 each, of one sequence with each of n that lie end to end.

    ``query``: (T, d), ``frames``: (sum of ``lengths``, d), all of length 1. For one query five times as fast as to
    `pack` the n sequences.
    """
    cosines = frames @ query.T
    precision = _mean(torch.segment_reduce(cosines, "max", lengths=lengths), 1)
    recall = torch.segment_reduce(cosines.amax(1).double(), "mean", lengths=lengths).clamp(-1, 1).float()
    return SeqSim(precision, recall, _f1(precision, recall))


@torch.no_grad()
def pack(features: FrameSet, tile: int | None = None) -> Packed:
    """The set ready for `seqsim_matrix`, in tiles of about ``tile`` frames (default: `TILE` of the device).

    ``features``: (T, d) arrays or tensors, T >= 1, one d; a list, or a dict by utterance id. `DataError` names the
    utterance (id or place in the list) that is not two-dimensional, has no frames, another d, a NaN or infinity, or
    what is no real number.
    """
    given = list(checked(features).values())
    by_length = sorted(enumerate(given), key=lambda item: len(item[1]))
    device, dimension = given[0].device, given[0].shape[1]
    parts = _split(by_length, tile or TILE.get(device.type, TILE["cuda"]))
    fast = _kernels(sum(frames.numel() for frames in given), given[0])
    tiles = tuple(_lay_out(*zip(*part, strict=True), fast) for part in parts)
    return Packed(tiles, len(given), dimension)


def _split(utterances: list[tuple[int, Tensor]], size: int) -> Iterator[list[tuple[int, Tensor]]]:
    """Neighbours, as (place, frames), together as long as they have no more than ``size`` frames."""
    part: list[tuple[int, Tensor]] = []
    held = 0
    for utterance in utterances:
        length = len(utterance[1])
        if part and held + length > size:
            yield part
            part, held = [], 0
        part.append(utterance)
        held += length
    yield part


def _lay_out(places: tuple[int, ...], utterances: tuple[Tensor, ...], fast) -> Tile:
    """The tile of the utterances at ``places`` of the set, which are sorted by length."""
    counts = [(len(list(same)), length) for length, same in groupby(map(len, utterances))]
    *starts, end = accumulate((count * length for count, length in counts), initial=0)
    first = utterances[0]
    frames = first.new_empty(-(-end // STEP) * STEP, first.shape[1], dtype=torch.float32)
    frames[end:] = 0
    rows = frames[:end].split([*map(len, utterances)])
    for given, place in zip(utterances, rows, strict=True):
        _normalise(given, place, fast)
    return Tile(
        torch.tensor(places, device=frames.device),
        frames,
        tuple(Rows(start, *run) for start, run in zip(starts, counts, strict=True)),
    )


def _normalise(frames: Tensor, place: Tensor, fast) -> None:
    if fast and frames.dtype == torch.float32:
        fast.normalise(frames.detach().contiguous().numpy(), place.numpy())
    else:
        place.copy_(unit(frames))


def _block(a: Packed, b: Packed) -> Tensor | None:
    """A place for the cosines of any two tiles; none where oneDNN multiplies, which takes none."""
    frames = a.tiles[0].frames
    if frames.device.type == "cpu" and _by_onednn():
        return None
    return frames.new_empty(prod(max(len(tile.frames) for tile in side.tiles) for side in (a, b)))


def _products_with(b: Tensor, block: Tensor | None) -> Callable[[Tensor], Tensor]:
    """What makes ``a @ b.T`` of any ``a``: in ``block``, or without one by oneDNN in a tensor of its own.

    In float32 oneDNN is twice as fast as torch.mm on an AMD, and 3 to 10 % slower on an Intel. These two operators are
    those of `torch.compile`: they lay out b once, and give an ordinary tensor; the product of two ``to_mkldnn()``, the
    documented way, lays b out each time and copies each result: that takes 15 to 40 % longer.
    """
    if block is not None:
        return lambda a: torch.mm(a, b.T, out=block[: len(a) * len(b)].view(len(a), len(b)))
    laid_out = torch.ops.mkldnn._reorder_linear_weight(b)
    return lambda a: torch.ops.mkldnn._linear_pointwise(a, laid_out, None, "none", [], "")


@cache
def _by_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and "Intel" not in cpu()


def _compare(a: Tile, b: Tile, cosines: Tensor, found: SeqSim[Tensor], fast) -> None:
    """Writes ``found`` of all pairs of utterances of two tiles, by the cosines of their frames."""
    if fast:
        given = (cosines, a.ends, b.ends, a.places, b.places, *found)
        return fast.compare(*(np.asarray(x) for x in given))
    best_in_b, best_in_a = _by_utterance(cosines, 1, b, torch.amax), _by_utterance(cosines, 0, a, torch.amax)
    precision, recall = _by_utterance(best_in_b, 0, a, _mean), _by_utterance(best_in_a, 1, b, _mean)
    for matrix, scores in zip(found, (precision, recall, _f1(precision, recall)), strict=True):
        matrix[a.places[:, None], b.places] = scores


def _kernels(numbers: int, like: Tensor):
    """`fangyan.measure.kernels`; None for few ``numbers``, on a GPU, and where numba is not or may write nowhere."""
    return _imported_kernels() if numbers >= MANY and like.device.type == "cpu" else None


@cache
def _imported_kernels():
    try:
        from fangyan.measure import kernels
    except (ImportError, RuntimeError):
        return None
    return kernels


def _by_utterance(values: Tensor, dim: int, tile: Tile, reduce: Callable[[Tensor, int], Tensor]) -> Tensor:
    """The frames of ``tile``, which lie along ``dim`` of ``values``, reduced to one value an utterance."""
    parts = (
        values.narrow(dim, run.start, run.count * run.length).unflatten(dim, (run.count, run.length))
        for run in tile.runs
    )
    return torch.cat([reduce(part, dim + 1) for part in parts], dim)


def _mean(best: Tensor, dim: int) -> Tensor:
    """The mean along ``dim``; rounding makes it no cosine beyond 1, nor less exact the more frames there are."""
    return best.mean(dim, dtype=torch.float64).clamp(-1, 1).float()


def _f1(precision: Tensor, recall: Tensor) -> Tensor:
    product = precision * recall
    return torch.where(product > 0, 2 * product / (precision + recall), 0.0)

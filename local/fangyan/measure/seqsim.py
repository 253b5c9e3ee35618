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
make one matrix product. In it utterances of equal length form a *run*, whose maxima are one reduction over a view, and
so are their means.

Working memory, beside the two packed sets and the three matrices of the result, whatever the number of utterances: one
block of scores, 1024 x 1024 x 4 bytes = 4 MiB on a CPU, where it stays in the cache, and 256 MiB on a GPU; on a CPU
also one tile in the layout of oneDNN (2 MiB at d = 512) and its kernels (`STEP`). Only an utterance longer than a tile
makes larger ones. `fangyan.bench` measures it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fangyan.features.frames import Frames, FrameSet, checked, same_dimension, unit

TILE = {"cpu": 1024, "cuda": 8192}
"""Frames in a tile by kind of device: the scores of two tiles fit a CPU's cache, a GPU wants large products."""

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
    for y in b.tiles:
        products = _products_with(y.frames)
        for x in a.tiles:
            for matrix, scores in zip(found, _compare(x, y, products(x.frames)), strict=True):
                matrix[x.places[:, None], y.places] = scores
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
    units = [unit(frames) for frames in checked(features).values()]
    by_length = sorted(enumerate(units), key=lambda item: len(item[1]))
    device, dimension = units[0].device, units[0].shape[1]
    parts = _split(by_length, tile or TILE.get(device.type, TILE["cuda"]))
    return Packed(tuple(_lay_out(*zip(*part, strict=True)) for part in parts), len(units), dimension)


def _split(utterances: list[tuple[int, Tensor]], size: int) -> Iterator[list[tuple[int, Tensor]]]:
    """Neighbours, as (place, frames), together as long as they have no more than ``size`` frames."""
    part: list[tuple[int, Tensor]] = []
    for utterance in utterances:
        if part and sum(len(frames) for _, frames in (*part, utterance)) > size:
            yield part
            part = []
        part.append(utterance)
    yield part


def _lay_out(places: tuple[int, ...], units: tuple[Tensor, ...]) -> Tile:
    """The tile of the utterances at ``places`` of the set, which are sorted by length."""
    counts = [(len(list(same)), length) for length, same in groupby(map(len, units))]
    starts = accumulate((count * length for count, length in counts), initial=0)
    frames = torch.cat(units)
    return Tile(
        torch.tensor(places, device=frames.device),
        F.pad(frames, (0, 0, 0, -len(frames) % STEP)),
        tuple(
            Rows(start, *run) for start, run in zip(starts, counts, strict=False)
        ),  # it ends where none starts
    )


def _products_with(b: Tensor) -> Callable[[Tensor], Tensor]:
    """What makes ``a @ b.T`` of any ``a``; on a CPU by oneDNN, as fast in float32 as torch.mm (Intel) or twice (AMD).

    These two operators are those of `torch.compile`. They lay out b once, and give an ordinary tensor; the product of
    two ``to_mkldnn()``, the documented way, lays b out each time and copies each result: that takes 15 to 40 % longer.
    """
    if b.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return lambda a: a @ b.T
    laid_out = torch.ops.mkldnn._reorder_linear_weight(b)
    return lambda a: torch.ops.mkldnn._linear_pointwise(a, laid_out, None, "none", [], "")


def _compare(a: Tile, b: Tile, cosines: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Precision, recall and F1, (n, m) each, of all pairs of utterances of two tiles, by the cosines of the frames."""
    best_in_b, best_in_a = _by_utterance(cosines, 1, b, torch.amax), _by_utterance(cosines, 0, a, torch.amax)
    precision, recall = _by_utterance(best_in_b, 0, a, _mean), _by_utterance(best_in_a, 1, b, _mean)
    return precision, recall, _f1(precision, recall)


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

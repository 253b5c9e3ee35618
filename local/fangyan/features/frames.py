"""Frames of utterances, whatever makes them and whatever compares them: taken in strictly, L2-normalised."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from fangyan.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

type Frames = np.ndarray | Tensor
type FrameSet = Mapping[str, Frames] | Sequence[Frames]


def checked(features: FrameSet) -> "dict[object, Tensor]":
    """The (T, d) frames of a set by utterance id (of a list: by place), float32, of wider numbers float64.

    T >= 1, one d. `DataError` names the utterance (id or place) that is not two-dimensional, has no frames, another d,
    a NaN or infinity, or what is no real number.
    """
    named = features if isinstance(features, Mapping) else dict(enumerate(features))
    if not named:
        raise DataError("a set to compare needs utterances, got none")
    found = {name: _frames(name, given) for name, given in named.items()}
    dimension = next(iter(found.values())).shape[1]
    for name, frames in found.items():
        if frames.shape[1] != dimension:
            raise DataError(f"utterance {name}: d must be {dimension} as in the first, got {frames.shape[1]}")
    return found


def _frames(name: object, features: Frames) -> "Tensor":
    """The one place where features are taken in: all that follows gets finite real numbers, in rows."""
    import torch

    frames = features if isinstance(features, torch.Tensor) else _tensor(name, features)
    if frames.is_complex():
        raise DataError(f"utterance {name}: features are real numbers, got {frames.dtype}")
    if frames.ndim != 2 or 0 in frames.shape:
        raise DataError(
            f"utterance {name}: features are a (frames, d) array and not empty, got {tuple(frames.shape)}"
        )
    if not (isfinite(frames.sum().item()) or frames.isfinite().all()):
        raise DataError(f"utterance {name}: features must be finite, got NaN or infinity")
    single = frames.is_floating_point() and frames.dtype.itemsize <= torch.float32.itemsize
    return frames.to(torch.float32 if single else torch.float64)


def _tensor(name: object, features: object) -> "Tensor":
    """An array or nested list of real numbers, whatever its strides and byte order."""
    try:
        found = np.asarray(features)
    except ValueError:  # numpy's word for it is "inhomogeneous"
        raise DataError(f"utterance {name}: features are a (frames, d) array, got rows that differ") from None
    if found.dtype.kind not in "biuf":
        raise DataError(f"utterance {name}: features are real numbers, got {found.dtype}")
    native = found.dtype.newbyteorder("=")
    dtype = np.float64 if native == np.longdouble else native
    import torch

    return torch.from_numpy(np.require(found, dtype, ["C", "W"]))


def unit(frames: "Tensor") -> "Tensor":
    """The (T, d) frames, float32 or float64, L2-normalised, in float32, however long or short they are."""
    import torch

    if frames.dtype == torch.float64:  # squares of these may leave its range
        frames = _divided(frames, frames.abs().amax(1, keepdim=True))
    frames = frames.double()
    return _divided(frames, torch.linalg.vector_norm(frames, dim=1, keepdim=True)).float()


def _divided(frames: "Tensor", by: "Tensor") -> "Tensor":
    return frames / by.where(by > 0, 1.0)


def same_dimension(queries: int, candidates: int) -> None:
    """Raises `DataError` where the frames of two sets differ in dimension."""
    if queries != candidates:
        raise DataError(
            f"frames must have one dimension, got {queries} (queries) and {candidates} (candidates)"
        )


def scaled_sum(frames: "Tensor", count: int) -> "Tensor":
    """The (d,) sum of (T, d) frames over ``count``, in double precision, whose range a sum of means does not leave."""
    return (frames.double() / count).sum(0)


def mean_frame(frames: "Tensor") -> "Tensor":
    """The (d,) mean of (T, d) frames in double precision: the one vector of an utterance, as pooled scores have it."""
    return scaled_sum(frames, len(frames))

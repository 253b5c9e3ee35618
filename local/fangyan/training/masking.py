"""Which frames of a batch are masked or swapped, and the units of frames of another rate."""

import torch
from torch import Generator, Tensor
from torch.nn.functional import max_pool1d, pad

SPANS = 2
"""So many spans of an utterance are masked at least, where there is room."""


def spans(
    lengths: Tensor, share: float, length: int, fewest: int = SPANS, random: Generator | None = None
) -> Tensor:
    """(B, T) bool, on the CPU: True in spans of ``length`` frames that begin anywhere; T is the greatest length.

    Of an utterance of n frames there are ``share`` * n / ``length`` spans, rounded up or down by chance, and at least
    ``fewest`` where there is room. They begin at different frames and may overlap, so that fewer frames than ``share``
    are in one: as wav2vec 2.0 and HuBERT mask (Baevski et al. 2020; Hsu et al. 2021).
    """
    lengths = lengths.cpu()
    size, starts = int(lengths.max()), (lengths - length + 1).clamp(min=1)
    wanted = share * lengths / length + torch.rand(len(lengths), generator=random)
    counts = torch.minimum(wanted.long().clamp(min=fewest), starts)
    places = torch.arange(size)
    chance = torch.rand(len(lengths), size, generator=random)
    order = chance.masked_fill(places >= starts[:, None], torch.inf).argsort(1).argsort(1)
    begins = (order < counts[:, None]).float()
    covered = max_pool1d(pad(begins, (length - 1, 0))[:, None], length, 1)[:, 0] > 0
    return covered & (places < lengths[:, None])


def at_frames(units: Tensor, lengths: Tensor, frames: Tensor, ratio: float) -> Tensor:
    """(B, T) of each frame the unit that is nearest in time, -1 behind the ``frames``, (B,), of an utterance.

    ``units``: (B, U), padded behind ``lengths``, ``ratio`` of them in the time of a frame; the middle of a frame
    decides, and where units end before the frames do, the last one stands.
    """
    places = torch.arange(int(frames.max()), device=units.device)
    index = ((places + 0.5) * ratio).long()
    index = torch.minimum(index[None], (lengths[:, None] - 1).clamp(min=0))
    return units.gather(1, index).masked_fill(places >= frames[:, None], -1)


def frames_of_units(lengths: Tensor, ratio: float) -> Tensor:
    """(B,) how many frames last as long as so many units, one at least; ``ratio`` as in `at_frames`."""
    return (lengths / ratio).round().long().clamp(min=1)

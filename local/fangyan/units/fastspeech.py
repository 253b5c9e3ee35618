"""A network from phones to durations and units: FastSpeech 2 without pitch and energy (Ren et al. 2021).

    phones -> embedding -> `blocks` -> how long each lasts -> phones repeated -> `blocks` -> logits of units
                               (the duration predictor)

A block is self-attention and two convolutions over time, each added to what it reads and normalised (arXiv 2006.04558).
Importing it imports torch.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from fangyan.units.text_to_unit import Settings


class FastSpeech(nn.Module):
    """(B, N) phones -> (B, N) log(duration + 1) and, of given durations, (B, T, k) logits of units."""

    def __init__(self, phones: int, units: int, sizes: "Settings") -> None:
        super().__init__()
        self.embedding = nn.Embedding(phones, sizes.width)
        self.encoder = nn.ModuleList(_Block(sizes) for _ in range(sizes.blocks))
        self.predictor = _Predictor(sizes)
        self.decoder = nn.ModuleList(_Block(sizes) for _ in range(sizes.blocks))
        self.output = nn.Linear(sizes.width, units)

    def read(self, phones: torch.Tensor, padding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, N, width) and (B, N) log(duration + 1); ``padding``: (B, N), true where there is no phone."""
        read = _through(self.encoder, self.embedding(phones), padding)
        return read, self.predictor(read, padding)

    def speak(
        self, read: torch.Tensor, durations: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, T, k) logits of phones that last ``durations``, (N,) of each; and (B, T), true behind its end."""
        parts = [torch.repeat_interleave(x[: len(d)], d, dim=0) for x, d in zip(read, durations, strict=True)]
        padding = _padding([len(part) for part in parts])
        return self.output(_through(self.decoder, pad_sequence(parts, batch_first=True), padding)), padding


def batch(sequences: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The sequences side by side, (B, N), and where each has ended."""
    return pad_sequence(list(sequences), batch_first=True), _padding([len(each) for each in sequences])


def _padding(lengths: Sequence[int]) -> torch.Tensor:
    return torch.arange(max(lengths))[None] >= torch.tensor(lengths)[:, None]


def _through(blocks: nn.ModuleList, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    x = x + _positions(x.shape[1], x.shape[2])
    for block in blocks:
        x = block(x, padding)
    return x


def _positions(length: int, width: int) -> torch.Tensor:
    """(length, width) sines and cosines."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


class _Over(nn.Module):
    """A convolution over time of (B, T, d)."""

    def __init__(self, width: int, out: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, out, kernel, padding=kernel // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convolution(x.transpose(1, 2)).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, sizes: "Settings") -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(sizes.width, sizes.heads, sizes.dropout, batch_first=True)
        self.wide = _Over(sizes.width, sizes.filter, sizes.kernel)
        self.narrow = _Over(sizes.filter, sizes.width, 1)
        self.norms = nn.ModuleList(nn.LayerNorm(sizes.width) for _ in range(2))
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        attended, _ = self.attention(x, x, x, key_padding_mask=padding, need_weights=False)
        x = self.norms[0](x + self.dropout(attended)).masked_fill(padding[..., None], 0)
        convolved = self.narrow(self.wide(x).relu())
        return self.norms[1](x + self.dropout(convolved)).masked_fill(padding[..., None], 0)


class _Predictor(nn.Module):
    def __init__(self, sizes: "Settings") -> None:
        super().__init__()
        widths = (sizes.width, sizes.predictor_width, sizes.predictor_width)
        self.layers = nn.ModuleList(_Over(a, b, sizes.predictor_kernel) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.LayerNorm(sizes.predictor_width) for _ in self.layers)
        self.dropout = nn.Dropout(sizes.predictor_dropout)
        self.output = nn.Linear(sizes.predictor_width, 1)

    def forward(self, x: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = self.dropout(norm(layer(x).relu())).masked_fill(padding[..., None], 0)
        return self.output(x)[..., 0]

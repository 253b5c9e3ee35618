"""The encoder of FireRedASR and FireRedASR2 (AED) as a network: a Conformer whose tensors have the published names.

Xu et al. 2025: FireRedASR. Two convolutions over time and bands quarter the frame rate. A block is half a feed-forward
layer, attention with relative positions (Transformer-XL's, queries, keys and values normalised each by its own layer),
a convolution of 4 d channels before and 2 d behind its gate, half a feed-forward layer, a layer norm; linear layers in
attention and convolutions in the block have no bias. Sizes are read off the tensors, so that no settings are needed.

In a batch padding is kept out of attention and out of the convolution along time, as a lone utterance has none.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, pad, silu

from fangyan.encoders.firered import SUBSAMPLING

CONTEXT = 6
"""Zeros behind an utterance: the frames that the two convolutions see behind the first of each output frame."""
SIZES = ("input_preprocessor.conv.0.bias", "input_preprocessor.out.weight")
SIZES += ("layer_stack.0.mhsa.pos_bias_u", "layer_stack.0.conv.depthwise_conv.weight")
"""Tensors whose shapes say the channels of the front end, d, its inputs, heads and the kernel along time."""


class Attention(nn.Module):
    """Multi-head self-attention with relative positions and its residual connection."""

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.w_qs, self.w_ks, self.w_vs, self.fc, self.linear_pos = (
            nn.Linear(d, d, bias=False) for _ in range(5)
        )
        self.layer_norm_q, self.layer_norm_k, self.layer_norm_v = (nn.LayerNorm(d) for _ in range(3))
        self.pos_bias_u, self.pos_bias_v = (nn.Parameter(torch.empty(heads, d // heads)) for _ in range(2))

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d), (2 T - 1, d) from T - 1 ahead to T - 1 behind, (B, 1, T) bool -> (B, T, d)."""
        q, k, v, p = (
            part.unflatten(-1, self.pos_bias_u.shape)  # (B, T, heads, d / heads)
            for part in (
                self.w_qs(self.layer_norm_q(x)),
                self.w_ks(self.layer_norm_k(x)),
                self.w_vs(self.layer_norm_v(x)),
                self.linear_pos(positions)[None],
            )
        )
        content = torch.einsum("bqhd,bkhd->bhqk", q + self.pos_bias_u, k)
        position = torch.einsum("bqhd,xkhd->bhqk", q + self.pos_bias_v, p)
        scores = (content + shifted(position)) * q.shape[-1] ** -0.5
        weights = scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
        return self.fc(torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2)) + x


def shifted(scores: Tensor) -> Tensor:
    """(B, h, T, 2 T - 1), by distance -> (B, h, T, T), by position: row t begins at column T - 1 - t."""
    size = scores.shape[2]
    at = torch.arange(size, device=scores.device)
    columns = size - 1 - at[:, None] + at
    return scores.gather(-1, columns.expand(*scores.shape[:2], -1, -1))


class FeedForward(nn.Module):
    """Half of: layer norm, four times as wide, swish, as wide as before; and the residual connection."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.SiLU(), nn.Identity(), nn.Linear(4 * d, d)
        )  # the published names count a dropout

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.net(x)


class Convolution(nn.Module):
    """A gated convolution along time, one filter a channel, and its residual connection."""

    def __init__(self, d: int, kernel: int) -> None:
        super().__init__()
        self.pre_layer_norm = nn.LayerNorm(d)
        self.pointwise_conv1 = nn.Conv1d(d, 4 * d, 1, bias=False)
        self.depthwise_conv = nn.Conv1d(2 * d, 2 * d, kernel, padding=kernel // 2, groups=2 * d, bias=False)
        self.batch_norm = nn.LayerNorm(2 * d)  # so it is called there
        self.pointwise_conv2 = nn.Conv1d(2 * d, d, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d), (B, 1, T) bool -> (B, T, d)."""
        inside = self.pre_layer_norm(x).transpose(1, 2).masked_fill(~mask, 0)
        inside = self.depthwise_conv(glu(self.pointwise_conv1(inside), dim=1))
        inside = silu(self.batch_norm(inside.transpose(1, 2))).transpose(1, 2)
        return x + self.pointwise_conv2(inside).transpose(1, 2)


class Block(nn.Module):
    """A block of the Conformer."""

    def __init__(self, d: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.ffn1, self.ffn2 = FeedForward(d), FeedForward(d)
        self.mhsa, self.conv, self.layer_norm = Attention(d, heads), Convolution(d, kernel), nn.LayerNorm(d)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """(B, T, d), (2 T - 1, d), (B, 1, T) bool -> (B, T, d)."""
        x = self.conv(self.mhsa(self.ffn1(x), positions, mask), mask)
        return self.layer_norm(self.ffn2(x))


class Conformer(nn.Module):
    """The encoder whose tensors are ``weights``, which are loaded; `RuntimeError`, `KeyError` for those of another.

    ``longest``: the most frames that there are positions for; ``width``: the numbers in one.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        (channels, *_), (d, flat), (heads, _), (*_, kernel) = (weights[name].shape for name in SIZES)
        blocks = {key.split(".")[1] for key in weights if key.startswith("layer_stack.")}
        front = nn.ModuleDict({"conv": nn.Sequential(*_subsampling(channels)), "out": nn.Linear(flat, d)})
        self.input_preprocessor = front
        self.positional_encoding = nn.Module()
        self.positional_encoding.register_buffer("pe", torch.empty_like(weights["positional_encoding.pe"]))
        self.width, self.longest = d, (weights["positional_encoding.pe"].shape[1] + 1) // 2
        self.layer_stack = nn.ModuleList(Block(d, heads, kernel) for _ in blocks)
        self.load_state_dict(dict(weights))

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, bands), 0 in padding, and frames -> the last block's (B, T', d) and its frames, T / 4 rounded up."""
        x = self.input_preprocessor["conv"](pad(features, (0, 0, 0, CONTEXT))[:, None])
        x = self.input_preprocessor["out"](x.transpose(1, 2).flatten(2))
        frames, size = -(-lengths // SUBSAMPLING), x.shape[1]
        mask = (torch.arange(size, device=x.device) < frames[:, None])[:, None]
        middle = self.longest - 1
        positions = self.positional_encoding.pe[0, middle - size + 1 : middle + size]
        for block in self.layer_stack:
            x = block(x, positions, mask)
        return x, frames


def _subsampling(channels: int) -> list[nn.Module]:
    """Two convolutions that halve time and bands each."""
    return [nn.Conv2d(1, channels, 3, 2), nn.ReLU(), nn.Conv2d(channels, channels, 3, 2), nn.ReLU()]

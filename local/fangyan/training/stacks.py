"""An ESPnet encoder run in parts: its input layer, and its blocks from one to another.

Any encoder whose input layer ends in positions and whose blocks take frames and a mask: transformer, conformer,
branchformer, e_branchformer. What comes out of its parts in turn is what ESPnet's own ``forward`` gives, which drops
blocks (``layer_drop_rate``) and keeps nothing of them for the way back (``gradient_checkpoint_layers``) alike.
"""

from collections.abc import Callable

import torch
from espnet2.legacy.nets.pytorch_backend.nets_utils import make_pad_mask
from espnet2.legacy.nets.pytorch_backend.transformer.embedding import ScaledPositionalEncoding
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from fangyan.encoders.blocks import first_tensor
from fangyan.encoders.espnet import after_convolutions, subsampling
from fangyan.errors import DataError

type Stream = Tensor | tuple[Tensor, Tensor]
"""What goes from block to block: (B, T, d) frames, with relative positions where the encoder has such."""


def check_split(encoder: nn.Module, speech_layers: int) -> None:
    """`DataError` for an encoder that is not run in parts here, or that has no block on one side."""
    known = hasattr(positions(encoder), "extend_pe")
    if not known or getattr(encoder, "interctc_use_conditioning", False):
        raise DataError(
            "encoder: pre-training takes transformer, conformer, branchformer or e_branchformer, with positions behind "
            f"the input layer and nothing between the blocks, got {type(encoder).__name__}"
        )
    if not 0 < speech_layers < len(encoder.encoders):
        raise DataError(
            f"model_conf: speech_layers is from 1 to {len(encoder.encoders) - 1}, of the {len(encoder.encoders)} "
            f"blocks of the encoder, got {speech_layers}"
        )


def positions(encoder: nn.Module) -> nn.Module | None:
    """The last part of the input layer, which puts positions to frames; None where there is none."""
    embed = getattr(encoder, "embed", None)
    return embed[-1] if isinstance(embed, nn.Sequential) else getattr(embed, "pos_enc", None)


def frames_of(encoder: nn.Module, lengths: Tensor) -> Tensor:
    """(B,) the frames at the blocks of an encoder, of ``lengths`` at its input layer."""
    return after_convolutions(subsampling(encoder), lengths)


def enter(
    encoder: nn.Module, features: Tensor, lengths: Tensor, change: Callable[[Tensor], Tensor]
) -> tuple[Stream, Tensor]:
    """What enters the first block, and the mask of its frames; ``change`` is done to these before positions come in."""
    masks = (~make_pad_mask(lengths))[:, None].to(features.device)
    hook = positions(encoder).register_forward_pre_hook(lambda _, args: (change(args[0]), *args[1:]))
    try:
        if isinstance(encoder.embed, nn.Sequential):
            return encoder.embed(features), masks
        return encoder.embed(features, masks)
    finally:
        hook.remove()


def placed(encoder: nn.Module, frames: Tensor) -> Stream:
    """``frames``, (B, T, d), with the positions of the encoder, as large as they are: it multiplies its own by √d."""
    place = positions(encoder)
    scaled = not isinstance(place, ScaledPositionalEncoding)
    return place(frames / place.xscale if scaled else frames)


def with_frames(stream: Stream, frames: Tensor) -> Stream:
    """A stream with other frames and the same positions."""
    return (frames, *stream[1:]) if isinstance(stream, tuple) else frames


def through(encoder: nn.Module, stream: Stream, masks: Tensor, blocks: range) -> Stream:
    """A stream after these blocks of the encoder."""
    kept = getattr(encoder, "gradient_checkpoint_layers", None) or ()
    drop = getattr(encoder.encoders, "layer_drop_rate", 0.0) if encoder.training else 0.0
    for n in blocks:
        if drop and torch.rand(()).item() < drop:
            continue
        block = encoder.encoders[n]
        if n + 1 in kept:
            stream, masks = checkpoint(block, stream, masks, use_reentrant=False)
        else:
            stream, masks = block(stream, masks)
    return stream


def leave(encoder: nn.Module, stream: Stream) -> Tensor:
    """(B, T, d) what the encoder gives, of what its last block does."""
    frames = first_tensor(stream)
    return encoder.after_norm(frames) if hasattr(encoder, "after_norm") else frames

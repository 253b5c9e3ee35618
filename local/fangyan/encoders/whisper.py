"""Whisper's log-mel front end and encoder without the padding to 30 s: as much is computed as was said.

Padding is masked before every convolution and in attention, so that an utterance has the same features alone and in
any batch. Radford et al. 2023: Robust speech recognition via large-scale weak supervision.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, gelu
from torch.utils.checkpoint import checkpoint
from transformers.audio_utils import mel_filter_bank
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from fangyan.data.audio import SAMPLE_RATE
from fangyan.errors import DataError

WINDOW = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms


def frame_mask(lengths: Tensor, size: int) -> Tensor:
    """(B, size) bool: True where a frame belongs to its utterance, False in padding."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class LogMel(nn.Module):
    """Log-mel energies, 100 frames a second: those of transformers' `WhisperFeatureExtractor` for a lone utterance."""

    hop_length = HOP

    def __init__(self, bands: int) -> None:
        super().__init__()
        filters = mel_filter_bank(
            WINDOW // 2 + 1, bands, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, "slaney", "slaney"
        )
        self.register_buffer("filters", torch.tensor(filters.T, dtype=torch.float32), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N) waveforms and their samples -> (B, T, bands), 0 in padding, and frames: one for each whole hop."""
        frames = lengths // HOP
        spectrum = torch.stft(
            _mirrored(waves, lengths), WINDOW, HOP, window=self.window, center=False, return_complex=True
        )
        power = spectrum[..., : int(frames.max())].abs() ** 2  # (B, 201, T)
        logs = (self.filters @ power).clamp_min(1e-10).log10().transpose(1, 2)
        padding = ~frame_mask(frames, logs.shape[1])[..., None]
        loudest = logs.masked_fill(padding, -torch.inf).amax((1, 2), keepdim=True)
        return ((torch.maximum(logs, loudest - 8) + 4) / 4).masked_fill(padding, 0), frames


def _mirrored(waves: Tensor, lengths: Tensor) -> Tensor:
    """(B, N + WINDOW): each waveform between half a window of its mirror image, as `torch.stft` sees a lone one."""
    at = torch.arange(-(WINDOW // 2), waves.shape[1] + WINDOW // 2, device=waves.device).abs()
    last = lengths[:, None] - 1
    return waves.gather(1, (last - (last - at).abs()).clamp_min(0))


class Embed(nn.Module):
    """The two convolutions, which halve the frame rate to 50 a second, and the positions."""

    def __init__(self, whole: WhisperEncoder) -> None:
        super().__init__()
        self.conv1, self.conv2, self.positions = whole.conv1, whole.conv2, whole.embed_positions
        self.dropout = whole.config.dropout

    def forward(self, mels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, bands), (B, 1, T) bool -> (B, T', d), (B, 1, T') bool; T' = T / 2 rounded up."""
        x = gelu(self.conv1(mels.transpose(1, 2).masked_fill(~mask, 0))).masked_fill(~mask, 0)
        x = gelu(self.conv2(x)).transpose(1, 2)
        if x.shape[1] > self.positions.num_embeddings:
            seconds = self.positions.num_embeddings * 2 * HOP / SAMPLE_RATE
            got = x.shape[1] * 2 * HOP / SAMPLE_RATE
            raise DataError(
                f"this Whisper hears at most {seconds:g} s at once, got {got:.2f} s: cut the utterance"
            )
        x = x + self.positions.weight[: x.shape[1]]
        return dropout(x, self.dropout, self.training), mask[..., ::2]


class PaddingFree(nn.Module):
    """The modules of a transformers `WhisperEncoder` (shared, not copied), run on as many frames as there are.

    ``checkpointing``: in training, blocks are computed again in the backward pass instead of being remembered.
    """

    def __init__(self, whole: WhisperEncoder, checkpointing: bool = False) -> None:
        super().__init__()
        self.max_positions = whole.config.max_source_positions
        whole.config._attn_implementation = "sdpa"  # the one that takes boolean masks
        self.embed, self.encoders, self.after_norm = Embed(whole), whole.layers, whole.layer_norm
        self.checkpointing = checkpointing

    def forward(self, mels: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, T, bands) and frames -> embedding, each block's output and the final norm, (B, T', d) each; frames."""
        x, mask = self.embed(mels, frame_mask(lengths, mels.shape[1])[:, None])
        layers = [x]
        for block in self.encoders:
            again = self.checkpointing and self.training
            x = checkpoint(block, x, mask[:, None], use_reentrant=False) if again else block(x, mask[:, None])
            layers.append(x)
        return [*layers, self.after_norm(x)], mask.sum((1, 2))

"""Whisper as ESPnet has its parts: ``frontend: whisper_logmel`` and ``encoder: hf_whisper`` of the task asr.

ESPnet's own ``whisper`` lets batch padding leak, downloads by name, and does not run with current openai-whisper.
Here the configuration holds the architecture only, and weights come from a checkpoint like any others.
"""

from typing import Any

from espnet2.asr.encoder.abs_encoder import AbsEncoder
from espnet2.asr.frontend.abs_frontend import AbsFrontend
from torch import Tensor
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from fangyan.encoders.whisper import LogMel, PaddingFree
from fangyan.environment import install_extra
from fangyan.errors import DataError, UserError


class LogMelFrontend(LogMel, AbsFrontend):
    """``whisper_logmel``: log-mel energies of ``n_mels`` bands (80; large-v3 has 128), which SpecAugment works on."""

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__(n_mels)
        self.n_mels = n_mels

    def output_size(self) -> int:
        return self.n_mels


class PaddingFreeEncoder(PaddingFree, AbsEncoder):
    """``hf_whisper``: transformers' Whisper encoder, whose parts have the names of ESPnet's other encoders.

    ``max_positions``: the longest input in frames of 20 ms; ``lora``: rank, alpha, dropout and targets of low-rank
    adapters, which are then all that is trained of the encoder. (ESPnet takes another path for "Whisper" in a name.)
    """

    def __init__(
        self,
        input_size: int,
        output_size: int = 384,
        num_blocks: int = 4,
        attention_heads: int = 6,
        linear_units: int = 1536,
        max_positions: int = 1500,
        dropout_rate: float = 0.0,
        attention_dropout_rate: float = 0.0,
        gradient_checkpointing: bool = False,
        lora: dict[str, Any] | None = None,
    ) -> None:
        config = WhisperConfig(
            num_mel_bins=input_size,
            d_model=output_size,
            encoder_layers=num_blocks,
            encoder_attention_heads=attention_heads,
            encoder_ffn_dim=linear_units,
            max_source_positions=max_positions,
            dropout=dropout_rate,
            attention_dropout=attention_dropout_rate,
        )
        super().__init__(WhisperEncoder(config), gradient_checkpointing)
        if lora:
            self.requires_grad_(False)
            add_lora(self.encoders, **lora)

    def output_size(self) -> int:
        return self.after_norm.normalized_shape[0]

    def forward(self, xs_pad: Tensor, ilens: Tensor, prev_states: None = None) -> tuple[Tensor, Tensor, None]:
        """(B, T, bands) and frames -> the final norm (B, T', d), its frames, no state."""
        layers, frames = super().forward(xs_pad, ilens)
        return layers[-1], frames, None


def add_lora(
    blocks,
    rank: int = 8,
    alpha: float = 16,
    dropout: float = 0.0,
    targets: tuple[str, ...] = ("q_proj", "v_proj"),
) -> None:
    """Gives the linear layers of ``blocks`` named in ``targets`` trainable low-rank adapters.

    Hu et al. 2022: LoRA. The adapters stay in the checkpoint, so that a packed model needs peft, too.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise UserError(f"encoder_conf has lora, which needs peft: {install_extra('lora')}") from None
    try:
        config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(targets))
        inject_adapter_in_model(config, blocks)
    except ValueError as error:
        raise DataError(f"encoder_conf: lora: {error}") from None

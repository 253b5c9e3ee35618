"""The model of the task pretrain: an encoder in two stacks, heads for units, and CTC of texts as units.

`training.tasks.pretrain` says what it learns; importing this imports ESPnet.
"""

from collections.abc import Mapping
from functools import partial
from math import isfinite
from typing import Any

import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.legacy.nets.pytorch_backend.nets_utils import make_pad_mask
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Generator, Tensor, nn

from fangyan.encoders.blocks import first_tensor
from fangyan.encoders.espnet import frame_rate
from fangyan.errors import DataError
from fangyan.training import stacks
from fangyan.training.masking import at_frames, frames_of_units, spans
from fangyan.training.unit_heads import UnitHeads

SPEECH_STACK, SHARED_STACK = "speech", "shared"
FIXED = 0
"""Seed of the masks of the development set, which are the same in each epoch."""
ENDLESS = float("inf")
LIMITS: Mapping[str, tuple[type, float, float]] = {
    "units": (int, 2, ENDLESS),
    "label_rate": (float, 1, 16000),
    "speech_layers": (int, 1, ENDLESS),
    "mask_prob": (float, 0, 1),
    "mask_length": (int, 1, ENDLESS),
    "feature_penalty": (float, 0, ENDLESS),
    "feature_grad_mult": (float, 0, 1),
    "unit_ctc": (float, 0, ENDLESS),
    "temperature": (float, 0.001, ENDLESS),
    "projection": (int, 1, ENDLESS),
}
"""Numbers of the model: whole or not, the least and the greatest."""


class Pretrained(ESPnetASRModel):
    """An encoder in two stacks, with heads for units and ESPnet's CTC."""

    def __init__(
        self,
        units: int,
        label_rate: float,
        speech_layers: int,
        mask_prob: float = 0.8,
        mask_length: int = 10,
        swap: bool = True,
        feature_penalty: float = 10.0,
        feature_grad_mult: float = 1.0,
        unit_ctc: float = 0.1,
        temperature: float = 0.1,
        projection: int = 256,
        **others,
    ) -> None:
        _check_numbers(locals())
        super().__init__(**others | {"ctc_weight": 1.0, "decoder": None})
        stacks.check_split(self.encoder, speech_layers)
        self.split, self.least_blocks = speech_layers, speech_layers + 1
        self.mask_prob, self.mask_length, self.swap = mask_prob, mask_length, swap
        self.feature_penalty, self.feature_grad_mult = feature_penalty, feature_grad_mult
        self.unit_ctc = unit_ctc
        self.ratio, size = label_rate / frame_rate(self), self.encoder.output_size()
        self.heads = UnitHeads((SPEECH_STACK, SHARED_STACK), size, units, projection, temperature)
        self.embedding, self.embedding_norm = nn.Embedding(units, size), nn.LayerNorm(size)
        # Positions multiply what enters the speech stack by √d: so masks of both stacks are alike in size.
        self.speech_mask = nn.Parameter(torch.empty(size).uniform_() / size**0.5)
        self.text_mask = nn.Parameter(torch.empty(size).uniform_())

    def collect_feats(self, speech, speech_lengths, **others):
        """As ESPnet's: statistics are of speech alone."""
        return super().collect_feats(speech, speech_lengths, None, None)

    def forward(self, speech, speech_lengths, units, units_lengths, text_units=None, text=None, **others):
        """(loss, what history.tsv has of it, masked frames); ``text_units``, ``text`` are (B', ...) of texts."""
        loss, told, count = self._speech(speech, speech_lengths, units, units_lengths)
        if text_units is not None and self.unit_ctc:
            ctc, told["cer_text"] = self._text(
                text_units, others["text_units_lengths"], text, others["text_lengths"]
            )
            loss, told["loss_ctc_text"] = loss + self.unit_ctc * ctc, ctc.detach()
        told["loss"] = loss.detach()
        return force_gatherable((loss, told, count), loss.device)

    def _speech(self, speech, speech_lengths, units, units_lengths) -> tuple[Tensor, dict, Tensor]:
        """The loss of speech, its parts, and the number of masked frames."""
        features, lengths, penalty = self._features(speech, speech_lengths)
        frames, random = stacks.frames_of(self.encoder, lengths), self._random()
        targets = at_frames(units, units_lengths, frames, self.ratio)
        masked = self._spans(frames, self.mask_prob, self.mask_length, random)
        mask = partial(_where, masked, self.speech_mask)
        stream, masks = stacks.enter(self.encoder, features, lengths, mask)
        stream = stacks.through(self.encoder, stream, masks, range(self.split))
        heard = first_tensor(stream)
        swapped = self._swapped(heard, targets, masked, frames)
        shared = self._shared(stacks.with_frames(stream, swapped), masks)
        wanted = targets[masked]
        loss_speech, acc_speech = self.heads.predict(SPEECH_STACK, heard[masked], wanted)
        loss_shared, acc_shared = self.heads.predict(SHARED_STACK, shared[masked], wanted)
        told = {"loss_speech": loss_speech.detach(), "loss_shared": loss_shared.detach()}
        told |= {"acc_speech": acc_speech, "acc_shared": acc_shared}
        loss = loss_speech + loss_shared
        if penalty is not None:
            told["loss_features"] = penalty.detach()
            loss = loss + self.feature_penalty * penalty
        return loss, told, masked.sum()

    def _text(self, units, units_lengths, text, text_lengths) -> tuple[Tensor, float | None]:
        """CTC's mean loss over the characters of texts that are read as masked units, and its errors in evaluation."""
        frames = frames_of_units(units_lengths, self.ratio)
        chosen = at_frames(units, units_lengths, frames, self.ratio)
        masked = self._spans(frames, self.mask_prob, self.mask_length, self._random())
        given = _where(masked, self.text_mask, self._embedded(chosen))
        masks = (chosen >= 0)[:, None]
        written = self._shared(stacks.placed(self.encoder, given), masks)
        loss, errors = self._calc_ctc_loss(written, frames, text, text_lengths)
        return loss * len(text) / text_lengths.sum(), errors

    def of_units(self, units: Tensor, units_lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """The layers from what enters the shared stack on, (B, T, d) each, of texts without masks, and (B,) frames.

        ``units``: (B, U), padded behind ``units_lengths``.
        """
        frames = frames_of_units(units_lengths, self.ratio)
        chosen = at_frames(units, units_lengths, frames, self.ratio)
        masks, stream = (chosen >= 0)[:, None], stacks.placed(self.encoder, self._embedded(chosen))
        layers = [first_tensor(stream)]
        for n in range(self.split, len(self.encoder.encoders)):
            stream = stacks.through(self.encoder, stream, masks, range(n, n + 1))
            layers.append(first_tensor(stream))
        norm = [stacks.leave(self.encoder, stream)] if hasattr(self.encoder, "after_norm") else []
        return [*layers, *norm], frames

    def _features(self, speech: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What ESPnet's ``encode`` gives the encoder, and the mean square of what a front end gives that is learnt."""
        with torch.autocast(speech.device.type, enabled=self.autocast_frontend):
            features, lengths = self._extract_feats(speech, lengths)
            penalty = None
            if any(weight.requires_grad for weight in self.frontend.parameters()):
                penalty = features[~make_pad_mask(lengths)].float().square().mean()
                share = self.feature_grad_mult
                features = share * features + (1 - share) * features.detach()
            for part in (self.specaug if self.training else None, self.normalize):
                features, lengths = part(features, lengths) if part is not None else (features, lengths)
        return features, lengths, penalty

    def _shared(self, stream: stacks.Stream, masks: Tensor) -> Tensor:
        """What the encoder gives, of what enters the shared stack."""
        blocks = range(self.split, len(self.encoder.encoders))
        return stacks.leave(self.encoder, stacks.through(self.encoder, stream, masks, blocks))

    def _swapped(self, heard: Tensor, targets: Tensor, masked: Tensor, frames: Tensor) -> Tensor:
        """The frames of speech, in training some of which are not masked replaced by the embeddings of their units."""
        if not (self.swap and self.training):
            return heard
        chosen = self._spans(frames, self.mask_prob / 2, max(1, self.mask_length // 2), None) & ~masked
        return torch.where(chosen[..., None], self._embedded(targets).to(heard.dtype), heard)

    def _embedded(self, units: Tensor) -> Tensor:
        return self.embedding_norm(self.embedding(units.clamp(min=0)))

    def _spans(self, frames: Tensor, share: float, length: int, random: Generator | None) -> Tensor:
        return spans(frames, share, length, random=random).to(frames.device)

    def _random(self) -> Generator | None:
        """What masks are drawn by: in training torch's own, for the development set always the same."""
        return None if self.training else torch.Generator().manual_seed(FIXED)


def _check_numbers(given: Mapping[str, Any]) -> None:
    """`DataError` for a number of the model that is none, or out of `LIMITS`, and for a ``swap`` that is no choice."""
    for name, (kind, least, most) in LIMITS.items():
        value = given[name]
        known = int if kind is int else int | float
        number = isinstance(value, known) and not isinstance(value, bool) and isfinite(value)
        if not number or not least <= value <= most:
            whole, end = "whole " if kind is int else "", f" to {most:g}" if most < ENDLESS else " up"
            raise DataError(f"model_conf: {name} is a {whole}number from {least:g}{end}, got {value!r}")
    if not isinstance(given["swap"], bool):
        raise DataError(f"model_conf: swap is true or false, got {given['swap']!r}")


def _where(masked: Tensor, instead: Tensor, frames: Tensor) -> Tensor:
    """(B, T, d) frames, ``instead``, (d,), where (B, T) ``masked``."""
    return torch.where(masked[..., None], instead.to(frames.dtype), frames)

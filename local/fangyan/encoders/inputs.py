"""What an encoder of transformers is given: features of one utterance without padding, and batches of equal ones."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders.towers import MASKLESS, WINDOWS
from fangyan.errors import DataError, UserError

ASKED = {
    "sampling_rate": SAMPLE_RATE,
    "padding": True,
    "truncation": False,
    "return_attention_mask": True,
    "return_tensors": "pt",
}
"""What a feature extractor is told, as far as it takes it: nothing is cut, nothing is padded to 30 s."""
MASKS = ("attention_mask", "input_features_mask", "padding_mask")
"""What encoders call a mask that is 1 where there are features."""


class Features:
    """Waveforms to features, one by one: an extractor's own batches differ in their last frames and in padding."""

    def __init__(self, extractor: Any) -> None:
        self.extractor = extractor
        taken = signature(extractor.__call__).parameters
        self.settings = {key: value for key, value in ASKED.items() if key in taken}
        self.time = self._find_time()

    def __call__(self, wave: np.ndarray) -> Tensor:
        """(N,) samples or (t, bands) features: time first, normalised over the utterance if the settings say so."""
        made = self._make(wave)
        features = made[self.extractor.model_input_names[0]]
        if len(features) != 1:
            seconds = len(wave) / SAMPLE_RATE
            raise DataError(
                f"{seconds:.2f} s are heard in {len(features)} pieces by this encoder: cut the utterance"
            )
        mask = next((value for key, value in made.items() if key.endswith("mask")), None)
        if mask is not None and mask.shape[-1] == features.shape[self.time + 1]:
            features = features.narrow(self.time + 1, 0, int(mask.sum()))
        return features[0].movedim(self.time, 0)

    def _make(self, wave: np.ndarray) -> Mapping[str, Any]:
        return self.extractor([wave], **self.settings)

    def _find_time(self) -> int:
        """The axis of features that more speech makes longer."""
        name = self.extractor.model_input_names[0]
        noise = np.random.default_rng(0).normal(0, 0.01, 3 * SAMPLE_RATE).astype(np.float32)
        short, long = (self._make(wave)[name][0].shape for wave in (noise[:SAMPLE_RATE], noise))
        axes = [axis for axis, (few, many) in enumerate(zip(short, long, strict=True)) if few < many]
        if not axes:
            raise UserError(f"{type(self.extractor).__name__} makes no more features of more speech")
        return axes[0]


class Arguments:
    """Batches of features to what the ``forward`` of an encoder takes."""

    def __init__(self, model: Any, time: int, device: str) -> None:
        kind = model.config.model_type
        self.time, self.device = time, device
        self.window = WINDOWS[kind](model.config) if kind in WINDOWS else 1
        self.taken = [] if kind in MASKLESS else [*signature(model.forward).parameters]

    def __call__(self, features: Sequence[Tensor]) -> tuple[tuple[Tensor], dict[str, Tensor]]:
        """The padded batch, in the order of axes of the encoder, and what else it asks for: masks, lengths."""
        lengths = torch.tensor([len(x) for x in features])
        batch = pad_sequence(features, batch_first=True)
        batch = pad(batch, (0, 0) * (batch.ndim - 2) + (0, -batch.shape[1] % self.window))
        mask = torch.arange(batch.shape[1]) < lengths[:, None]
        others = {name: mask.long() for name in MASKS if name in self.taken}
        if "audio_mel_mask" in self.taken:
            others["audio_mel_mask"] = ~mask
        if "feature_lens" in self.taken:  # packed: (bands, time of all)
            others["feature_lens"] = lengths
            batch = batch.flatten(0, 1).T
        else:
            batch = batch.movedim(1, self.time + 1)
        return (batch.to(self.device),), {name: value.to(self.device) for name, value in others.items()}

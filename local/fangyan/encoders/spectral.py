"""Spectral baselines: log-mel filter bank energies and MFCC, what an encoder hears before it understands."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, bounds
from fangyan.errors import UserError

HOP = 160  # samples: 10 ms
WINDOW = 400  # samples: 25 ms
BANDS = 80
COEFFICIENTS = 13


class Spectral(Encoder):
    """One layer of 80 log-mel energies (fbank) or 13 MFCC with deltas and delta-deltas (mfcc), 100 frames a second.

    Mean and variance are normalised per utterance and dimension, as is usual before frames are compared.
    """

    frame_rate, masked, heard = SAMPLE_RATE / HOP, True, range(WINDOW, bounds.ENDLESS)

    def __init__(self, kind: str) -> None:
        import torchaudio

        self.layers = (kind,)
        mel = {"n_fft": 512, "win_length": WINDOW, "hop_length": HOP, "n_mels": BANDS}
        self.mel = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, **mel)
        self.cosine = (
            torchaudio.functional.create_dct(COEFFICIENTS, BANDS, "ortho") if kind == "mfcc" else None
        )
        self.deltas = torchaudio.functional.compute_deltas

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[0][utterance]`` -> (T, 80) or (T, 39) float32."""
        bounds.check_length(self.heard, waves)
        return [[self._features(wave) for wave in waves]]

    def _features(self, wave: np.ndarray) -> np.ndarray:
        import torch

        features = self.mel(torch.from_numpy(wave)).clamp_min(1e-10).log()  # (bands, T)
        if self.cosine is not None:
            static = self.cosine.T @ features
            first = self.deltas(static)
            features = torch.cat([static, first, self.deltas(first)])
        features = features - features.mean(1, keepdim=True)
        return (features / features.std(1, keepdim=True, correction=0).clamp_min(1e-5)).T.contiguous().numpy()


def load(argument: str, device: str, kind: str) -> Spectral:
    """The baseline of that kind; it takes no argument and runs on the CPU."""
    if argument:
        raise UserError(f"encoder {kind} takes no argument, got {kind}:{argument}")
    return Spectral(kind)


def files(argument: str) -> list[Path]:
    """The files whose content decides what the encoder computes: none."""
    return []

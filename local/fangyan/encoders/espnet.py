"""Encoders of ESPnet ASR models: the subsampling output, each block and the final norm, free of batch padding."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from fangyan.audio import SAMPLE_RATE
from fangyan.encoders import Encoder
from fangyan.encoders.espnet_model import files, read  # noqa: F401  (files: part of a family)
from fangyan.errors import DataError, UserError

ENDLESS = 2**32
"""More samples than any utterance has."""


class ESPnetEncoder(Encoder):
    """Any ESPnet ASR encoder made of ``embed``, ``encoders``, ``after_norm`` (E-Branchformer, Whisper, Conformer ...).

    ESPnet itself lets batch padding leak into the last frames of an utterance: the frame mask of the subsampling is a
    frame too long, convolutions along time see neighbouring padding, and the spectrum of the last window sees zeros
    instead of a reflection. Here the front end runs per utterance, the mask follows the convolutions exactly, and
    padding is zeroed before every convolution along time, which is what a lone utterance would see.
    """

    def __init__(self, model, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device
        self.blocks = list(model.encoder.encoders)
        names = [f"layer{n:02d}" for n in range(len(self.blocks) + 1)]
        self.layers = (*names, *(["norm"] if hasattr(model.encoder, "after_norm") else []))
        self.frame_rate = frame_rate(model)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        import torch

        shortest = min(map(len, waves))
        if frame_count(self.model, shortest) < 1:
            raise DataError(f"an utterance is too short for the subsampling: {shortest} samples")
        with torch.inference_mode():
            features = [self._front_end(wave) for wave in waves]
            lengths = torch.tensor([len(f) for f in features], device=self.device)
            frames = after_subsampling(self.model.encoder, lengths)
            batch = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
            with self._without_padding(frames) as outputs:
                self.model.encoder(batch, lengths)
        return [
            [output[n, :length].float().cpu().numpy() for n, length in enumerate(frames.tolist())]
            for output in outputs
        ]

    def _front_end(self, wave: np.ndarray):
        import torch

        speech = torch.from_numpy(wave).to(self.device)[None]
        features, lengths = self.model._extract_feats(speech, torch.tensor([len(wave)], device=self.device))
        if self.model.normalize is not None:
            features, lengths = self.model.normalize(features, lengths)
        return features[0, : lengths[0]]

    @contextmanager
    def _without_padding(self, frames) -> Iterator[list]:
        """Hooks that collect the output of every layer and keep padding out of all of them."""
        import torch

        outputs: list = []
        valid = torch.arange(int(frames.max()), device=self.device) < frames[:, None]  # (batch, T)

        def tensor(output):  # blocks give a tensor, or it with its mask, or it with positions, and a mask
            return tensor(output[0]) if isinstance(output, tuple) else output

        def embed(module, args, output):
            outputs.append(tensor(output)[:, : valid.shape[1]])
            return output[0], valid[:, None]

        def block(module, args, output):
            outputs.append(tensor(output))

        def convolution(module, args):
            return (args[0] * valid[:, None].to(args[0].dtype), *args[1:])

        encoder = self.model.encoder
        hooks = [encoder.embed.register_forward_hook(embed)]
        hooks += [module.register_forward_hook(block) for module in self.blocks]
        if "norm" in self.layers:
            hooks.append(encoder.after_norm.register_forward_hook(block))
        for module in encoder.encoders.modules():
            if isinstance(module, torch.nn.Conv1d) and module.kernel_size[0] > 1:
                hooks.append(module.register_forward_pre_hook(convolution))
        try:
            yield outputs
        finally:
            for hook in hooks:
                hook.remove()


def subsampling(encoder) -> list:
    """The convolutions along time before the first block of an encoder."""
    import torch

    return [m for m in encoder.embed.modules() if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d)]


def after_subsampling(encoder, lengths):
    """Frames after the subsampling of an encoder, for feature frames before it: a number or a tensor of numbers."""
    for conv in subsampling(encoder):
        padding = 0 if isinstance(conv.padding, str) else conv.padding[0]
        lengths = (lengths + 2 * padding - conv.kernel_size[0]) // conv.stride[0] + 1
    return lengths


def frame_rate(model) -> float:
    """Frames a second of an ESPnet ASR model's encoder."""
    strides = [conv.stride[0] for conv in subsampling(model.encoder)]
    return SAMPLE_RATE / model.frontend.hop_length / float(np.prod(strides))


def frame_count(model, samples: int) -> int:
    """Frames of an ESPnet ASR model's encoder for a waveform of so many samples; below 1 where it is too short."""
    centred = hasattr(model.frontend, "stft")  # ESPnet's own front end also has the frame around the very end
    return after_subsampling(model.encoder, samples // model.frontend.hop_length + centred)


def audible(model) -> range:
    """The numbers of samples that the encoder of an ESPnet ASR model hears at once; any where it does not tell."""
    if getattr(model.encoder, "embed", None) is None or not hasattr(model.frontend, "hop_length"):
        return range(1, ENDLESS)
    frames, longest = partial(frame_count, model), getattr(model.encoder, "max_positions", ENDLESS)
    mirrored = model.frontend.stft.n_fft // 2 if hasattr(model.frontend, "stft") else 0  # of what is longer
    least = bisect_left(range(ENDLESS), 1, key=frames)
    return range(max(least, mirrored + 1), bisect_right(range(ENDLESS), longest, key=frames))


def beyond(heard: range, samples: int) -> str:
    """What to tell of a wave of so many samples, which is not within what is `audible`."""
    least, most = (f"{n / SAMPLE_RATE:.4g} s" for n in (heard.start, heard.stop - 1))
    span = f"{least} or more" if heard.stop >= ENDLESS else f"{least} to {most}"
    return f"this encoder hears {span} at once, got {samples / SAMPLE_RATE:.4g} s"


def load(argument: str, device: str, trained: bool) -> ESPnetEncoder:
    """The encoder of an experiment, a packed model or a Hub id; with untrained weights (seed 0) unless ``trained``."""
    model, recommended = read(argument, trained)
    if not all(hasattr(model.encoder, part) for part in ("embed", "encoders")):
        raise UserError(
            f"{argument}: the encoder {type(model.encoder).__name__} has no embed and encoders to look into"
        )
    encoder = ESPnetEncoder(model, device)
    encoder.recommended = recommended
    return encoder

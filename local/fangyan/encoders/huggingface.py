"""Speech encoders of transformers: Whisper, wav2vec 2.0 (XLS-R, MMS), HuBERT, WavLM, w2v-BERT 2.0, SEW, ...

layer00 is what enters the first block, layerNN what block NN gives. ``norm`` is there where the model normalises the
last block's output: Whisper, Speech2Text, Conformers, wav2vec 2.0 and its kin with ``do_stable_layer_norm`` (the large
ones). What some models have behind that (decoder, adapter, the upsampling of SEW, heads) is left out.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, bounds
from fangyan.encoders.blocks import in_batches, watch_blocks, without_padding
from fangyan.encoders.pretrained import read
from fangyan.errors import UserError

HEARD = range(SAMPLE_RATE // 10, bounds.ENDLESS)
"""Below 0.1 s some of these models have no frame at all."""

MASKED = ("wav2vec2", "wav2vec2-bert", "hubert", "wavlm", "unispeech", "unispeech-sat")
"""Model types that keep masked padding out of every layer. The others encode together only what is of equal length."""


class TransformersEncoder(Encoder):
    """Any encoder that is a stack of blocks; its input is made by the feature extractor that comes with it."""

    def __init__(self, model, extractor, device: str) -> None:
        self.model = model.to(device).eval()
        self.extractor = extractor
        self.device = device
        # HuBERT's batch norm before the convolutional positions makes something of the zeros of padding.
        self.masked = model.config.model_type in MASKED and not getattr(
            model.config, "conv_pos_batch_norm", False
        )
        if self.masked and getattr(model.config, "feat_extract_norm", "") == "group":
            model.feature_extractor = OneByOne(model.feature_extractor)
        self.blocks = _stack(model)
        self.layers, self.frame_rate = self._measure()

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        bounds.check_length(HEARD, waves)
        inputs = [self._input(wave) for wave in waves]
        return in_batches(inputs, self.masked, self._forward)[
            : len(self.layers)
        ]  # the last output may be no layer

    def _input(self, wave: np.ndarray) -> Tensor:
        """(N,) samples or (t, bands) features, normalised over the utterance if the model's settings say so."""
        made = self.extractor(
            wave, sampling_rate=SAMPLE_RATE, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        return made[self.model.main_input_name][0, : int(made["attention_mask"].sum())]

    def _forward(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """layer00, each block's and the last output, (B, T, d) each, and the frames of each utterance."""
        lengths = torch.tensor([len(x) for x in inputs])
        batch = pad_sequence(inputs, batch_first=True)
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long().to(self.device)
        for front in self.model.children():
            if isinstance(front, OneByOne):
                front.lengths = lengths.tolist()
        with torch.inference_mode(), watch_blocks(self.blocks) as outputs:
            named = {self.model.main_input_name: batch.to(self.device)}
            outputs.append(self.model(**named, attention_mask=mask).last_hidden_state)
        if self.masked:
            return outputs, self.model._get_feat_extract_output_lengths(lengths)
        return outputs, torch.full_like(lengths, outputs[0].shape[1])

    def _measure(self) -> tuple[tuple[str, ...], float]:
        """The names of the layers and the frames a second, found out with one and eleven seconds of noise."""
        noise = np.random.default_rng(0).normal(0, 0.01, 11 * SAMPLE_RATE).astype(np.float32)
        (_, few), (outputs, many) = (self._forward([self._input(x)]) for x in (noise[:SAMPLE_RATE], noise))
        if many <= few:
            raise UserError(
                f"{type(self.model).__name__} gives no more frames for more speech: no speech encoder"
            )
        *_, before, last = outputs
        names = [f"layer{n:02d}" for n in range(len(outputs) - 1)]
        normed = before.shape == last.shape and not torch.equal(before, last)
        return (*names, *(["norm"] if normed else [])), float(many - few) / 10


class OneByOne(nn.Module):
    """A convolutional front end that each utterance of a padded batch passes alone, without its padding.

    For group norm over time, which mixes padding into everything (the base models of wav2vec 2.0, HuBERT, WavLM).
    """

    def __init__(self, front: nn.Module) -> None:
        super().__init__()
        self.front = front
        self.lengths: list[int] = []

    def forward(self, waves: Tensor) -> Tensor:
        """(B, N), of which row n holds ``lengths[n]`` samples -> (B, d, T), zeros behind each utterance."""
        alone = [self.front(wave[None, :n])[0].T for wave, n in zip(waves, self.lengths, strict=True)]
        return pad_sequence(alone, batch_first=True).transpose(1, 2)


class Whisper(Encoder):
    """Whisper's encoder on as much as was said, at most 30 s, without the padding to 30 s."""

    def __init__(self, model, device: str) -> None:
        from fangyan.encoders.whisper import HOP, LogMel, PaddingFree

        self.device = device
        self.mel = LogMel(model.config.num_mel_bins).to(device)
        self.model = PaddingFree(model).to(device).eval()
        self.layers = (*(f"layer{n:02d}" for n in range(len(self.model.encoders) + 1)), "norm")
        self.frame_rate = SAMPLE_RATE / HOP / 2
        self.heard = range(HEARD.start, (2 * self.model.max_positions + 1) * HOP)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32; `DataError` for less than 0.1 s or more than 30 s."""
        bounds.check_length(self.heard, waves)
        lengths = torch.tensor([len(wave) for wave in waves], device=self.device)
        batch = pad_sequence([torch.from_numpy(wave) for wave in waves], batch_first=True)
        with torch.inference_mode():
            outputs, frames = self.model(*self.mel(batch.to(self.device), lengths))
        return [without_padding(output, frames) for output in outputs]


def load(argument: str, device: str) -> Encoder:
    """The encoder of a model on the Hub or in a folder, as ``save_pretrained`` writes it."""
    model, extractor = read(argument)
    if model.config.model_type == "whisper":
        return Whisper(model, device)
    try:
        return TransformersEncoder(model, extractor, device)
    except UserError:
        raise
    except Exception as error:  # of whatever kind: they are tried together for the first time
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"hf:{argument}: its {type(model).__name__} and its feature extractor do not encode speech: {why}"
        ) from None


def _stack(model: nn.Module) -> nn.ModuleList:
    """The blocks: the outermost list of modules that is called layers (or layer)."""
    for module in model.modules():
        for name in ("layers", "layer"):
            if isinstance(blocks := getattr(module, name, None), nn.ModuleList):
                return blocks
    raise UserError(f"{type(model).__name__} is no stack of blocks that could be looked into")

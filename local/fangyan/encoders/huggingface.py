"""Speech encoders of transformers: Whisper, wav2vec 2.0 (XLS-R, MMS), HuBERT, WavLM, audio towers of speech LLMs, ...

layer00 is what enters the first block, layerNN what block NN gives. ``norm`` is there where the model normalises the
last block's output: Whisper, Speech2Text, Conformers, Qwen3-ASR, GLM-ASR, wav2vec 2.0 and its kin with
``do_stable_layer_norm`` (the large ones). What some models have behind that (decoder, adapter, pooling, the upsampling
of SEW, heads, the language model) is left out.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, bounds
from fangyan.encoders.blocks import in_batches, normalises, watch_blocks, without_padding
from fangyan.encoders.facts import Facts, licence, measure
from fangyan.encoders.inputs import Arguments, Features
from fangyan.encoders.pretrained import read, sketch
from fangyan.encoders.towers import MASKED, PIECES, POOLED, POSITIONS, is_like_whisper, recommended
from fangyan.errors import UserError

LEAST = SAMPLE_RATE // 10
"""Below 0.1 s some of these models have no frame at all; some want more."""
LONG = 13
"""Seconds; twelve more than one are whole frames of 20, 24, 40, 60 and 80 ms."""
STACKS = ("layers", "layer", "conformer")
"""What lists of blocks are called."""


class TransformersEncoder(Encoder):
    """Any encoder that is a stack of blocks; its input is made by the feature extractor that comes with it."""

    def __init__(self, model, extractor, device: str) -> None:
        self.model = model.to(device).eval()
        self.features = Features(extractor)
        self.arguments = Arguments(model, self.features.time, device)
        # HuBERT's batch norm before the convolutional positions makes something of the zeros of padding.
        self.masked = model.config.model_type in MASKED and not getattr(
            model.config, "conv_pos_batch_norm", False
        )
        if self.masked and getattr(model.config, "feat_extract_norm", "") == "group":
            model.feature_extractor = OneByOne(model.feature_extractor)
        self.blocks, self.norm = _stack(model), None
        self.recommended = recommended(model.config.to_dict())
        self._measure()

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        bounds.check_length(self.heard, waves)
        return in_batches([self.features(wave) for wave in waves], self.masked, self._forward)

    def rate_of(self, layer: str) -> float:
        """Feature frames a second at a layer: Granite-Speech-5 subsamples between blocks."""
        return self.rates[layer]

    def _forward(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Of layer00, each block and the norm: the output, (B, T, d); and the frames of each utterance."""
        lengths = torch.tensor([len(x) for x in inputs])
        for front in self.model.children():
            if isinstance(front, OneByOne):
                front.lengths = lengths.tolist()
        args, named = self.arguments(inputs)
        with torch.inference_mode(), watch_blocks(self.blocks, self.norm) as outputs:
            self.model(*args, **named)
        # Some encoders pack the utterances of a batch, here of equal length, into one sequence.
        outputs = [x if x.ndim > 2 else x.unflatten(0, (len(inputs), -1)) for x in outputs]
        if not self.masked:
            return outputs, torch.full_like(lengths, max(x.shape[1] for x in outputs))
        frames_of = getattr(self.model, "_get_feat_extract_output_lengths", lambda lengths: lengths)
        return outputs, frames_of(lengths)

    def _measure(self) -> None:
        """Finds out layers, frames a second and how much is heard, with noise of 1 and of `LONG` s."""
        noise = np.random.default_rng(0).normal(0, 0.01, LONG * SAMPLE_RATE).astype(np.float32)
        second, long = (self.features(wave) for wave in (noise[:SAMPLE_RATE], noise))
        self.norm = normalises(self.model, self.blocks, lambda: self._forward([second]))
        few, many = ([x.shape[1] for x in self._forward([features])[0]] for features in (second, long))
        if many[-1] <= few[-1]:
            raise UserError(
                f"{type(self.model).__name__} gives no more frames for more speech: no speech encoder"
            )
        blocks = tuple(f"layer{n:02d}" for n in range(len(self.blocks) + 1))
        self.layers = (*blocks, "norm") if self.norm else blocks
        rates = [(more - fewer) / (LONG - 1) for fewer, more in zip(few, many, strict=True)]
        self.rates, self.frame_rate = dict(zip(self.layers, rates, strict=True)), rates[-1]
        self.heard = range(self._shortest(noise), self._longest(few[0], rates[0]))

    def _shortest(self, noise: np.ndarray) -> int:
        """The least of whole tenths of a second that gives a frame."""
        for samples in range(LEAST, SAMPLE_RATE, LEAST):
            try:
                if all(x.shape[1] for x in self._forward([self.features(noise[:samples])])[0]):
                    return samples
            except Exception:  # of whatever kind: kernels that are longer than their input
                continue
        return SAMPLE_RATE

    def _longest(self, frames_of_a_second: int, rate: float) -> int:
        """One more than the samples that are not cut into pieces, and that there are positions for."""
        kind, extractor = self.model.config.model_type, self.features.extractor
        if (name := type(extractor).__name__) in PIECES:
            return int(PIECES[name](extractor) * SAMPLE_RATE) + 1
        if kind not in POSITIONS:
            return bounds.ENDLESS
        frames = getattr(self.model.config, POSITIONS[kind]) - frames_of_a_second - 1
        return int((1 + frames / rate) * SAMPLE_RATE) + 1


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
    """Whisper's encoder, and those of its shape, on as much as was said, at most 30 s, without the padding to 30 s."""

    masked = True

    def __init__(self, model, device: str) -> None:
        from fangyan.encoders.whisper import HOP, LogMel, PaddingFree

        self.device = device
        self.mel = LogMel(model.config.num_mel_bins).to(device)
        pooled = model.config.model_type in POOLED
        self.model = PaddingFree(model).to(device).eval()
        blocks = tuple(f"layer{n:02d}" for n in range(len(self.model.encoders) + 1))
        self.layers = blocks if pooled else (*blocks, "norm")
        self.frame_rate = SAMPLE_RATE / HOP / 2
        self.heard = range(LEAST, (2 * self.model.max_positions + 1) * HOP)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32; `DataError` for less than 0.1 s or more than 30 s."""
        bounds.check_length(self.heard, waves)
        lengths = torch.tensor([len(wave) for wave in waves], device=self.device)
        batch = pad_sequence([torch.from_numpy(wave) for wave in waves], batch_first=True)
        with torch.inference_mode():
            outputs, frames = self.model(*self.mel(batch.to(self.device), lengths))
        return [without_padding(output, frames) for output in outputs[: len(self.layers)]]


def load(argument: str, device: str) -> Encoder:
    """The encoder of a model on the Hub or in a folder, as ``save_pretrained`` writes it."""
    return assemble(argument, *read(argument), device)


def facts(argument: str) -> Facts:
    """What is known of the encoder before its weights are fetched or read."""
    model, extractor, folder, files = sketch(argument)
    encoder = assemble(argument, model, extractor, "cpu")
    parameters = sum(weight.numel() for weight in model.parameters())
    return measure(
        encoder,
        model.config.model_type,
        parameters=parameters,
        licence=licence(argument, folder),
        files=files,
    )


def assemble(argument: str, model, extractor, device: str) -> Encoder:
    """The encoder that hears what the ``extractor`` of ``argument`` makes; `UserError` where they do not fit."""
    if is_like_whisper(model):
        return Whisper(model, device)
    try:
        return TransformersEncoder(model, extractor, device)
    except UserError as error:
        raise UserError(f"hf:{argument}: {error}") from None
    except Exception as error:  # of whatever kind: they are tried together for the first time
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(
            f"hf:{argument}: its {type(model).__name__} and its feature extractor do not encode speech: {why}"
        ) from None


def _stack(model: nn.Module) -> nn.ModuleList:
    """The blocks: the outermost list of modules that has the name of one."""
    for module in model.modules():
        for name in STACKS:
            if isinstance(blocks := getattr(module, name, None), nn.ModuleList):
                return blocks
    raise UserError(f"{type(model).__name__} is no stack of blocks that could be looked into")

"""Encoders of ESPnet models: the subsampling output, each block and the final norm, free of batch padding."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import NO_TEXT_SIDE, Encoder, bounds
from fangyan.encoders.blocks import in_batches, watch_blocks
from fangyan.encoders.bounds import ENDLESS
from fangyan.encoders.choice import JOINT
from fangyan.encoders.espnet_model import read, settings_of
from fangyan.encoders.espnet_prompt import NOTE, Prompt
from fangyan.encoders.espnet_sketch import sketch
from fangyan.encoders.facts import Facts, longest
from fangyan.encoders.text_side import TextSide, load_teacher, reads_units
from fangyan.encoders.unit_side import UnitSide
from fangyan.errors import UserError

MASKED = {
    "BranchformerEncoder",
    "ConformerEncoder",
    "EBranchformerCTCEncoder",
    "EBranchformerEncoder",
    "MultiConvConformerEncoder",
    "PaddingFreeEncoder",
    "TransformerEncoder",
}
"""Encoders that mask padding wherever frames meet, but before convolutions, where it is done here."""

UNMASKED = {"LegacyRelPositionMultiHeadedAttention", "ConvolutionalPositionalEmbedding"}
"""Parts they may have that do not: relative positions once counted from the end of the longest utterance."""


HOP, STRIDES = "hop_length", "downsampling_factor"
"""Where a front end says its hop: one of spectra, or one of convolutions on the waveform (`CNNFrontend`)."""


class ESPnetEncoder(Encoder):
    """Any ESPnet encoder made of ``embed``, ``encoders``, ``after_norm`` (E-Branchformer, Whisper, Conformer ...).

    ESPnet itself lets batch padding leak into the last frames of an utterance: convolutions along time see neighbouring
    padding, and the spectrum of the last window sees zeros instead of a reflection. Here the front end runs per
    utterance, and padding is zeroed before every convolution along time, which is what a lone utterance would see.
    Encoders in which that is not all (`MASKED`, `UNMASKED`) encode together only what is of equal length. OWSM-CTC's
    is given a `Prompt`, whose frames are cut off again. A model with a `fangyan.encoders.joint.JointSpace` has the
    layer ``joint`` after those of its blocks: one frame an utterance. ``source``: where a trained model was read from.
    """

    def __init__(self, model, device: str) -> None:
        self.model = model.to(device).eval()
        self.device = device
        encoder = model.encoder
        self.masked, self.blocks = is_masked(encoder), blocks_of(encoder)
        self.joint = getattr(model, JOINT, None)
        self.layers = all_layers(model)
        self.frame_rate, self.heard = frame_rate(model), accepted_samples(model)
        self.prompt = Prompt(model) if hasattr(model, "prompt_encoder") else None
        self.note = NOTE if self.prompt else ""
        self.source = ""
        # Legacy relative positions are others once a longer utterance has made their table grow.
        self.tables = [
            (module, module.pe) for module in encoder.modules() if getattr(module, "reverse", False)
        ]

    def rate_of(self, layer: str) -> float:
        """Frames a second at a layer; 0 where there is one an utterance."""
        return 0.0 if layer == JOINT else self.frame_rate

    def text_side(self) -> Encoder:
        """The encoder of texts that lie where the layer ``joint`` does, loaded anew; `UserError` without one."""
        if not (self.source and self.joint):
            return super().text_side()
        settings = settings_of(self.source)
        return TextSide(load_teacher(settings, self.source, self.device), self.joint)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        bounds.check_length(self.heard, waves)
        with torch.inference_mode():
            found = in_batches([self._front_end(wave) for wave in waves], self.masked, self._forward)
            return [*found, self.joint.of_each(found)] if self.joint else found

    def _front_end(self, wave: np.ndarray) -> Tensor:
        """(t, d) features of what the encoder is given for one utterance."""
        speech = torch.from_numpy(wave).to(self.device)[None]
        features, lengths = self.model._extract_feats(speech, torch.tensor([len(wave)], device=self.device))
        for stage in (self.model.normalize, getattr(self.model, "preencoder", None)):
            if stage is not None:
                features, lengths = stage(features, lengths)
        return features[0, : lengths[0]]

    def _forward(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Every layer of a batch, (B, T, d) each, and the frames of each utterance."""
        encoder = self.model.encoder
        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        given = {"ctc": self.model.ctc} if getattr(encoder, "interctc_use_conditioning", False) else {}
        before = 0
        if self.prompt:
            given |= self.prompt.of(len(inputs))
            before = self.prompt.frames
        self.reset_positions()
        masking = self._masked_convolutions() if self.masked else nullcontext()
        with watch_blocks(self.blocks) as outputs, masking:
            _, frames, _ = encoder(pad_sequence(inputs, batch_first=True), lengths, **given)
        shape = (len(inputs), *outputs[-1].shape[1:])
        in_turn = len(outputs) == len(self.blocks) + 1 and all(x.shape == shape for x in outputs)
        if not in_turn or frames.shape != lengths.shape:
            raise UserError(
                f"the blocks of {type(encoder).__name__} do not give each frame a vector, one by one"
            )
        return [output[:, before:] for output in outputs], frames - before

    def reset_positions(self) -> None:
        """Makes positions those of a model that has seen nothing yet."""
        for module, table in self.tables:
            module.pe = table

    @contextmanager
    def _masked_convolutions(self) -> Iterator[None]:
        """Hooks that keep padding out of the convolutions along time in the blocks."""
        masks: list[Tensor] = []

        def block(module, args):
            masks[:] = args[1:2]  # (B, 1, T), True in utterances

        def convolution(module, args):
            return (args[0].masked_fill(~masks[0], 0), *args[1:])

        hooks = [self.blocks[0].register_forward_pre_hook(block)]
        for module in self.model.encoder.encoders.modules():
            if isinstance(module, nn.Conv1d) and module.kernel_size[0] > 1:
                hooks.append(module.register_forward_pre_hook(convolution))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def blocks_of(encoder) -> list[nn.Module]:
    """What gives the layers of an ESPnet encoder after the first: its blocks and, where it has one, its last norm."""
    return [*encoder.encoders, *([encoder.after_norm] if hasattr(encoder, "after_norm") else [])]


def layers_of(encoder) -> tuple[str, ...]:
    """What enters the first block, what each block gives, and the norm behind the last, where there is one."""
    blocks = (f"layer{n:02d}" for n in range(len(encoder.encoders) + 1))
    return (*blocks, *(["norm"] if hasattr(encoder, "after_norm") else []))


def all_layers(model) -> tuple[str, ...]:
    """The layers of the encoder of a model, and its joint space, where it has one."""
    return (*layers_of(model.encoder), *([JOINT] if hasattr(model, JOINT) else []))


def is_masked(encoder) -> bool:
    """Whether padding can be kept out of every layer, so that utterances of unlike length are encoded together."""
    parts = {type(module).__name__ for module in encoder.modules()}
    return type(encoder).__name__ in MASKED and not parts & UNMASKED


def subsampling(encoder) -> list:
    """The convolutions along time before the first block of an encoder; those that give positions keep its frames."""
    if getattr(encoder, "embed", None) is None:
        return []
    positions = [m for m in encoder.embed.modules() if type(m).__name__ in UNMASKED]
    kept = {part for module in positions for part in module.modules()}
    convolutions = (m for m in encoder.embed.modules() if isinstance(m, nn.Conv1d | nn.Conv2d))
    return [conv for conv in convolutions if conv not in kept]


def after_convolutions(convolutions: Sequence, frames: int) -> int:
    """Frames after convolutions along time, for so many (or samples) before them."""
    for conv in convolutions:
        padding = 0 if isinstance(conv.padding, str) else conv.padding[0]
        frames = (frames + 2 * padding - conv.kernel_size[0]) // conv.stride[0] + 1
    return frames


def frame_rate(model) -> float:
    """Frames a second of an ESPnet model's encoder."""
    strides = [conv.stride[0] for conv in subsampling(model.encoder)]
    return SAMPLE_RATE / _hop(model.frontend) / float(np.prod(strides))


def frame_count(model, samples: int) -> int:
    """Frames of an ESPnet model's encoder for a waveform of so many samples; below 1 where it is too short."""
    front, hop = model.frontend, _hop(model.frontend)
    if hasattr(front, STRIDES):
        found = after_convolutions([m for m in front.modules() if isinstance(m, nn.Conv1d)], samples)
    else:
        stft = getattr(front, "stft", None)  # ESPnet's own front end also has the frame around the very end
        if stft is not None and samples <= stft.n_fft // 2:  # too few to be mirrored
            return 0
        found = samples // hop + (stft is not None)
    return after_convolutions(subsampling(model.encoder), found)


def _hop(front) -> int:
    """Samples from one frame of the front end to the next."""
    for name in (HOP, STRIDES):
        if hasattr(front, name):
            return getattr(front, name)
    name = type(front).__name__ if front else "none"
    raise UserError(f"the front end must say its hop_length, as ESPnet's default one does, got {name}")


def accepted_samples(model) -> range:
    """The numbers of samples that the encoder of an ESPnet model hears at once, as far as it tells."""
    if not any(hasattr(model.frontend, name) for name in (HOP, STRIDES)):
        return range(1, ENDLESS)
    frames, longest = partial(frame_count, model), getattr(model.encoder, "max_positions", ENDLESS)
    return range(
        bisect_left(range(ENDLESS), 1, key=frames), bisect_right(range(ENDLESS), longest, key=frames)
    )


def load(argument: str, device: str, trained: bool) -> ESPnetEncoder:
    """The encoder of an experiment, a packed model or a Hub id; with untrained weights (seed 0) unless ``trained``."""
    model, (layer, reason) = read(argument, trained)
    encoder = check_blocks(model, device, argument)
    encoder.recommended, encoder.reason = layer, reason
    encoder.source = argument if trained else ""
    return encoder


def load_text(argument: str, device: str, trained: bool) -> Encoder:
    """The text side of a model that reads units, or was trained towards an encoder of text; `UserError` without one.

    Only of the first there is one that is not ``trained``.
    """
    settings = settings_of(argument)
    if reads_units(settings):
        return UnitSide(ESPnetEncoder(read(argument, trained)[0], device))
    if not trained:
        raise UserError(f"random:{argument}: {NO_TEXT_SIDE}")
    teacher = load_teacher(settings, argument, device)  # what is wrong with it is told at once
    space = getattr(read(argument, trained=True)[0], JOINT, None)
    if space is None:
        raise UserError(f"{argument}: {NO_TEXT_SIDE}")
    return TextSide(teacher, space)


def facts(argument: str, trained: bool) -> Facts:
    """What is known of the encoder before its checkpoint is fetched or read; with untrained weights it is the same."""
    found = sketch(argument)
    check_stack(found.model, argument)
    encoder = found.model.encoder
    return Facts(
        found.encoder,
        all_layers(found.model),
        frame_rate(found.model),
        encoder.output_size(),
        is_masked(encoder),
        longest(accepted_samples(found.model)),
        found.choice.layer if trained else "",
        parameters=found.parameters,
        licence=found.licence,
        files=found.files,
    )


def check_stack(model, argument: str) -> None:
    """`UserError` for a model whose encoder is no stack of blocks that could be looked into."""
    if not hasattr(model.encoder, "embed") or not getattr(model.encoder, "encoders", None):
        raise UserError(
            f"{argument}: the encoder {type(model.encoder).__name__} has no embed and encoders to look into"
        )


def check_blocks(model, device: str, argument: str) -> ESPnetEncoder:
    """The encoder; `UserError` for one without blocks, or whose blocks ESPnet cannot run, or which are no layers."""
    check_stack(model, argument)
    try:
        encoder = ESPnetEncoder(model, device)
        seconds = min(2.0, getattr(model.encoder, "max_positions", np.inf) / encoder.frame_rate)
        encoder.encode(
            [np.random.default_rng(0).normal(0, 0.01, int(seconds * SAMPLE_RATE)).astype(np.float32)]
        )
        return encoder
    except Exception as error:  # of whatever kind: it comes from the depths of ESPnet
        name, why = type(model.encoder).__name__, str(error).strip().partition("\n")[0]
        raise UserError(
            f"{argument}: its {name} does not encode speech: {why or type(error).__name__}"
        ) from None

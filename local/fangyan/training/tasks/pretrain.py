"""Pre-training on speech without transcripts and text without speech, through units: SpeechLM.

After Zhang et al. 2024 (arXiv 2209.15329), over any encoder of `training.stacks`, whose blocks are two stacks:

    speech -> input layer -> masked -> speech stack -> swapped -> shared stack -> after_norm
                                           |                          |
                                     units of masked frames     units of masked frames

    text as units -> embeddings -> masked ---------------------> shared stack -> after_norm -> CTC: characters

The loss is, of a masked frame, the cross entropy of its unit at both stacks; of a character of the text ``unit_ctc``
times its CTC loss; and where the front end is learnt, as convolutions on the waveform are and log mel energies are not,
``feature_penalty`` times the mean square of what it gives, whose gradient is taken ``feature_grad_mult`` times.

Swapping puts the embeddings of units in the place of unmasked frames, so that those of speech and of text come to be
alike. Without texts it is masked pre-training as in HuBERT. ``model_conf``: ``units``, how many there are,
``label_rate``, how many a second, and ``speech_layers`` decide the model; the rest is as published.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.legacy.nets.pytorch_backend.nets_utils import make_pad_mask
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Generator, Tensor, nn

from fangyan.data.text import NormalForm
from fangyan.encoders.blocks import first_tensor
from fangyan.encoders.espnet import frame_rate
from fangyan.training import stacks
from fangyan.training.history import Curve
from fangyan.training.inputs import SPEECH, Input
from fangyan.training.lengths import check_heard
from fangyan.training.masking import at_frames, frames_of_units, spans
from fangyan.training.run import Run
from fangyan.training.streams import PairedIterFactory, Pairing
from fangyan.training.tasks import asr
from fangyan.training.texts import Texts, read_texts
from fangyan.training.unit_checks import check_texts, check_units, text_files
from fangyan.training.unit_heads import UnitHeads
from fangyan.units.column import COLUMN as UNITS

SPEECH_STACK, SHARED_STACK = "speech", "shared"
FIXED = 0
"""Seed of the masks of the development set, which are the same in each epoch."""


OPTIONS = (
    ("units_column", str, UNITS, "The column of units of data directories and directories of texts"),
    ("text_data", str, [], "Directories of texts as units to learn from; none: speech alone"),
    ("text_dev", str, [], "Directories of texts as units to measure by"),
    ("text_ratio", float, 1.0, "Units of text for each unit of speech in a batch"),
    ("text_units", int, 1024, "Texts of more units are left out"),
    ("crop_seconds", float, 15.6, "Longer utterances are cut at random"),
)
"""Keys of a configuration beyond those of recognition: name, kind, default, what it is."""
ENDLESS = float("inf")


class Pretrained(ESPnetASRModel):
    """An encoder in two stacks, with heads for units and ESPnet's CTC; see the module."""

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


def _where(masked: Tensor, instead: Tensor, frames: Tensor) -> Tensor:
    """(B, T, d) frames, ``instead``, (d,), where (B, T) ``masked``."""
    return torch.where(masked[..., None], instead.to(frames.dtype), frames)


class Task(asr.Task):
    """Speech and its column of units, and beside each batch texts with theirs.

    Measured, of masked frames, for which history weighs batches: ``loss_speech`` and ``loss_shared``, cross entropies
    of units at the two stacks, ``acc_speech`` and ``acc_shared``, the shares of units found; where the front end is
    learnt, ``loss_features``; of texts ``loss_ctc_text`` a character and, of the development set, ``cer_text``, errors
    over characters of a batch.
    """

    inputs = (SPEECH, Input("units", "units", "text_int"))
    curves = (
        *(Curve(f"loss_{stack}", "min") for stack in (SPEECH_STACK, SHARED_STACK)),
        *(Curve(f"acc_{stack}", "max") for stack in (SPEECH_STACK, SHARED_STACK)),
        Curve("loss_features", "min"),
        Curve("loss_ctc_text", "min"),
        Curve("cer_text", "min", ("valid",)),
    )
    classes = MappingProxyType({"model": {"pretrained": Pretrained}})

    @classmethod
    def inputs_by(cls, settings: Mapping[str, Any]) -> tuple[Input, ...]:
        """The column of units is the one that a configuration names."""
        return SPEECH, Input("units", settings.get("units_column") or UNITS, "text_int")

    @classmethod
    def required_data_names(cls, train: bool = True, inference: bool = False) -> tuple[str, ...]:
        return (SPEECH.name,)

    @classmethod
    def add_task_arguments(cls, parser: ArgumentParser) -> None:
        super().add_task_arguments(parser)
        # Without texts, or with blocks dropped, ranks are not to wait for gradients that do not come.
        parser.set_defaults(unused_parameters=True)
        parser.add_argument("--text_form", default="", help="The normal form of what is written")
        for name, kind, default, told in OPTIONS:
            more = {"nargs": "*"} if isinstance(default, list) else {}
            parser.add_argument(f"--{name}", type=kind, default=default, help=told, **more)

    @classmethod
    def arguments(cls, job: Run) -> dict[str, Any]:
        """The normal form of the texts is that of the run."""
        return {"text_form": job.text_form}

    @classmethod
    def further_files(cls, settings: Mapping[str, Any]) -> list[Path]:
        """The tables of the directories of texts."""
        return text_files(settings)

    @classmethod
    def check(cls, job: Run) -> None:
        """As of every task; `DataError` for units or texts that are not those of the configuration."""
        check_heard(job)
        check_units(job)
        check_texts(job)

    @classmethod
    def build_iter_factory(
        cls, args: Namespace, distributed_option, mode: str, kwargs: dict | None = None
    ) -> AbsIterFactory:
        """As ESPnet's, with texts beside the batches; none where attention is plotted."""
        speech = super().build_iter_factory(args, distributed_option, mode, kwargs)
        if mode == "plot_att":
            return speech
        written = cls.build_preprocess_fn(args, False)
        pairing = Pairing(
            texts=_texts(args, args.text_data if mode == "train" else args.text_dev),
            encode=lambda text: written("text", {"text": text})["text"],
            ratio=args.text_ratio,
            crop=args.crop_seconds if mode == "train" else ENDLESS,
            label_rate=args.model_conf["label_rate"],
            seed=args.seed,
            fixed=mode != "train",
            rank=distributed_option.dist_rank or 0,
            world=distributed_option.dist_world_size or 1,
        )
        return PairedIterFactory(speech, pairing)


def _texts(args: Namespace, folders: Sequence[str]) -> Texts | None:
    """The texts of these directories; None where none are named, or nothing is learnt of them."""
    if not folders or not args.model_conf.get("unit_ctc", 1):
        return None
    form = NormalForm.parse(args.text_form)
    return read_texts(
        [*map(Path, folders)], args.model_conf["units"], args.units_column, form, args.text_units
    )

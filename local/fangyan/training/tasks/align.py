"""Speech and text in one space: an encoder of speech learns to place an utterance where a frozen teacher has its text.

Any encoder of the task ``asr``, with hybrid CTC/attention beside it or without. After Huzaifah and Kukanov 2022 (arXiv
2204.01235), SAMU-XLSR, SENSE and SigLIP; what they leave open is a choice of the configuration.

    frames of the encoder -> pooled, projected (`encoders.joint`) -> objectives between it, its text, its translations

``model_conf``: ``objectives``, the weight of each of `OBJECTIVES`; ``teacher_size``, the numbers of the teacher's
vectors; ``centre``, whether the mean of these over the training data is taken from each, and ``whiten``, whether what
is left is whitened; ``scale``, the factor of cosines, learnt unless ``learn_scale: false``. Negatives are those of a
batch; of several GPUs, those of all of them, but for `seqsim`, whose frames stay where they are.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.torch_utils.device_funcs import force_gatherable
from torch import Tensor, nn

from fangyan.encoders.blocks import watch_blocks
from fangyan.encoders.espnet import blocks_of, layers_of
from fangyan.encoders.joint import JointSpace
from fangyan.errors import DataError, known_names
from fangyan.training import losses, teacher
from fangyan.training.history import Curve
from fangyan.training.inputs import Input
from fangyan.training.ranks import gather_rows
from fangyan.training.run import Run
from fangyan.training.tasks import asr

RECOGNITION = "asr"
TEACHER, SENTENCE = Input("teacher", teacher.COLUMN, "kaldi_ark"), Input("sentence", "utt2sent", "label")


@dataclass(frozen=True)
class Batch:
    """What objectives compare: of B utterances ``speech`` and ``texts``, (B, D) L2-normalised, and ``sentences``, (B,).

    Where several ranks train, these are of all of them. Of the A utterances of this one: ``frames`` (A, T, d), with
    padding after ``lengths`` (A,), and ``own_sentences`` (A,). ``scale`` and ``bias`` are those of cosines.
    """

    speech: Tensor
    texts: Tensor
    sentences: Tensor
    own_sentences: Tensor
    frames: Tensor
    lengths: Tensor
    scale: Tensor
    bias: Tensor

    @property
    def texts_alike(self) -> Tensor:
        """(B, B), True where the text of the column says what the utterance of the row says."""
        return losses.same(self.sentences)

    @property
    def others_alike(self) -> Tensor:
        """(B, B), True where two different utterances say the same."""
        return losses.same(self.sentences, itself=False)

    @property
    def own_alike(self) -> Tensor:
        """(A, A), as `others_alike`, of the utterances of this rank."""
        return losses.same(self.own_sentences, itself=False)


def _own(loss: Callable[[Tensor, Tensor], Tensor], of: Batch) -> Tensor:
    return loss(of.speech, of.texts)


def _info_nce(of: Batch) -> Tensor:
    return losses.info_nce(of.speech, of.texts, of.texts_alike, of.scale)


def _info_nce_speech(of: Batch) -> Tensor:
    return losses.contrast(_others(of.scale * of.speech @ of.speech.T), of.others_alike)


def _sigmoid_pairs(of: Batch) -> Tensor:
    return losses.sigmoid_pairs(of.speech, of.texts, of.texts_alike, of.scale, of.bias)


def _sigmoid_pairs_speech(of: Batch) -> Tensor:
    return losses.sigmoid_pairs(of.speech, of.speech, of.texts_alike, of.scale, of.bias)


def _spread_out(of: Batch) -> Tensor:
    return losses.spread_out(of.speech, of.texts_alike)


def _seqsim(of: Batch) -> Tensor:
    return losses.contrast(_others(of.scale * losses.seqsim(of.frames, of.lengths)), of.own_alike)


def _others(scores: Tensor) -> Tensor:
    """The scores, in which nothing is like itself."""
    itself = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    return scores.masked_fill(itself, torch.finfo(scores.dtype).min)


OBJECTIVES: Mapping[str, Callable[[Batch], Tensor]] = {
    "distil": partial(_own, losses.distil),
    "distil_squared": partial(_own, losses.distil_squared),
    "info_nce": _info_nce,
    "info_nce_speech": _info_nce_speech,
    "sigmoid_pairs": _sigmoid_pairs,
    "sigmoid_pairs_speech": _sigmoid_pairs_speech,
    "spread_out": _spread_out,
    "seqsim": _seqsim,
}
"""What a configuration may weigh beside ``asr``: utterance and text, ``_speech``: utterances that say the same."""


class Aligned(ESPnetASRModel):
    """ESPnet's hybrid CTC/attention model with a `JointSpace`, trained by a weighted sum of objectives."""

    def __init__(
        self,
        teacher_size: int,
        objectives: Mapping[str, float],
        pooling: str = "mean",
        layer: str = "",
        centre: bool = True,
        whiten: bool = False,
        scale: float = 20.0,
        bias: float = 0.0,
        learn_scale: bool = True,
        **others,
    ) -> None:
        super().__init__(**others)
        _check(objectives)
        self.objectives = {name: weight for name, weight in objectives.items() if weight}
        self.centred = centre
        size = self.encoder.output_size()
        self.joint = JointSpace(size, layers_of(self.encoder), teacher_size, pooling, layer, whiten)
        self.log_scale = nn.Parameter(torch.tensor(float(scale)).log(), requires_grad=learn_scale)
        self.bias = nn.Parameter(torch.tensor(float(bias)), requires_grad=learn_scale)

    def encode(self, speech, speech_lengths):
        """As ESPnet's; what each layer gives is kept for the joint space."""
        with watch_blocks(blocks_of(self.encoder)) as layers:
            encoded = super().encode(speech, speech_lengths)
        self.layers, self.lengths = layers, encoded[1]
        return encoded

    def forward(self, speech, speech_lengths, text, text_lengths, teacher, sentence, **others):
        """(loss, what history.tsv has of it, batch size); ``teacher`` (B, D), ``sentence`` (B, 1)."""
        if recognition := self.objectives.get(RECOGNITION, 0.0):
            loss, measured, size = super().forward(speech, speech_lengths, text, text_lengths)
            loss = recognition * loss
        else:
            self.encode(speech, speech_lengths)
            loss, measured, size = speech.new_zeros(()), {}, len(speech)
        batch = self._batch(teacher, sentence)
        for name, weight in self.objectives.items():
            if name != RECOGNITION:
                found = OBJECTIVES[name](batch)
                loss = loss + weight * found
                measured[f"loss_{name}"] = found.detach()
        measured |= {"loss": loss.detach(), "acc_text": self._accuracy(batch)}
        return force_gatherable((loss, measured, size), loss.device)

    def _batch(self, teacher: Tensor, sentence: Tensor) -> Batch:
        frames, self.layers = self.joint.frames(self.layers), []  # not kept until the next batch
        return Batch(
            speech=gather_rows(self.joint.pool(frames, self.lengths)),
            texts=gather_rows(self.joint.texts(teacher)),
            sentences=gather_rows(sentence[:, 0]),
            own_sentences=sentence[:, 0],
            frames=frames,
            lengths=self.lengths,
            scale=self.log_scale.exp(),
            bias=self.bias,
        )

    @staticmethod
    def _accuracy(batch: Batch) -> Tensor:
        """The share of utterances to which, of the texts of the batch, one of their own sentence is nearest."""
        nearest = (batch.speech.detach() @ batch.texts.T).argmax(1)
        return (batch.sentences[nearest] == batch.sentences).float().mean()


def _check(objectives: object) -> None:
    """`DataError` for objectives that nobody knows, or weights that are no numbers above 0."""
    if not isinstance(objectives, Mapping) or not objectives:
        raise DataError(
            f"objectives: a weight for each of {', '.join((RECOGNITION, *OBJECTIVES))}, got {objectives!r}"
        )
    for name, weight in objectives.items():
        if name not in (RECOGNITION, *OBJECTIVES):
            raise DataError(
                f"objectives: unknown {name!r}: {known_names(str(name), [RECOGNITION, *OBJECTIVES])}"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight >= 0:
            raise DataError(f"objectives: {name}: a weight is a number, 0 or more, got {weight!r}")
    if not any(weight for name, weight in objectives.items() if name != RECOGNITION):
        raise DataError("objectives: one beside asr is needed: without any it is the task asr")


class Task(asr.Task):
    """Recognition and a joint space with a teacher's texts, in a batch the sentence of each utterance besides.

    Measured beside what recognition has: each objective, before it is weighed, and ``acc_text``: the share of a batch's
    utterances to which a text of their sentence is the nearest of the batch's.
    """

    inputs = (*asr.Task.inputs, TEACHER, SENTENCE)
    curves = (
        *asr.Task.curves,
        Curve("acc_text", "max"),
        *(Curve(f"loss_{name}", "min") for name in OBJECTIVES),
    )
    classes = MappingProxyType({"model": {"aligned": Aligned}})
    alone = MappingProxyType({})

    @classmethod
    def add_task_arguments(cls, parser) -> None:
        super().add_task_arguments(parser)
        # Objectives decide what of a model learns: several ranks are not to wait for the gradients of the rest.
        parser.set_defaults(unused_parameters=True)
        parser.add_argument(
            "--teacher", default=None, help="SPEC of the encoder of text: text:<Hub id or folder>"
        )
        parser.add_argument(
            "--teacher_prefix", default=None, help="What it puts before each text (default: its own)"
        )
        parser.add_argument(
            "--teacher_wording",
            default=teacher.DEFAULT,
            choices=sorted(teacher.WORDINGS),
            help="The wording of an utterance that it reads: the Mandarin, the variety's own, or the mean of both",
        )

    @classmethod
    def check(cls, job: Run) -> None:
        """As of recognition; `UserError` where the teacher's vectors are not those of the configuration."""
        super().check(job)
        teacher.check_taught(job)

    @classmethod
    def build_optimizers(cls, args: Namespace, model: Aligned) -> list[torch.optim.Optimizer]:
        files = {name: file for file, name, _ in args.train_data_path_and_name_and_type}
        # Statistics are collected without; a model that training resumes from has it as well.
        if TEACHER.name in files:
            _place_texts(model, teacher.read_vectors(Path(files[TEACHER.name])))
        return super().build_optimizers(args, model)


def _place_texts(model: Aligned, vectors: np.ndarray) -> None:
    """Sets what a joint space does with texts by the teacher's ``vectors``, (N, D), of the training data."""
    space, mean = model.joint, torch.from_numpy(teacher.mean_vector(vectors))
    if mean.shape != space.centre.shape:
        raise DataError(f"model_conf: teacher_size is {len(mean)} for its teacher, got {len(space.centre)}")
    space.centre.copy_(mean if model.centred else torch.zeros_like(mean))
    if space.whitening is not None:
        space.whitening.copy_(torch.from_numpy(teacher.whitening(vectors)))

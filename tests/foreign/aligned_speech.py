"""A training task of another package: recognition, and a cosine to vectors that a data directory has in teacher.scp."""

import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.torch_utils.device_funcs import force_gatherable

from fangyan.training.history import Curve
from fangyan.training.inputs import Input
from fangyan.training.tasks import asr


class Aligned(ESPnetASRModel):
    """Its mean frame, projected, is to point where the teacher's vector does."""

    def __init__(self, teacher_size: int, **others):
        super().__init__(**others)
        self.head = torch.nn.Linear(self.encoder.output_size(), teacher_size)

    def encode(self, speech, speech_lengths):
        self.encoded = super().encode(speech, speech_lengths)
        return self.encoded

    def forward(self, speech, speech_lengths, text, text_lengths, teacher, **others):
        loss, told, weight = super().forward(speech, speech_lengths, text, text_lengths)
        frames, lengths = self.encoded
        pooled = torch.stack([x[:n].mean(0) for x, n in zip(frames, lengths, strict=True)])
        distance = 1 - torch.cosine_similarity(self.head(pooled), teacher).mean()
        told |= {"loss": (loss + distance).detach(), "loss_cosine": distance.detach()}
        return force_gatherable((loss + distance, told, weight), loss.device)


class Task(asr.Task):
    inputs = (*asr.Task.inputs, Input("teacher", "teacher.scp", "kaldi_ark"))
    curves = (*asr.Task.curves, Curve("loss_cosine", "min"))
    classes = {"model": {"aligned": Aligned}}  # noqa: RUF012

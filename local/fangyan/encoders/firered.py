"""FireRedASR's and FireRedASR2's encoders in the form that they are published in, without running what is pickled.

A folder or a model of the Hub with ``model.pth.tar`` (AED; of the LLM ``asr_encoder.pth.tar``), which holds settings as
an `argparse.Namespace` and the tensors under ``model_state_dict``, and with ``cmvn.ark``, Kaldi's sums over frames of
training. Of t frames of 10 ms are left t / 4, rounded up, as in the first release and in FireRedASR2 (later code of the
first masks the last one or two). Names, shapes and order are those of the code its makers published; published weights
were not at hand.

layer00 is what enters the first block, layerNN what block NN gives; there is no norm behind the last.
"""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fangyan.data.audio import SAMPLE_RATE
from fangyan.encoders import Encoder, bounds, hub
from fangyan.encoders.facts import Facts, licence, measure
from fangyan.encoders.pickled import read_weights
from fangyan.errors import DataError, UserError, trouble

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = ("asr_encoder.pth.tar", "model.pth.tar")
"""The checkpoint, the first that is there: beside the encoder of the LLM lies its adapter."""
CMVN = "cmvn.ark"
WINDOW, HOP, BANDS = 400, 160, 80
FULL_SCALE = 32_768
"""Samples are heard as 16-bit integers."""
FLOOR = 1e-20
"""The least variance of a band."""
SUBSAMPLING = 4
"""Frames of 10 ms that become one."""
PREFIX = "encoder."


class FireRed(Encoder):
    """80 log-mel energies of Kaldi, normalised by the training data, then a Conformer of 25 frames a second."""

    frame_rate, masked = SAMPLE_RATE / HOP / SUBSAMPLING, True

    def __init__(self, network, mean: np.ndarray, scale: np.ndarray, device: str) -> None:
        import torch

        self.network, self.device = network.to(device).eval(), device
        self.mean, self.scale = (torch.from_numpy(values).to(device) for values in (mean, scale))
        self.blocks = list(network.layer_stack)
        self.layers = tuple(f"layer{n:02d}" for n in range(len(self.blocks) + 1))
        self.heard = range(WINDOW, WINDOW + network.longest * SUBSAMPLING * HOP)

    def encode(self, waves: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """``[layer][utterance]`` -> (T, d) float32."""
        import torch

        from fangyan.encoders.blocks import in_batches

        bounds.check_length(self.heard, waves)
        with torch.inference_mode():
            return in_batches([self._features(wave) for wave in waves], True, self._forward)

    def _features(self, wave: np.ndarray) -> "Tensor":
        """(t, 80) normalised log-mel energies."""
        import torch
        from torchaudio.compliance.kaldi import fbank

        samples = torch.from_numpy(wave).to(self.device)[None] * FULL_SCALE
        energies = fbank(samples, num_mel_bins=BANDS, dither=0.0, sample_frequency=SAMPLE_RATE)
        return ((energies.double() - self.mean) * self.scale).float()

    def _forward(self, inputs: Sequence["Tensor"]) -> tuple[list["Tensor"], "Tensor"]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        from fangyan.encoders.blocks import watch_blocks

        lengths = torch.tensor([len(x) for x in inputs], device=self.device)
        with watch_blocks(self.blocks) as outputs:
            _, frames = self.network(pad_sequence(inputs, batch_first=True), lengths)
        return outputs, frames


def load(argument: str, device: str) -> FireRed:
    """The encoder of a model on the Hub or in a folder; `DataError` for files that are not FireRedASR's."""
    checkpoint, sums = _located(argument)
    return FireRed(_network(checkpoint, "cpu"), *read_cmvn(sums), device)


def facts(argument: str) -> Facts:
    """What is known of the encoder: of a checkpoint that lies here all, else what all of them have in common."""
    folder = hub.locate(argument, (CMVN,))
    there = hub.list_files(argument, folder)
    held = [name for name in WEIGHTS if name in there.sizes][:1]
    if CMVN not in there.sizes or not (held or there.silence):
        raise _lacking(argument)
    others = {"licence": licence(argument, folder), "files": there.of([CMVN], held)}
    if not held or not (folder / held[0]).exists():
        return Facts("firered", frame_rate=FireRed.frame_rate, batched=FireRed.masked, **others)
    network = _network(folder / held[0], "meta")
    encoder = FireRed(network, np.zeros(BANDS), np.ones(BANDS), "meta")
    parameters = sum(weight.numel() for weight in network.parameters())
    return measure(encoder, "firered", network.width, parameters=parameters, **others)


def _network(checkpoint: Path, device: str):
    """The network of a checkpoint; `DataError` for tensors of another. On ``meta`` no numbers are read."""
    import torch

    from fangyan.encoders.firered_blocks import Conformer

    whole = read_weights(checkpoint, "model_state_dict", [Namespace], device)
    tensors = {key.removeprefix(PREFIX): value for key, value in whole.items() if key.startswith(PREFIX)}
    try:
        with torch.device(device):
            return Conformer(tensors)
    except (RuntimeError, LookupError, ValueError) as error:
        why = f"no {PREFIX}{error.args[0]}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise DataError(f"{checkpoint}: not the tensors of FireRedASR's encoder: {why[:300]}") from None


def files(argument: str) -> list[Path | str]:
    """The files whose content decides the features, or the names of their content in the Hub's cache."""
    return hub.content(_located(argument), argument)


def _located(argument: str) -> tuple[Path, Path]:
    for name in WEIGHTS:
        folder = hub.locate(argument, (name, CMVN))
        if all((folder / file).exists() for file in (name, CMVN)):
            return folder / name, folder / CMVN
    raise _lacking(argument)


def _lacking(argument: str) -> UserError:
    return UserError(f"firered:{argument}: {' or '.join(WEIGHTS)}, and {CMVN}, are needed there")


def read_cmvn(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each band and the inverse of its standard deviation, (80,) float64, of Kaldi's sums over frames.

    They are a matrix (2, 81): sums and their count, sums of squares. `DataError` for anything else.
    """
    from kaldiio.matio import read_kaldi

    try:
        with path.open("rb") as stream:
            begin = stream.read(2)
            stream.seek(0)
            if begin != b"\0B" and begin.strip()[:1] not in (
                b"[",
                b"",
            ):  # of other content kaldiio would run some
                raise ValueError("no matrix of Kaldi")
            sums = np.asarray(read_kaldi(stream), np.float64)
        if sums.shape != (2, BANDS + 1) or not np.isfinite(sums).all() or sums[0, -1] < 1:
            raise ValueError(f"a matrix of shape {sums.shape}")
    except Exception as error:  # of whatever kind: any bytes may stand there
        if isinstance(error, OSError) and trouble(error):
            raise
        raise DataError(
            f"{path}: the sums of {BANDS} bands are a matrix (2, {BANDS + 1}), got {error}"
        ) from None
    mean, square = sums[:, :-1] / sums[0, -1]
    return mean, np.maximum(square - mean**2, FLOOR) ** -0.5

"""A linear classifier of frames into phones, learnt from transcripts alone.

    CTC -> forced alignment -> (softmax regression -> forced alignment without blanks) x `ROUNDS`

CTC over a linear layer finds where each phone is, and writes blanks between; these are parted in the middle. Then a
regression learns the phone of each frame, without blanks, and aligns anew, each time more sharply. Features are learnt
from at mean 0 and deviation 1, which is folded into the weights. The same seed gives the same bytes on one machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fangyan.progress import track
from fangyan.units.alignment import Span, ctc_frames, divide_frames, forced_alignment

if TYPE_CHECKING:
    import torch

EPOCHS, BATCH, RATE = 20, 16, 0.01
"""Of CTC: passes over the utterances, utterances a step, step size of Adam."""
ROUNDS = 2
STEPS, PENALTY = 60, 1e-4
"""Of the regression: steps of L-BFGS, weight of the squared weights."""
IMPOSSIBLE = -1e4
"""The log-probability of a blank where there is none: less than any path without one has."""


@dataclass(frozen=True)
class Example:
    """An utterance: (T, d) float32 frames, and the numbers of its phones in order."""

    frames: np.ndarray
    phones: Sequence[int]

    @property
    def fits(self) -> bool:
        """Whether there are frames enough: one for each phone, and one more between two of the same."""
        return len(self.frames) >= ctc_frames(self.phones)


@dataclass(frozen=True)
class Linear:
    """Frames -> scores of classes: ``x @ weight.T + bias``, (k, d) and (k,) float32."""

    weight: np.ndarray
    bias: np.ndarray

    def log_probabilities(self, frames: np.ndarray) -> np.ndarray:
        """(T, k) float32 of (T, d) frames."""
        scores = frames @ self.weight.T + self.bias
        scores -= scores.max(1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def learn(examples: Sequence[Example], k: int, seed: int) -> Linear:
    """A classifier into ``k`` phones, of frames, from utterances that all `Example.fits`."""
    frames = np.concatenate([example.frames for example in examples])
    mean, deviation = frames.mean(0, dtype=np.float64), frames.std(0, dtype=np.float64) + 1e-5
    del frames
    scaled = [Example(_scale(e.frames, mean, deviation), e.phones) for e in examples]
    ctc = _learn_ctc(scaled, k, seed)
    parts = [divide_frames(_peaks(ctc.log_probabilities(e.frames), e.phones), len(e.frames)) for e in scaled]
    for _ in range(ROUNDS):
        model = _regress(scaled, parts, k)
        parts = [align(model, example) for example in scaled]
    return _unscale(_regress(scaled, parts, k), mean, deviation)


def align(model: Linear, example: Example) -> list[Span]:
    """The frames of each phone, one after the other, on the most probable path; `DataError` for too few frames."""
    found = model.log_probabilities(example.frames)
    blank = np.full((len(found), 1), IMPOSSIBLE, np.float32)
    return divide_frames(_peaks(np.hstack([blank, found]), example.phones), len(found))


def labels(example: Example, parts: Sequence[Span]) -> np.ndarray:
    """(T,) the phone of each frame."""
    return np.repeat(np.array(example.phones, np.int64), [part.end - part.start for part in parts])


def _peaks(posteriors: np.ndarray, phones: Sequence[int]) -> list[Span]:
    return forced_alignment(posteriors, [phone + 1 for phone in phones])


def _scale(frames: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return ((frames - mean) / deviation).astype(np.float32)


def _unscale(model: Linear, mean: np.ndarray, deviation: np.ndarray) -> Linear:
    """The model of features as they are, from that of scaled ones."""
    weight = model.weight / deviation
    return Linear(weight.astype(np.float32), (model.bias - weight @ mean).astype(np.float32))


def _learn_ctc(examples: Sequence[Example], k: int, seed: int) -> Linear:
    """A model of a blank and ``k`` phones."""
    import torch

    layer = _zero_layer(examples[0].frames.shape[1], k + 1)
    optimiser = torch.optim.Adam(layer.parameters(), lr=RATE)
    chance = np.random.default_rng(seed)
    for _ in track(range(EPOCHS), "phones: CTC", "epochs"):
        order = chance.permutation(len(examples))
        for start in range(0, len(order), BATCH):
            loss = _ctc_loss(layer, [examples[n] for n in order[start : start + BATCH]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return _linear(layer)


def _ctc_loss(layer: "torch.nn.Linear", batch: Sequence[Example]) -> "torch.Tensor":
    import torch

    padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(e.frames) for e in batch])
    targets = torch.tensor([phone + 1 for e in batch for phone in e.phones])
    sizes = [len(e.frames) for e in batch], [len(e.phones) for e in batch]
    return torch.nn.functional.ctc_loss(layer(padded).log_softmax(-1), targets, *map(torch.tensor, sizes))


def _regress(examples: Sequence[Example], parts: Sequence[Sequence[Span]], k: int) -> Linear:
    """Softmax regression of all frames on their phones."""
    import torch

    frames = torch.from_numpy(np.concatenate([e.frames for e in examples]))
    wanted = torch.from_numpy(np.concatenate([labels(*each) for each in zip(examples, parts, strict=True)]))
    layer = _zero_layer(frames.shape[1], k)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> "torch.Tensor":
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(layer(frames), wanted)
        loss = loss + PENALTY * (layer.weight**2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return _linear(layer)


def _zero_layer(width: int, classes: int) -> "torch.nn.Linear":
    import torch

    layer = torch.nn.Linear(width, classes)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return layer


def _linear(layer: "torch.nn.Linear") -> Linear:
    return Linear(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())

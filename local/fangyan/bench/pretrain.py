"""A step of the task pretrain against one of recognition by the same encoder, and what it waits for its texts.

Both configurations are those of the embedded corpus, with random weights, of one batch of noise; texts have as many
units as the speech. Batches of speech are read as for any other task: what comes to that is to draw texts and pad them.
"""

import numpy as np
import torch

from fangyan.bench.align import LETTERS, TOKENS, Step, batch
from fangyan.bench.benchmark import SEED, Benchmark, Data, Size, seconds
from fangyan.data.audio import SAMPLE_RATE
from fangyan.training.streams import PairedIterFactory, Pairing
from fangyan.training.texts import Texts

CONF = "egs2/mini_sinitic/emb1/conf/train"
UNITS, RATE = 100, 100
"""Of the model, and of a second."""
COUNT, LENGTH = 1000, 300
"""Texts to draw from, and the units of each."""
ROUNDS = 10
"""Batches whose texts are drawn in one repeat."""


class Given:
    """An iterator that gives one batch of speech and its units, again and again."""

    def __init__(self, speech: dict[str, torch.Tensor]) -> None:
        self.speech = speech

    def build_iter(self, epoch: int, shuffle: bool | None = None) -> list:
        """The batches of an epoch."""
        return [([], self.speech)] * ROUNDS


def steps(size: Size, device: str) -> Data:
    """What pairs a batch of speech with texts, a step of pretrain on such a batch, and one of asr on its speech."""
    recognised, _ = batch(max(1, size.utterances // 10))
    chance = np.random.default_rng(SEED)
    counts = recognised["speech_lengths"] * RATE // SAMPLE_RATE
    spoken = torch.from_numpy(chance.integers(UNITS, size=(len(counts), int(counts.max()))))
    speech = {key: recognised[key] for key in ("speech", "speech_lengths")}
    speech |= {"units": spoken, "units_lengths": counts}
    texts = Texts(["字" * LETTERS] * COUNT, chance.integers(UNITS, size=COUNT * LENGTH), _starts())
    pairing = Pairing(texts, _encode, ratio=1.0, crop=15.6, label_rate=RATE, seed=SEED)
    paired = PairedIterFactory(Given(speech), pairing)
    _, first = next(iter(paired.build_iter(1)))
    pretrained = Step(f"{CONF}/pretrain_small.yaml", first, device)
    return paired, pretrained, Step(f"{CONF}/e_branchformer.yaml", recognised, device)


def _starts() -> np.ndarray:
    return np.arange(COUNT + 1) * LENGTH


def _encode(text: str) -> np.ndarray:
    return np.array([2 + n % (len(TOKENS) - 3) for n in range(len(text))])


def pair(paired: PairedIterFactory) -> float:
    """Seconds to bring texts to a batch."""
    return seconds(lambda: [None for _ in paired.build_iter(1)]) / ROUNDS


BENCHMARKS = (
    Benchmark(
        "pretrain_vs_asr_step",
        "s",
        value=lambda paired, pretrained, asr: seconds(pretrained),
        baseline=lambda paired, pretrained, asr: seconds(asr),
        baseline_name="step of asr",
        data=steps,
    ),
    Benchmark(
        "pretrain_wait_vs_step",
        "s",
        value=lambda paired, pretrained, asr: pair(paired),
        baseline=lambda paired, pretrained, asr: seconds(pretrained),
        baseline_name="step of pretrain",
        data=steps,
    ),
)

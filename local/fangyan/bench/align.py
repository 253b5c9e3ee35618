"""A step of training of the task align against one of recognition alone: what the joint space costs beside it.

Both of ``conf/train``, with random weights, of one batch of noise that holds sentences in several varieties: forward,
backward, and the step of the optimiser. Teacher's vectors lie in memory, as they do in training.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from fangyan.bench.benchmark import SEED, Benchmark, Data, Size, seconds
from fangyan.data.audio import SAMPLE_RATE
from fangyan.files import ROOT
from fangyan.training.espnet_task import sketch

TOKENS = ["<blank>", "<unk>", *map(chr, range(0x4E00, 0x4E00 + 400)), "<sos/eos>"]
VARIETIES, SHORTEST, LONGEST = 3, 2.0, 4.0
LETTERS = 12
"""Characters of a sentence."""


class Step:
    """A step of training of the model of a configuration of the repository on one batch."""

    def __init__(self, config: str, batch: dict[str, Tensor], device: str) -> None:
        torch.manual_seed(SEED)
        self.model = sketch(ROOT / config, TOKENS, device).train()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), 1e-4)
        self.batch = {key: value.to(device) for key, value in batch.items()}

    def __call__(self) -> None:
        self.optimiser.zero_grad()
        self.model(**self.batch)[0].backward()
        self.optimiser.step()


def steps(size: Size, device: str) -> Data:
    """A step of the task align and one of asr, of the same utterances."""
    speech, taught = batch(max(1, size.utterances // 10))
    conf = "conf/train"
    return Step(f"{conf}/align.yaml", speech | taught, device), Step(
        f"{conf}/e_branchformer.yaml", speech, device
    )


def batch(sentences: int) -> Sequence[dict[str, Tensor]]:
    """Noise of so many sentences in each variety, with characters; and what the task align is given besides."""
    chance = torch.Generator().manual_seed(SEED)
    count = sentences * VARIETIES
    lengths = torch.randint(
        int(SHORTEST * SAMPLE_RATE), int(LONGEST * SAMPLE_RATE), (count,), generator=chance
    )
    lengths = lengths.sort(descending=True).values
    wave = 0.1 * torch.randn(count, int(lengths.max()), generator=chance)
    text = torch.randint(2, len(TOKENS) - 1, (count, LETTERS), generator=chance)
    speech = {"speech": wave, "speech_lengths": lengths, "text": text}
    teacher = torch.nn.functional.normalize(torch.randn(sentences, 384, generator=chance), dim=-1)
    sentence = torch.arange(sentences).repeat(VARIETIES)
    taught = {"teacher": teacher[sentence], "sentence": sentence[:, None]}
    return speech | {"text_lengths": torch.full((count,), LETTERS)}, taught


BENCHMARKS = (
    Benchmark(
        "align_vs_asr_step",
        "s",
        value=lambda align, asr: seconds(align),
        baseline=lambda align, asr: seconds(asr),
        baseline_name="step of asr",
        data=steps,
    ),
)

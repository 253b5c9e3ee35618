"""What says the unit of a frame: the cosine of a projection of the frame with a vector of each unit."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize


class UnitHeads(nn.Module):
    """A projection for each of the stacks, and one vector for each unit, of ``dimension`` numbers.

    As HuBERT and SpeechLM predict: logits are cosines divided by ``temperature``, the projections are not tied.
    """

    def __init__(
        self, stacks: Sequence[str], size: int, units: int, dimension: int, temperature: float
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.vectors = nn.Parameter(torch.empty(units, dimension).uniform_())
        self.projections = nn.ModuleDict({stack: nn.Linear(size, dimension) for stack in stacks})

    def forward(self, stack: str, frames: Tensor) -> Tensor:
        """(N, k) logits of the units of (N, d) frames of a stack."""
        found = normalize(self.projections[stack](frames).float(), dim=-1)
        return linear(found, normalize(self.vectors.float(), dim=-1)) / self.temperature

    def predict(self, stack: str, frames: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
        """The mean cross entropy of the (N,) ``units`` of (N, d) frames, and the share of them that is found."""
        logits = self(stack, frames)
        return cross_entropy(logits, units), (logits.detach().argmax(1) == units).float().mean()

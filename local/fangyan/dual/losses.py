"""The loss of the dual encoder: in-batch softmax both ways, vectors spread out, on sentence-transformers' GradCache."""

from collections.abc import Iterable

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor, nn

from fangyan.training.losses import contrast, same, spread_out

LARGEST = 100.0
"""The largest scale that is learnt, as CLIP has it (Radford et al. 2021, arXiv 2103.00020)."""


class DualLoss(CachedLossMixin, nn.Module):
    """L(a -> b) + L(b -> a) + ``spread`` (spread-out of a + that of b), of the two columns of a batch.

    As Gomez et al. 2024 (arXiv 2404.01616) train; similarities are cosines times ``scale``, learnt if ``learn_scale``.
    The labels of a batch say which rows are of one sentence: those are positives of each other, never negatives.
    ``margin``: taken off the cosines of positives, as OmniSONAR does. ``mini_batch_size``: so many rows are embedded at
    a time, for batches beyond the memory, with the same gradients (Gao et al. 2021, arXiv 2101.06983); 0: all.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        learn_scale: bool = True,
        spread: float = 1.0,
        margin: float = 0.0,
        mini_batch_size: int = 0,
    ) -> None:
        super().__init__()
        self.model, self.spread, self.margin, self.mini_batch_size = model, spread, margin, mini_batch_size
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learn_scale)

    def forward(self, features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of a batch: ``features`` of the two columns, ``labels`` (B,)."""
        if self.mini_batch_size:
            return self.forward_cached(features, labels)
        return self.of_vectors(*(self.model(column)["sentence_embedding"] for column in features), labels)

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of the vectors of a batch in mini-batches, by column; back-propagated to them where asked for."""
        loss = self.of_vectors(*map(torch.cat, reps), labels)
        if with_backward:
            loss.backward()
        return loss.detach() if with_backward else loss

    def of_vectors(self, one: Tensor, other: Tensor, labels: Tensor) -> Tensor:
        """The loss of L2-normalised vectors, both (B, d), and the labels (B,) of their sentences."""
        positives = same(labels)
        scores = self.log_scale.exp().clamp(max=LARGEST) * (one @ other.T - self.margin * positives)
        loss = contrast(scores, positives) + contrast(scores.T, positives.T)
        if not self.spread:
            return loss
        return loss + self.spread * (spread_out(one, positives) + spread_out(other, positives))

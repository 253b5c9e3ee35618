"""The loss of the dual encoder: in-batch softmax both ways, vectors spread out, on sentence-transformers' GradCache."""

from collections.abc import Iterable, Sequence

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import CachedLossMixin
from torch import Tensor, nn
from torch.nn.functional import softplus

from fangyan.training.losses import contrast, same, spread_out

LARGEST = 100.0
"""The largest scale that is learnt, as CLIP has it (Radford et al. 2021, arXiv 2103.00020)."""


class DualLoss(CachedLossMixin, nn.Module):
    """L(a -> b) + L(b -> a) + ``spread`` (spread-out of a + that of b), of the two columns of a batch.

    As Gomez et al. 2024 (arXiv 2404.01616) train; similarities are cosines times ``scale``, learnt if ``learn_scale``.
    The labels of a batch say which rows are of one sentence: those are positives of each other, never negatives.
    ``margin``: taken off the cosines of positives; ``hard``: the share of the loss of a softmax of its own, without
    margin, over the second column and a third one of hard negatives, both as OmniSONAR has them. ``mini_batch_size``:
    so many rows are embedded at a time, with the same gradients (Gao et al. 2021, arXiv 2101.06983); 0: all.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        scale: float = 20.0,
        learn_scale: bool = True,
        spread: float = 1.0,
        margin: float = 0.0,
        hard: float = 0.0,
        mini_batch_size: int = 0,
    ) -> None:
        super().__init__()
        self.model, self.mini_batch_size = model, mini_batch_size
        self.spread, self.margin, self.hard = spread, margin, hard
        self.log_scale = nn.Parameter(torch.tensor(scale).log(), requires_grad=learn_scale)

    def forward(self, features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of a batch: ``features`` of its columns, ``labels`` (B,)."""
        if self.mini_batch_size:
            return self.forward_cached(features, labels)
        return self.of_vectors([self.model(column)["sentence_embedding"] for column in features], labels)

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of the vectors of a batch in mini-batches, by column; back-propagated to them where asked for."""
        loss = self.of_vectors([*map(torch.cat, reps)], labels)
        if with_backward:
            loss.backward()
        return loss.detach() if with_backward else loss

    def of_vectors(self, columns: Sequence[Tensor], labels: Tensor) -> Tensor:
        """The loss of L2-normalised vectors, (B, d) of each column, and the labels (B,) of their sentences."""
        one, other, *negatives = columns
        positives, scale = same(labels), self.log_scale.exp().clamp(max=LARGEST)
        scores = scale * (one @ other.T - self.margin * positives)
        loss = contrast(scores, positives) + contrast(scores.T, positives.T)
        if negatives:
            lead = (one * (other - negatives[0])).sum(1)
            loss = (1 - self.hard) * loss + self.hard * softplus(-scale * lead).mean()
        if not self.spread:
            return loss
        return loss + self.spread * (spread_out(one, positives) + spread_out(other, positives))

"""Losses that bring vectors of one sentence together: of utterance and text, of an utterance and its translations.

Conventions
- Vectors are (B, d), of a batch of B utterances, each L2-normalised; their dot products are cosines.
- ``positives`` is (B, B'), True where row and column say the same. What says the same is never a negative, so that
  translations in a batch do not push each other away (false negatives).
- Every loss is a scalar tensor, a mean over the rows that have a positive; 0 where no row has one.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize, softplus


def distil(students: Tensor, teachers: Tensor) -> Tensor:
    """The mean of 1 - cosine of the two vectors of an utterance; both (B, d).

    As SAMU-XLSR and SENSE train (Khurana et al. 2022, arXiv 2205.08180), but for their factor and sum.
    """
    return (1 - (students * teachers).sum(-1)).mean()


def distil_squared(students: Tensor, teachers: Tensor) -> Tensor:
    """The mean squared Euclidean distance of the two vectors of an utterance, both (B, d): 2 - 2 cosine.

    As SONAR trains its encoders of speech (Duquenne et al. 2023, arXiv 2308.11466), there of vectors of any length.
    """
    return (students - teachers).square().sum(-1).mean()


def info_nce(queries: Tensor, keys: Tensor, positives: Tensor, scale: Tensor | float) -> Tensor:
    """`contrast` of the cosines of ``queries`` (B, d) and ``keys`` (B', d), times ``scale``, both ways, summed.

    As Gomez et al. 2024 (arXiv 2404.01616) train a dual encoder: a softmax in the batch from each side.
    """
    scores = scale * queries @ keys.T
    return contrast(scores, positives) + contrast(scores.T, positives.T)


def contrast(scores: Tensor, positives: Tensor) -> Tensor:
    """The mean over rows of the mean over their positives p of -log(exp s_p / (exp s_p + sum over negatives exp s_n)).

    ``scores``: (B, B'). InfoNCE (van den Oord et al. 2018, arXiv 1807.03748), in whose denominator no positive stands
    but the one in question.
    """
    lowest = torch.finfo(scores.dtype).min
    negatives = scores.masked_fill(positives, lowest).logsumexp(1, keepdim=True)
    return _mean_over_positives(softplus(negatives - scores), positives)


def sigmoid_pairs(
    queries: Tensor, keys: Tensor, positives: Tensor, scale: Tensor | float, bias: Tensor | float
) -> Tensor:
    """The mean over ``queries`` (B, d) of the sum over ``keys`` (B', d) of -log sigmoid(z (scale cosine + bias)).

    z is 1 for a positive, -1 for any other pair (Zhai et al. 2023, arXiv 2303.15343, equation 1: SigLIP).
    """
    signs = 2.0 * positives - 1.0
    return -logsigmoid(signs * (scale * queries @ keys.T + bias)).sum(1).mean()


def spread_out(vectors: Tensor, positives: Tensor) -> Tensor:
    """M1² + max(0, M2 - 1/d): mean and mean square of the dot products of ``vectors`` (B, d) that are no positives.

    What independent directions would have: 0 and 1/d (Zhang et al. 2017, arXiv 1708.06320, section 3.2).
    """
    products = (vectors @ vectors.T)[~positives]
    if not len(products):
        return vectors.new_zeros(())
    return products.mean().square() + (products.square().mean() - 1 / vectors.shape[1]).clamp(min=0)


def seqsim(frames: Tensor, lengths: Tensor) -> Tensor:
    """(B, B) SeqSim of all pairs of a batch, differentiable: ``frames`` (B, T, d) padded, ``lengths`` (B,).

    P = mean over frames of the row of their best cosine in the column, R = the reverse, F1 = 2PR / (P + R)
    (Ma et al. 2025; `fangyan.measure.seqsim`, which this is held to). It takes B² T² numbers of memory.
    """
    frames = normalize(frames, dim=-1)
    inside = torch.arange(frames.shape[1], device=lengths.device) < lengths[:, None]  # (B, T)
    cosines = torch.einsum("itd,jsd->ijts", frames, frames)
    best = cosines.masked_fill(~inside[None, :, None, :], -torch.inf).amax(
        3
    )  # of the frames of the row: (B, B, T)
    precision = (best * inside[:, None]).sum(2) / lengths[:, None]
    recall = precision.T
    one_sign = precision * recall > 0  # elsewhere it is 0: the formula has a pole there
    return one_sign * 2 * precision * recall / torch.where(one_sign, precision + recall, 1.0)


def same(labels: Tensor, itself: bool = True) -> Tensor:
    """(B, B), True where two of (B,) ``labels`` are equal; on the diagonal only if an utterance is its own positive."""
    equal = labels[:, None] == labels[None, :]
    return equal if itself else equal & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def _mean_over_positives(costs: Tensor, positives: Tensor) -> Tensor:
    counts = positives.sum(1)
    rows = (costs * positives).sum(1) / counts.clamp(min=1)
    return rows.sum() / (counts > 0).sum().clamp(min=1)

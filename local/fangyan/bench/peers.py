"""SeqSim against public scorers that match the vectors of two sequences by their best cosines, at equal F1.

MaxSim (pylate, late-interaction-kernels) is the sum over the query's vectors of their best cosine, so precision and
recall are two calls, each divided by the number of frames. Batches of `BATCH` x `BATCH` utterances of like length are
padded in the way of each:

- pylate 1.0.0 (the last release for transformers 5; without a GPU its scorer is that of 1.6): zero padding. Its mask
  multiplies scores by 0, which the zeros do already, and covers one side only.
- late-interaction-kernels: masks of both sides. Without a GPU it runs its pure PyTorch reference.
- bert_score: pairs of utterances, padded with 2.0 and masked as it does itself; equal weights (idf).

The scores of padding are 0 in pylate and bert_score, which would win a maximum over negative cosines only: the best of
40 random cosines is positive, and the benchmark refuses results that differ. A missing package is told and left out.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import batched, product

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fangyan.bench.benchmark import Set
from fangyan.bench.seqsim import f1, race
from fangyan.environment import install_extra

BATCH = {"cpu": 4, "cuda": 64}
"""Utterances a side of a batch. On a CPU all three were fastest with 4 x 4 among 2 x 2 to 40 x 40, at d = 512."""
FEW = 40
"""Utterances a side that they are timed on."""

type MaxSim = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def pylate(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by pylate."""
    from pylate.scores import colbert_scores

    return _both_ways(lambda a, b, a_mask, b_mask: colbert_scores(a, b), queries, candidates)


def late_interaction_kernels(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by late-interaction-kernels."""
    from late_interaction_kernels import MaxSimScorer

    return _both_ways(MaxSimScorer(normalize=False).score, queries, candidates)


def _both_ways(maxsim: MaxSim, queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by ``maxsim(queries, candidates, mask of queries, mask of candidates)`` in both directions."""
    rows, columns = (
        [
            _padded([F.normalize(x, dim=1) for x in batch])
            for batch in batched(side, BATCH[side[0].device.type])
        ]
        for side in (queries, candidates)
    )
    return torch.cat([torch.cat([_block(maxsim, *a, *b) for b in columns], 1) for a in rows])


def _block(maxsim: MaxSim, a: Tensor, a_mask: Tensor, b: Tensor, b_mask: Tensor) -> Tensor:
    precision = maxsim(a, b, a_mask, b_mask) / a_mask.sum(1)[:, None]
    recall = maxsim(b, a, b_mask, a_mask).T / b_mask.sum(1)
    return f1(precision, recall)


def bert_score(queries: Set, candidates: Set) -> Tensor:
    """F1 of all pairs by the greedy matching of bert_score."""
    from bert_score.utils import greedy_cos_idf

    found = []
    for pairs in batched(product(queries, candidates), BATCH[queries[0].device.type] ** 2):
        (a, a_mask), (b, b_mask) = (_padded(side, 2.0) for side in zip(*pairs, strict=True))
        found.append(greedy_cos_idf(b, b_mask, b_mask.float(), a, a_mask, a_mask.float())[2])
    return torch.cat(found).view(len(queries), len(candidates))


def _padded(frames: Set, filler: float = 0.0) -> tuple[Tensor, Tensor]:
    """(n, T, d) frames, and the (n, T) mask that is True on the real ones."""
    stacked = pad_sequence(list(frames), batch_first=True, padding_value=filler)
    lengths = torch.tensor([len(x) for x in frames], device=stacked.device)
    return stacked, torch.arange(stacked.shape[1], device=stacked.device) < lengths[:, None]


def _missing(module: str) -> str:
    try:
        import_module(module)
    except ImportError as error:
        return f"not installed ({error}): {install_extra('bench')}"
    return ""


BENCHMARKS = tuple(
    race(f"seqsim_vs_{scorer.__name__}", scorer, name, 512, FEW, partial(_missing, module))
    for scorer, name, module in (
        (pylate, "pylate", "pylate.scores"),
        (late_interaction_kernels, "late-interaction-kernels", "late_interaction_kernels"),
        (bert_score, "bert_score", "bert_score.utils"),
    )
)

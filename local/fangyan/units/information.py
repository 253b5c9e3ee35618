"""What units say of labels: purity and mutual information, from counts of how often they occur together.

Groups of frames have one label each: an utterance its variety or speaker, a stretch of frames its character. With
p(y, z) the fraction of all frames that are of label y and unit z,

- purity (phone purity of Hsu et al. 2021, HuBERT, arXiv 2106.07447, where the labels are phones): the sum
  over z of max_y p(y, z), the accuracy of guessing a frame's label by its unit;
- cluster purity (the same): the sum over y of max_z p(y, z), the accuracy of guessing a frame's unit by its label;
- mutual information I(y; z) in bits, and I(y; z) / H(y) (PNMI of the same): how much of the uncertainty about the label
  the unit takes away, in [0, 1].

Counts of few frames make all of them too high, the more units the higher. So each stands beside what it is by chance:
the mean over `SHUFFLES` deals of the labels among the groups, each group keeping its units. Groups that say the same
(one sentence in several varieties) exchange labels among each other alone: else what is said, which is in balance with
the labels as they are and not with dealt ones, would make chance too high.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHUFFLES = 10


@dataclass(frozen=True)
class Told:
    """What units tell of a label: ``bits`` of mutual information, ``nmi``: their fraction of the label's own."""

    bits: float
    nmi: float
    purity: float
    cluster_purity: float


def told(
    groups: Sequence[np.ndarray], labels: Sequence[str], k: int, strata: Sequence[str] = ()
) -> tuple[Told, Told]:
    """What the units of groups, (T,) each and below ``k``, tell of their labels; and what they tell by chance.

    ``strata``: of each group the name of those with which it may exchange its label; by default all.
    """
    names, numbers = np.unique(labels, return_inverse=True)
    _, of_group = np.unique(strata or [""] * len(labels), return_inverse=True)
    chance, found = np.random.default_rng(0), []
    for _ in range(SHUFFLES):
        dealt = deal(numbers, of_group, chance)
        found.append(vars(of_counts(count(groups, dealt, k, len(names)))))
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    return of_counts(count(groups, numbers, k, len(names))), Told(**means)


def deal(labels: np.ndarray, strata: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """The labels in another order, each of a place of the same stratum; both are numbers."""
    mixed = chance.permutation(len(labels))
    dealt = np.empty_like(labels)
    dealt[np.argsort(strata, kind="stable")] = labels[mixed[np.argsort(strata[mixed], kind="stable")]]
    return dealt


def count(groups: Sequence[np.ndarray], labels: np.ndarray, k: int, label_count: int) -> np.ndarray:
    """(labels, k) int64: how many frames of a label have a unit."""
    of_frame = np.repeat(labels, [*map(len, groups)])
    return np.bincount(of_frame * k + np.concatenate(groups), minlength=label_count * k).reshape(
        label_count, k
    )


def of_counts(counts: np.ndarray) -> Told:
    """What units tell of labels by how often they occur together, (labels, units); of one label there is nothing."""
    joint = counts / counts.sum()
    of_label = entropy(joint.sum(1))
    bits = max(0.0, of_label + entropy(joint.sum(0)) - entropy(joint.ravel()))
    purity, cluster_purity = joint.max(0).sum(), joint.max(1).sum()
    return Told(bits, bits / of_label if of_label else 0.0, float(purity), float(cluster_purity))


def entropy(probabilities: np.ndarray) -> float:
    """In bits, of probabilities whose sum is 1."""
    some = probabilities[probabilities > 0]
    return float(-(some * np.log2(some)).sum())


def perplexity(counts: np.ndarray) -> float:
    """Two to the entropy of the units in bits, from how often each occurs: as many as equally frequent ones, 1 to k."""
    return float(2 ** entropy(counts / counts.sum()))

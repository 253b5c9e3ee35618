"""What units tell of labels, by hand."""

import numpy as np
import pytest

from fangyan.units.information import count, deal, entropy, of_counts, perplexity, told


def test_counts_are_of_frames():
    groups = [np.array([0, 0, 2]), np.array([2]), np.array([1, 2])]
    assert count(groups, np.array([1, 0, 1]), 3, 2).tolist() == [[0, 0, 1], [2, 1, 2]]


def test_purity_and_information_by_hand():
    found = of_counts(np.array([[3, 1], [0, 4]]))  # of 8 frames
    assert found.purity == (3 + 4) / 8 and found.cluster_purity == (3 + 4) / 8
    # H(y) = 1 bit; H(z) of 3/8, 5/8 = 0.954434; H(y, z) of 3/8, 1/8, 4/8 = 1.405639
    assert found.bits == pytest.approx(1 + 0.954434 - 1.405639, abs=1e-6)
    assert found.nmi == pytest.approx(found.bits)
    uneven = of_counts(np.array([[2, 1, 1], [0, 4, 0]]))
    assert uneven.purity == (2 + 4 + 1) / 8 and uneven.cluster_purity == (2 + 4) / 8


def test_units_that_are_the_labels_tell_all_and_independent_ones_nothing():
    same = of_counts(np.eye(4, dtype=int) * 5)
    assert (same.bits, same.nmi, same.purity, same.cluster_purity) == (2, 1, 1, 1)
    none = of_counts(np.full((2, 3), 7))
    assert (none.bits, none.nmi, none.purity) == pytest.approx((0, 0, 1 / 2), abs=1e-12)
    one = of_counts(np.array([[3, 4]]))
    assert (one.bits, one.nmi, one.purity, one.cluster_purity) == (0, 0, 1, 4 / 7)


def test_entropy_and_perplexity_by_hand():
    assert entropy(np.array([0.5, 0.25, 0.25, 0])) == 1.5
    assert perplexity(np.array([5, 5, 5, 5])) == 4 and perplexity(np.array([7, 0])) == 1
    assert perplexity(np.array([2, 1, 1])) == pytest.approx(2**1.5)


def test_what_is_told_by_chance_is_of_the_same_groups():
    units = [np.full(10, n) for n in range(8)]  # each group has a unit of its own: it tells any label
    found, chance = told(units, [*"aabbccdd"], 8)
    assert (found.bits, found.nmi, found.purity) == (chance.bits, chance.nmi, chance.purity) == (2, 1, 1)
    chance_of = np.random.default_rng(1)
    units = [np.full(10, label) for label in chance_of.integers(0, 2, 200)]
    found, chance = told(units, ["ab"[int(of_group[0])] for of_group in units], 2)
    assert found.nmi == pytest.approx(1) and chance.nmi < 0.05 and 0.45 < chance.purity < 0.65
    assert told(units, ["a"] * 200, 2)[0].nmi == 0


def test_labels_are_dealt_within_their_stratum():
    labels, strata = np.array([0, 1, 2, 3, 4, 5]), np.array([1, 0, 1, 0, 1, 2])
    dealt = [deal(labels, strata, np.random.default_rng(seed)) for seed in range(20)]
    for one in dealt:
        assert sorted(one[[0, 2, 4]]) == [0, 2, 4] and sorted(one[[1, 3]]) == [1, 3] and one[5] == 5
    assert len({tuple(one) for one in dealt}) > 6


def test_what_is_said_is_no_part_of_chance():
    units = [
        np.full(10, sentence) for sentence in range(6) for _ in range(2)
    ]  # units tell the sentence alone
    labels, sentences = ["a", "b"] * 6, [f"{n}" for n in range(6) for _ in range(2)]
    found, chance = told(units, labels, 6, sentences)
    assert found.nmi == pytest.approx(0, abs=1e-12) == chance.nmi
    assert told(units, labels, 6)[1].nmi > 0.1

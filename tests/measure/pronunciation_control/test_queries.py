"""`fangyan.measure.pronunciation_control.queries`: controlled sets, correlations and means by hand."""

import numpy as np
import pytest
import torch

from fangyan.measure.pronunciation_control.queries import (
    Queries,
    bin_by_distance,
    concatenate_queries,
    controlled_queries,
    nearest,
    partial_correlation,
    summary,
)

DISTANCES = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.25, 0.2], [0.1, 0.2, 0.4]])
EYE = torch.eye(3, dtype=torch.bool)


def test_nearest_right_candidate():
    assert nearest(DISTANCES, EYE).tolist() == pytest.approx([0.1, 0.25, 0.4])
    right = torch.tensor([[False, True, True], [True, False, True], [True, False, False]])
    assert nearest(DISTANCES, right).tolist() == pytest.approx([0.2, 0.2, 0.1])


def test_the_controlled_set_by_hand():
    # Medians of the wrong: 0.25, 0.25 and 0.15. As near as the median is not nearer.
    assert controlled_queries(DISTANCES, EYE, 0.5).tolist() == [False, True, True]
    assert controlled_queries(DISTANCES, EYE, 1.0).tolist() == [False, False, True]
    assert controlled_queries(DISTANCES, EYE, 0.0).tolist() == [False, True, True]


def test_partial_correlation_by_hand():
    # One query, 4 candidates. Ranks of scores 3 4 2 1, of distances 1 2 3 4; the first is right.
    # Centred: s = (.5, 1.5, -.5, -1.5), d = (-1.5, -.5, .5, 1.5), r = (.75, -.25, -.25, -.25).
    # r_sr = .5 / sqrt(3.75), r_sd = -.8, r_rd = -1.5 / sqrt(3.75): (.5 - 1.2) / sqrt(3.75 * .36 * .4).
    found = partial_correlation(
        torch.tensor([[0.8, 0.9, 0.1, 0.0]]),
        torch.tensor([[0.1, 0.2, 0.3, 0.9]]),
        torch.tensor([[True, False, False, False]]),
    )
    assert found == pytest.approx(-0.7 / 0.54**0.5)


def test_partial_correlation_is_that_of_residuals():
    chance = np.random.default_rng(0)
    scores, distances = (torch.from_numpy(chance.random((5, 5))) for _ in range(2))
    s, d = ((1 + m.argsort(1).argsort(1)).double().ravel().numpy() for m in (scores, distances))
    design = np.stack([np.ones(25), d], 1)
    left = [y - design @ np.linalg.lstsq(design, y)[0] for y in (s, torch.eye(5).double().ravel().numpy())]
    found = partial_correlation(scores, distances, torch.eye(5, dtype=torch.bool))
    assert found == pytest.approx(np.corrcoef(left)[0, 1])


def test_partial_correlation_where_there_is_none():
    steady = (-5 * DISTANCES).exp()  # whatever falls steadily with distance is distance
    assert np.isnan(partial_correlation(steady, DISTANCES, EYE))
    assert np.isnan(partial_correlation(torch.ones(3, 3), DISTANCES, EYE))
    rounded = 1 - 1e-7 * torch.rand(3, 3, generator=torch.Generator().manual_seed(0)).double()
    assert np.isnan(partial_correlation(rounded, DISTANCES, EYE))


@pytest.mark.parametrize("m", [2, 9, 60])
def test_partial_correlation_of_a_perfect_ranking(m):
    chance = np.random.default_rng(0)
    right = torch.eye(m, dtype=torch.bool)
    scores, distances = torch.from_numpy(chance.random((2, m, m)))
    s = (1 + (scores + right).argsort(1).argsort(1)).double()
    plain = np.corrcoef(s.ravel(), right.ravel())[0, 1]
    assert plain == pytest.approx((3 / (m + 1)) ** 0.5)
    assert partial_correlation(scores + right, distances, right) == pytest.approx(plain, abs=0.1)


def queries(*rows: tuple[int, int, float, float, bool]) -> Queries:
    """Rows of rank, rank by sound, chance, distance and whether it is controlled."""
    return Queries(*(torch.tensor(column) for column in zip(*rows, strict=True)))


FEW = queries((1, 1, 0.5, 0.1, False), (4, 2, 0.25, 0.5, True), (1, 3, 0.5, 0.3, True))
ONE = queries((2, 1, 0.25, 0.2, False))


def test_a_summary_by_hand():
    assert summary(FEW) == {
        "n": 3,
        "recall_at_1": pytest.approx(2 / 3),
        "chance": pytest.approx(1.25 / 3),
        "n_controlled": 2,
        "recall_at_1_controlled": 0.5,
        "mrr_controlled": (1 / 4 + 1) / 2,
        "chance_controlled": 0.375,
        "phonetics_recall_at_1": pytest.approx(1 / 3),
        "phonetics_recall_at_1_controlled": 0,
    }
    none = summary(ONE)
    assert none["n_controlled"] == 0 and none["phonetics_recall_at_1"] == 1
    assert np.isnan([none["recall_at_1_controlled"], none["mrr_controlled"], none["chance_controlled"]]).all()


def test_pooling_weighs_queries_not_pairs():
    pooled = summary(concatenate_queries([FEW, ONE]))
    assert (pooled["n"], pooled["n_controlled"]) == (4, 2)
    assert pooled["recall_at_1"] == 0.5  # 2 of 4, although the pairs have 2/3 and 0
    assert pooled["mrr_controlled"] == 0.625 and pooled["chance"] == pytest.approx(1.5 / 4)


def test_bins_by_hand():
    ranked = [(2, 0.25, 0.5), (1, 0.5, 0.1), (1, 0.5, 0.3), (3, 0.25, 0.2), (2, 0.25, 0.4)]
    found = queries(*((rank, 1, chance, distance, False) for rank, chance, distance in ranked))
    assert bin_by_distance(found, 2) == [
        {"bin": 1, "low": pytest.approx(0.1), "high": pytest.approx(0.3), "n": 3}
        | {"recall_at_1": pytest.approx(2 / 3), "chance": pytest.approx(1.25 / 3)},
        {"bin": 2, "low": pytest.approx(0.4), "high": 0.5, "n": 2, "recall_at_1": 0, "chance": 0.25},
    ]
    assert [row["n"] for row in bin_by_distance(FEW)] == [1, 1, 1]  # no bin is empty

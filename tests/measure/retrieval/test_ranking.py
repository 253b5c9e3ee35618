"""`fangyan.measure.retrieval.ranking`: ranks and metrics by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.measure.retrieval.ranking import evaluate, levels, ranks


def test_ranks():
    scores = torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.4, 0.3], [0.1, 0.2, 0.3]])
    assert ranks(scores, torch.eye(3, dtype=torch.bool)).tolist() == [1, 2, 1]


def test_ties_count_against_the_encoder():
    right = torch.tensor([[True, False, False]])
    assert ranks(torch.tensor([[0.5, 0.5, 0.5]]), right).tolist() == [3]
    assert ranks(torch.tensor([[0.5, 0.5, 0.4]]), right).tolist() == [2]
    assert ranks(torch.tensor([[0.5, 0.5 - 1e-7, 0.49]]), right).tolist() == [2]  # rounding is a tie
    assert ranks(torch.tensor([[-1.0, -1.0, -2.0]]), right).tolist() == [2]


def test_what_ties_cost_is_counted():
    # First; second to one that is better; equal to two; equal to one by rounding; beaten by one and equal to another.
    scores = torch.tensor(
        [[0.9, 0.1, 0.2], [0.5, 0.4, 0.3], [0.7, 0.7, 0.7], [0.3, 0.3 + 3e-7, 0.1], [0.9, 0.5, 0.5]]
    )
    found = evaluate(scores, "abcab", "abc")
    assert (found.n, found.ties, found.recall_at_1) == (5, 2, 1 / 5)
    assert evaluate(torch.ones(3, 3), "abc", "abc").ties == 3


def test_levels_are_ranks_in_which_what_ties_is_equal():
    scores = torch.tensor([[0.5, 0.1, 0.5 + 2e-7, 0.1 - 1e-4], [1, 1, 1 - 1.2e-7, 1]], dtype=torch.float64)
    assert levels(scores).tolist() == [[2, 1, 2, 0], [0, 0, 0, 0]]


def test_the_best_of_several_right_candidates_counts():
    scores = torch.tensor([[0.3, 0.8, 0.9, 0.1], [0.9, 0.1, 0.8, 0.7]])
    right = torch.tensor([[True, True, False, False], [False, True, False, True]])
    assert ranks(scores, right).tolist() == [2, 3]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_ranks_match_sorting(rows):
    right = torch.zeros(len(rows), 4, dtype=torch.bool)
    right[:, 1:3] = True
    slow = []
    for row in rows:  # the wrong before the right at equal scores
        order = sorted(range(4), key=lambda k: (-row[k], k in (1, 2)))
        wrong_before = [k for k in order[: min(order.index(1), order.index(2))]]
        slow.append(1 + len(wrong_before))
    assert ranks(torch.tensor(rows, dtype=torch.float32), right).tolist() == slow


def test_malformed_scores():
    with pytest.raises(DataError, match="NaN"):
        ranks(torch.tensor([[0.0, float("nan")]]), torch.tensor([[True, False]]))
    with pytest.raises(DataError, match="none for query 1"):
        ranks(torch.zeros(2, 2), torch.tensor([[True, False], [False, False]]))


def test_metrics_by_hand():
    # Ranks 1, 3 and 2.
    scores = torch.tensor([[0.9, 0.1, 0.2], [0.5, 0.3, 0.4], [0.4, 0.2, 0.3]])
    found = evaluate(scores, "abc", "abc")
    assert found.n == 3
    assert (found.recall_at_1, found.recall_at_5) == pytest.approx((1 / 3, 1))
    assert found.mrr == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert found.median_rank == 2
    assert found.chance == pytest.approx(1 / 3)


def test_the_median_rank_of_an_even_number_is_midway():
    assert evaluate(torch.tensor([[0.9, 0.1], [0.9, 0.1]]), "ab", "ab").median_rank == 1.5  # of 1 and 2


def test_recall_at_5_and_10_need_the_first_five_and_ten():
    scores = torch.linspace(0, 1, 11).repeat(11, 1)  # the last candidate first: ranks 11, 10, ..., 1
    found = evaluate(scores, "abcdefghijk", "abcdefghijk")
    recalls = found.recall_at_1, found.recall_at_5, found.recall_at_10
    assert recalls == pytest.approx((1 / 11, 5 / 11, 10 / 11))


def test_several_recordings():
    # Sentence a: 2 queries, 3 candidates; sentence b: 1 and 1. Ranks: 1, 2, 4.
    scores = torch.tensor([[0.9, 0.1, 0.1, 0.8], [0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6]])
    found = evaluate(scores, "aab", "aaab")
    assert (found.n, found.recall_at_1, found.recall_at_5) == (3, pytest.approx(1 / 3), 1)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert found.chance == pytest.approx((3 / 4 + 3 / 4 + 1 / 4) / 3)


def test_only_common_sentences_count():
    # Query x and candidate y are nobody's translation: y would otherwise outrank the right answers.
    scores = torch.tensor([[1.0, 0.2, 0.1], [1.0, 0.0, 0.9], [1.0, 0.9, 0.9]])
    found = evaluate(scores, "abx", "yab")
    assert (found.n, found.recall_at_1, found.chance) == (2, 1, 0.5)


def test_one_common_sentence_leaves_nothing_to_confuse():
    with pytest.raises(DataError, match=r"2 sentences .* got 1"):
        evaluate(torch.zeros(2, 2), "ab", "bc")

"""`fangyan.mining.selection`: which of overlapping stretches are in a pair, by hand."""

import numpy as np

from fangyan.mining.banks import STRETCH, Bank
from fangyan.mining.margins import CANDIDATE
from fangyan.mining.selection import select


def side(*stretches: tuple[int, float, float]) -> Bank:
    return Bank(None, np.arange(len(stretches)), np.array([*stretches], STRETCH), "")


def chosen(
    source: Bank, target: Bank, *candidates: tuple[int, int], mutual: bool = False
) -> list[tuple[int, int]]:
    found = np.array([(a, b, 0, 0, 2 - n / 10, n % 2 == 0) for n, (a, b) in enumerate(candidates)], CANDIDATE)
    return [(int(one["source"]), int(one["target"])) for one in select(found, source, target, mutual)]


def test_each_recording_is_in_one_pair_and_the_best_margin_wins():
    source, target = side((1, 0, 9), (2, 0, 9)), side((3, 0, 9), (4, 0, 9))
    assert chosen(source, target, (0, 1), (0, 0), (1, 1), (1, 0)) == [(0, 1), (1, 0)]
    assert chosen(source, target, (0, 1), (0, 0), (1, 1), (1, 0), mutual=True) == [(0, 1)]


def test_stretches_that_overlap_are_in_one_pair_and_those_that_touch_in_two():
    source = side((1, 0, 2), (1, 1.5, 3), (1, 3, 4), (1, 0.5, 9))
    target = side((2, 0, np.inf), (3, 0, 1), (4, 0, 1), (5, 0, 1))
    assert chosen(source, target, (1, 0), (0, 1), (3, 2), (2, 3)) == [(1, 0), (2, 3)]


def test_a_recording_on_both_sides_is_in_one_pair():
    both = side((1, 0, 1), (2, 0, 1), (3, 0, 1))
    assert chosen(both, both, (0, 1), (1, 2), (2, 0)) == [(0, 1)]


def test_a_sentence_may_be_in_many():
    source, sentences = side((1, 0, 1), (2, 0, 1)), side((0, 0, 0), (0, 0, 0))
    assert chosen(source, sentences, (0, 1), (1, 1), (1, 0)) == [(0, 1), (1, 1)]

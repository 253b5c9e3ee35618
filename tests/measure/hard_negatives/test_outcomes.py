"""What outranks the truth: by hand, and against a search one by one."""

import numpy as np

from fangyan.measure.hard_negatives.outcomes import OTHER, outcomes
from fangyan.measure.ties import TIE

SENTENCES = ["a", "b", "a", "a", "b"]
KINDS = ["", "", "number", "time", "number"]


def test_by_hand():
    scores = np.array(
        [
            [0.9, 0.1, 0.2, 0.3, 0.4],  # of a: right
            [0.5, 0.1, 0.6, 0.7, 0.4],  # of a: both its variants are better, time is best
            [0.5, 0.8, 0.1, 0.1, 0.9],  # of a: b is better, best is what was made of b
            [0.2, 0.6, 0.1, 0.1, 0.6],  # of b: a tie with its variant
        ]
    )
    found = outcomes(scores, ["a", "a", "a", "b"], SENTENCES, KINDS)
    assert found.found.tolist() == [True, True, False, True]
    assert found.found_among_variants.tolist() == [True, False, False, False]
    assert found.first.tolist() == ["", "time", OTHER, "number"]
    assert {kind: values.tolist() for kind, values in found.outranked.items()} == {
        "number": [False, True, False, True],
        "time": [False, True, False, False],
        OTHER: [False, False, True, False],
    }
    assert {kind: values.tolist() for kind, values in found.rivals.items()} == {
        "number": [1, 1, 1, 1],
        "time": [1, 1, 1, 0],
        OTHER: [2, 2, 2, 3],
    }


def test_as_a_search_one_by_one():
    chance = np.random.default_rng(1)
    sentences = ["a", "b", "c", *chance.choice(["a", "b", "c"], 30)]
    kinds = ["", "", "", *chance.choice(["x", "y"], 30)]
    scores = chance.integers(0, 12, (20, 33)) / 12
    queries = list(chance.choice(["a", "b", "c"], 20))
    found = outcomes(scores, queries, sentences, kinds)
    for n, query in enumerate(queries):
        truth = scores[n, sentences.index(query)]
        better = {m for m in range(33) if scores[n, m] >= truth - TIE} - {sentences.index(query)}
        assert found.found_among_variants[n] == (not better)
        assert found.found[n] == (not any(kinds[m] == "" for m in better))
        assert (found.first[n] == "") == (not better)
        for kind in ("x", "y"):
            rivals = [m for m in range(33) if sentences[m] == query and kinds[m] == kind]
            assert found.rivals[kind][n] == len(rivals)
            assert found.outranked[kind][n] == any(m in better for m in rivals)

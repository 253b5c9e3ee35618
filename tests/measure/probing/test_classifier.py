"""Folds that share nothing that they should not, and control tasks without sense."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

from fangyan.errors import DataError
from fangyan.measure.probing.classifier import control_labels, predict, splits

PLACES = list(product("abcdefg", "xyz"))
SENTENCES, SPEAKERS = ([place[n] for place in PLACES] for n in (0, 1))


@pytest.mark.parametrize(
    ("held_out", "count", "apart"),
    [("sentence", 5, (SENTENCES,)), ("speaker", 3, (SPEAKERS,)), ("both", 15, (SENTENCES, SPEAKERS))],
)
def test_parts_share_nothing_of_what_is_held_out_and_each_item_is_tested_once(held_out, count, apart):
    found = splits(held_out, SENTENCES, SPEAKERS)
    assert len(found) == count
    for training, test in found:
        for groups in apart:
            assert not {groups[n] for n in training} & {groups[n] for n in test}
    assert sorted(n for _, test in found for n in test) == list(range(21))


def test_what_cannot_be_tested_has_no_answer():
    """Each speaker has sentences of his own and a third shares with both: of both, some cells have no training part."""
    found = splits("both", ["a", "b"], ["x", "x2"])
    answers, guessed = predict(np.zeros((2, 1)), np.array(["p", "q"]), found)
    assert list(answers) == ["q", "p"] == list(guessed)
    assert splits("both", ["a", "a", "b"], ["x", "y", "x"])[0][0].tolist() != []
    with pytest.raises(DataError, match="folds need at least 2 groups, got a alone"):
        splits("sentence", ["a", "a"], ["x", "y"])


def test_a_type_has_one_label_and_labels_are_as_frequent_as_before():
    labels = ["p"] * 12 + ["q"] * 9
    found = control_labels(labels, SENTENCES)
    assert all(
        len({label for label, of in zip(found, SENTENCES, strict=True) if of == s}) == 1 for s in "abcdefg"
    )
    assert Counter(found[[SENTENCES.index(s) for s in "abcdefg"]]) == {"p": 4, "q": 3}
    assert list(found) == list(control_labels(labels, SENTENCES))
    assert list(found) != list(control_labels(labels, SENTENCES, seed=3))

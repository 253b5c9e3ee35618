"""How alike translations are as units, by hand."""

from itertools import product

import numpy as np
import pytest

from fangyan.data.datadir import Utterance
from fangyan.units.agreement import agreement, likeness, translated, trios


def said(variety: str, sentence: str, speaker: str = "x") -> Utterance:
    return Utterance(f"{variety}-{sentence}-{speaker}", "", "", speaker, variety, sentence)


def test_likeness_by_hand():
    assert likeness([1, 2, 3], [1, 2, 3]) == 1 and likeness([1, 2], [3, 4]) == 0
    assert likeness([1, 2, 3, 4], [1, 3, 4]) == 3 / 4  # one is taken out
    assert likeness([1, 2], [1, 9, 2, 9]) == 2 / 4 and likeness([500], [501]) == 0


def test_pairs_are_translations_each_with_another_sentence():
    utterances = [said(*both) for both in product(("cmn", "yue", "hak"), ("s1", "s2"))]
    found = trios(utterances)
    assert len(found) == 2 * 3 and trios(utterances) == found
    for a, b, other in found:
        assert a.split("-")[1] == b.split("-")[1] != other.split("-")[1]
        assert a.split("-")[0] != b.split("-")[0] == other.split("-")[0]
    assert len(trios(utterances, 4)) == 4
    assert trios([said("cmn", "s1", "a"), said("cmn", "s1", "b")]) == []  # one variety
    assert trios([said("cmn", "s1"), said("yue", "s1")]) == []  # no other sentence


def test_a_sentence_of_one_variety_is_not_translated():
    utterances = [said("cmn", "s1"), said("yue", "s1"), said("cmn", "s2", "a"), said("cmn", "s2", "b")]
    assert translated(utterances) == ["s1", "s1", "", ""]


def test_agreement_by_hand():
    units = {
        key: np.array(of_key)
        for key, of_key in {"a": [1, 1, 2], "b": [1, 2, 2], "c": [3], "d": [1, 5]}.items()
    }
    found = agreement([("a", "b", "c"), ("a", "d", "b"), ("c", "a", "b")], units)
    assert found.pairs == 3  # likenesses 1 and 0; 1/2 and 1; 0 and 0
    assert found.translations == pytest.approx(1.5 / 3) and found.others == pytest.approx(1 / 3)
    assert found.found == (1 + 0 + 1 / 2) / 3
    assert agreement([], units) is None

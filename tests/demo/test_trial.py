import numpy as np
import pytest

from fangyan.data.datadir import Utterance
from fangyan.demo.trial import trial


def utterance(variety, sentence):
    return Utterance(f"{variety}0-{sentence}", "", "", variety, variety, sentence)


FRAMES = {
    "cmn0-s1": [[1.0, 0.0]],
    "cmn0-s2": [[0.0, 1.0]],
    "yue0-s1": [[1.0, 0.0]],
    "yue0-s2": [[0.8, 0.6]],
    "yue0-s3": [[0.0, 1.0]],
}
"""SeqSim of single frames is their cosine."""


def tried(frames, most=500):
    features = {key: np.array(value, np.float32) for key, value in frames.items()}
    varieties = {}
    for key in features:
        varieties.setdefault(key[:3], []).append(utterance(key[:3], key[5:]))
    return trial(features, varieties, most)


def test_a_trial_by_hand():
    # cmn s1: right 1.0, best wrong 0.8. cmn s2: right 0.6, best wrong 1.0 (s3). yue s1: 1.0, 0.0. yue s2: 0.6, 0.8.
    found = tried(FRAMES)
    assert (found.searches, found.first) == (4, 0.5)
    assert found.chance == pytest.approx((1 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert found.right == pytest.approx((0.6, 1.0))
    assert found.wrong == pytest.approx((0.6, 0.85))  # a quarter of the way between 0.0, 0.8, 0.8 and 1.0


def test_a_trial_takes_no_more_searches_than_it_may():
    assert tried(FRAMES, most=2).searches == 2


def test_without_a_second_variety_there_is_no_trial():
    assert tried({key: value for key, value in FRAMES.items() if key.startswith("yue")}) is None
    assert tried({key: value for key, value in FRAMES.items() if not key.endswith("s2")}) is None

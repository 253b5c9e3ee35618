"""The joint space: its plane by hand, what is read of an experiment, and what is told of its teacher."""

import json

import numpy as np
import pytest
from banks import archive

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.report.read.space import plane, read_space, read_taught

WORDS = {f"s{n:02d}": f"第{n}" for n in range(12)}


def unit(*degrees):
    return np.array([[np.cos(a), np.sin(a), 0.0] for a in np.deg2rad(degrees)], np.float32)


@pytest.fixture
def exp(tmp_path):
    """An experiment with vectors of twelve sentences in two varieties, and the data directory beside it."""
    spoken = [
        Utterance(f"{v}-{key}", "/nowhere.wav", "x", v, v, key, 1.0, text)
        for v in ("yue", "cmn")
        for key, text in WORDS.items()
    ]
    datadir.write(tmp_path / "data/test", spoken)
    chance = np.random.default_rng(0)
    home = tmp_path / "exp"
    archive(home / "feats/test", "joint", {u.id: chance.standard_normal((1, 4)) for u in spoken})
    archive(home / "cross_modal/feats/test", "joint", {key: chance.standard_normal((1, 4)) for key in WORDS})
    return home


def test_the_plane_is_that_of_the_two_largest_components():
    # Texts at (±3, 0), utterances at (0, ±1): the first axis is x, the second y; 18 of 20 and 2 of 20.
    texts = {"a": np.array([3.0, 0, 0]), "b": np.array([-3.0, 0, 0])}
    spoken = {"u": ("yue", "b", np.array([0, 1.0, 0])), "v": ("cmn", "a", np.array([0, -1.0, 0]))}
    found = plane({"a": "甲", "b": "乙"}, texts, spoken)
    assert {n: place.tolist() for n, place in found.texts.items()} == {1: [3, 0], 2: [-3, 0]}
    assert list(found.utterances) == ["cmn", "yue"]
    ((number, place),) = found.utterances["yue"]
    assert (number, place.tolist(), found.kept) == (2, [0, 1], pytest.approx(1))


def test_what_a_third_dimension_has_is_not_kept():
    texts = {"a": np.array([2.0, 0, 0]), "b": np.array([-2.0, 0, 0])}
    spoken = {
        "u": ("yue", "a", np.array([0, 1.0, 0.5])),
        "v": ("yue", "b", np.array([0, -1.0, 0.5])),
        "w": ("yue", "b", np.array([0, 0, -1.0])),
    }
    assert plane({"a": "", "b": ""}, texts, spoken).kept == pytest.approx(10 / 11.5)


def test_only_the_first_sentences_are_shown_of_all_varieties(exp):
    found = read_space(exp, exp.parent / "data/test")
    assert found.sentences == {key: WORDS[key] for key in list(WORDS)[:10]}
    assert {v: [n for n, _ in places] for v, places in found.utterances.items()} == {
        "cmn": [*range(1, 11)],
        "yue": [*range(1, 11)],
    }
    again = read_space(exp, exp.parent / "data/test")
    assert all((again.texts[n] == place).all() for n, place in found.texts.items())


def test_without_texts_or_data_there_is_no_picture(exp, tmp_path):
    assert read_space(exp, tmp_path / "elsewhere") is None
    (exp / "cross_modal/feats/test/joint/feats.scp").unlink()
    assert read_space(exp, exp.parent / "data/test") is None


def test_a_layer_of_frames_is_no_joint_space(exp):
    archive(
        exp / "feats/test", "joint", {f"{v}-{key}": np.ones((2, 4)) for v in ("yue", "cmn") for key in WORDS}
    )
    with pytest.raises(DataError, match="feats.scp: .*: one vector at joint, got 2"):
        read_space(exp, exp.parent / "data/test")


@pytest.mark.parametrize(
    ("train", "settings", "expected"),
    [
        (
            {"task": "align"},
            {"teacher": "text:a/b", "model_conf": {"objectives": {"asr": 0.5}}},
            ("a/b", {"asr": 0.5}),
        ),
        (
            {"task": "align"},
            {"teacher": "text:/home/me/e5", "model_conf": None},
            ("e5 (a folder, not of the Hub)", {}),
        ),
        ({"task": "align"}, {"teacher": None}, None),
        ({}, {"teacher": "text:a/b"}, None),
    ],
)
def test_a_teacher_is_told_without_its_place(tmp_path, train, settings, expected):
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    found = read_taught(tmp_path, train)
    assert (found and (str(found.teacher), found.objectives)) == expected

import kaldiio
import numpy as np
import pytest
import torch

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.measure.explain.most_confident import most_confident, rank_outcomes
from fangyan.measure.retrieval.ranking import ranks
from fangyan.measure.retrieval.sides import Side


def spoken(variety, *sentences) -> Side:
    return Side.of(variety, ((f"{variety}-{n}-{sentence}", sentence) for n, sentence in enumerate(sentences)))


def test_outcomes_by_hand():
    queries, candidates = spoken("a", "s1", "s2", "s3"), spoken("b", "s2", "s1", "s9", "s1")
    scores = torch.tensor([[0.7, 0.5, 0.99, 0.6], [0.8, 0.1, 0.99, 0.3], [0.9, 0.9, 0.9, 0.9]])
    first, second = rank_outcomes(scores, queries, candidates)  # b has no s3, a no s9
    assert (first.query, first.right, first.wrong) == ("a-0-s1", "b-3-s1", "b-0-s2")
    assert (first.margin, first.hit) == (pytest.approx(-0.1), False)
    assert (second.query, second.right, second.wrong) == ("a-1-s2", "b-0-s2", "b-3-s1")
    assert (second.margin, second.hit) == (pytest.approx(0.5), True)


def test_a_tie_is_a_miss_as_in_retrieval():
    queries, candidates = spoken("a", "s1", "s2"), spoken("b", "s1", "s2")
    scores = torch.tensor([[0.5, 0.5], [0.5 - 1e-3, 0.5]])
    found = rank_outcomes(scores, queries, candidates)
    assert [o.hit for o in found] == [False, True]
    assert [o.hit for o in found] == (ranks(scores, torch.eye(2, dtype=torch.bool)) == 1).tolist()


@pytest.fixture
def home(tmp_path):
    """One frame an utterance: a and b agree, c has s1 and s2 the wrong way round."""
    angles = {"a": (0, 40, 80), "b": (2, 42, 90), "c": (40, 0, 80)}
    sides = {variety: spoken(variety, "s1", "s2", "s3") for variety in angles}
    members = [(side.name, key, sentence) for side in sides.values() for key, sentence in side.members()]
    utterances = [Utterance(key, "w", "", name, name, sentence, 1.0) for name, key, sentence in members]
    datadir.write(tmp_path / "data", utterances)
    place = tmp_path / "feats/norm"
    place.mkdir(parents=True)
    with kaldiio.WriteHelper(f"ark,scp:{place}/feats.ark,{place}/feats.scp") as writer:
        for variety, side in sides.items():
            for key, angle in zip(side.ids, np.radians(angles[variety]), strict=True):
                writer(key, np.array([[np.cos(angle), np.sin(angle)]], np.float32))
    return tmp_path


def test_the_surest_hit_and_miss_of_each_ordered_pair(home):
    hits, misses = most_confident(home / "feats", home / "data", "norm", 9)
    # The worst is s2 between b and c: right are 42 degrees, wrong are 2; between a and c it is 40 and none.
    pairs = [(o.query[0], o.right[0]) for o in misses]
    assert (set(pairs[:2]), set(pairs[2:])) == ({("b", "c"), ("c", "b")}, {("a", "c"), ("c", "a")})
    cosine = np.cos(np.radians([42, 2, 40, 0]))
    worst = [cosine[0] - cosine[1]] * 2 + [cosine[2] - cosine[3]] * 2
    assert [o.margin for o in misses] == pytest.approx(worst, abs=1e-5)
    assert {o.query[-2:] for o in misses[:2]} == {"s2"}
    assert len(hits) == 6  # c still has s3 right
    assert [o.margin for o in hits] == sorted((o.margin for o in hits), reverse=True)
    assert all(o.hit for o in hits) and not any(o.hit for o in misses)
    assert most_confident(home / "feats", home / "data", "norm", 1) == (hits[:1], misses[:1])

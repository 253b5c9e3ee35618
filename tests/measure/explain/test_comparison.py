import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.measure.explain.comparison import AlignedUtterance, Side, characters, compare_frames
from fangyan.measure.seqsim import seqsim
from fangyan.units.alignment import Span

X, Y, BETWEEN = [1.0, 0.0], [0.0, 1.0], [3.0, 4.0]  # cosines of the last: 0.6 with X, 0.8 with Y


def aligned(frames, text="", peaks=()):
    return AlignedUtterance(text or "u", np.array(frames, np.float32), text, [Span(*peak) for peak in peaks])


@pytest.fixture
def found():
    # 我 has the query's frames 0 and 1, 你 the last; 你 the target's first, 我 the two others.
    query = aligned([X, X, Y], "我你", [(1, 2), (2, 3)])
    return compare_frames(query, aligned([Y, BETWEEN, X], "你我", [(0, 1), (1, 3)]))


def test_cosines_and_best_matches_by_hand(found):
    assert found.cosines == pytest.approx(np.array([[0, 0.6, 1], [0, 0.6, 1], [1, 0.8, 0]]))
    assert found.query.match.tolist() == [2, 2, 0]
    assert found.target.match.tolist() == [2, 2, 0]
    assert found.target.cosine == pytest.approx([1, 0.8, 1])
    assert (found.query.score, found.target.score) == pytest.approx((1, 2.8 / 3))
    assert found.f1 == pytest.approx(2 * (2.8 / 3) / (1 + 2.8 / 3))


def test_contributions_and_counterparts_by_hand(found):
    query = characters(found.query, found.target)
    assert [(c.text, c.part, c.match) for c in query] == [("我", Span(0, 2), 1), ("你", Span(2, 3), 0)]
    assert [c.contribution for c in query] == pytest.approx([2 / 3, 1 / 3])
    target = characters(found.target, found.query)
    # The frames of the target's 我 find one frame in each of the query's characters: the first is named.
    assert [(c.text, c.part, c.match) for c in target] == [("你", Span(0, 1), 1), ("我", Span(1, 3), 0)]
    assert [c.contribution for c in target] == pytest.approx([1 / 3, 1.8 / 3])


def test_without_characters_on_both_sides_there_is_no_counterpart(found):
    alone = compare_frames(found.query.utterance, aligned([X]))
    assert characters(alone.query, alone.target) == characters(alone.target, alone.query) == []


def test_frames_of_another_dimension_are_refused():
    with pytest.raises(DataError, match="one dimension, got 2 .* and 1"):
        compare_frames(aligned([X]), aligned([[1.0]]))


@st.composite
def utterances(draw):
    frames = draw(st.integers(1, 12))
    starts = sorted(draw(st.sets(st.integers(0, frames - 1), min_size=1)))
    noise = np.random.default_rng(draw(st.integers(0, 1000))).normal(size=(frames, 3))
    return aligned(noise, "字" * len(starts), [(start, start + 1) for start in starts])


@given(utterances(), utterances())
def test_contributions_add_up_to_precision_and_recall_and_all_is_seqsim(a, b):
    found = compare_frames(a, b)
    wanted = seqsim(a.frames, b.frames)
    for side, other, score in (
        (found.query, found.target, wanted.precision),
        (found.target, found.query, wanted.recall),
    ):
        assert sum(c.contribution for c in characters(side, other)) == pytest.approx(score, abs=1e-5)
        assert side.score == pytest.approx(score, abs=1e-5)
    assert found.f1 == pytest.approx(wanted.f1, abs=1e-4)


def test_contributions_add_up_in_long_utterances_too():
    frames = 20_000
    long = AlignedUtterance("a", np.ones((frames, 1), np.float32))
    side = Side(long, np.full(frames, 0.1, np.float32), np.zeros(frames, int))
    parts = [Span(0, 7), Span(7, 12_345), Span(12_345, frames)]
    assert side.score == pytest.approx(float(np.float32(0.1)), abs=1e-12)
    assert sum(map(side.contribution, parts)) == pytest.approx(side.score, abs=1e-12)


def test_frames_to_compare_may_be_views_and_never_match_better_than_themselves():
    frames = np.random.default_rng(0).standard_normal((40, 96))[::-1]
    found = compare_frames(AlignedUtterance("a", frames), AlignedUtterance("b", 2 * frames.astype(">f8")))
    assert found.cosines.max() <= 1 and found.f1 == pytest.approx(1, abs=1e-6) and found.f1 <= 1

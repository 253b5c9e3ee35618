"""`fangyan.measure.scores`: each score by hand or against a slow reference, and what normalised frames look like."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import DataError, UserError
from fangyan.features.layers import concatenate
from fangyan.measure.scores import NORMALISATIONS, SCORES, centre, choose, pooled, units, whiten
from fangyan.measure.ties import TIE

X, Y = [1.0, 0.0], [0.0, 1.0]


def random_set(seed: int, lengths, d: int = 4) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    return {str(n): chance.standard_normal((t, d)).astype(np.float32) for n, t in enumerate(lengths)}


def compare(name: str, queries, candidates) -> np.ndarray:
    score = SCORES[name]
    return score.compare(score.prepare(queries), score.prepare(candidates)).numpy()


def one(name: str, query, candidate) -> float:
    return compare(name, {"q": np.array(query)}, {"c": np.array(candidate)}).item()


def test_pooled_by_hand():
    # Means (2, 0), (1, 1) and (0, 0).
    frames = {"a": np.array([[1, 0], [3, 0]]), "b": np.array([[1.0, 1]]), "c": np.array([[1.0, 0], [-1, 0]])}
    found = SCORES["pooled"].compare(pooled(frames), pooled(frames))
    half = 0.5**0.5
    np.testing.assert_allclose(found.numpy(), [[1, half, 0], [half, 1, 0], [0, 0, 0]], atol=1e-6)


def test_precision_is_of_the_query_and_recall_of_the_candidate():
    assert one("precision", [X], [X, Y]) == 1 and one("recall", [X], [X, Y]) == 0.5
    assert one("precision", [X, Y], [X]) == 0.5 and one("recall", [X, Y], [X]) == 1


def test_dtw_by_hand():
    assert one("dtw", [X, Y], [X, Y]) == 0
    assert one("dtw", [X], [X, Y, X]) == pytest.approx(-1 / 3)  # costs 0 1 0
    # Costs [[1, 0], [0, 1]]: along the edge 1 + 0 + 1, on the diagonal 1 + 2 * 1.
    assert one("dtw", [X, Y], [Y, X]) == pytest.approx(-2 / 3)
    assert one("dtw", [X], [[-2.0, 0]]) == -2


def test_dtw_heeds_order_where_seqsim_does_not():
    forth, back = [X, X, Y], [Y, X, X]
    assert one("seqsim", forth, forth) == one("seqsim", forth, back) == 1
    assert one("dtw", forth, forth) > one("dtw", forth, back)


def dtw_reference(a, b) -> float:
    """Minus the mean cost of the best path, by the recursion of Sakoe & Chiba."""
    a, b = (np.asarray(x, float) / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    cost = 1 - a @ b.T
    total = np.full(cost.shape, np.inf)
    for i, j in np.ndindex(*cost.shape):
        steps = [cost[0, 0]] if i == j == 0 else []
        steps += [total[i - 1, j] + cost[i, j]] if i else []
        steps += [total[i, j - 1] + cost[i, j]] if j else []
        steps += [total[i - 1, j - 1] + 2 * cost[i, j]] if i and j else []
        total[i, j] = min(steps)
    return -total[-1, -1] / (len(a) + len(b) - 1)


def test_dtw_matches_the_recursion():
    queries, candidates = random_set(0, (1, 6, 9)), random_set(1, (7, 1, 1, 12))
    expected = [[dtw_reference(a, b) for b in candidates.values()] for a in queries.values()]
    np.testing.assert_allclose(compare("dtw", queries, candidates), expected, atol=1e-5)


@pytest.mark.parametrize("name", SCORES)
def test_both_ways_is_comparing_twice(name):
    score = SCORES[name]
    a, b = score.prepare(random_set(2, (1, 5, 9))), score.prepare(random_set(3, (2, 7)))
    forth, back = score.both_ways(a, b)
    assert forth.shape == (3, 2) and back.shape == (2, 3)
    torch.testing.assert_close(forth, score.compare(a, b))
    torch.testing.assert_close(back, score.compare(b, a))
    assert score.symmetric == torch.allclose(forth, back.T, atol=1e-5)


def test_recall_is_precision_turned_round():
    a, b = random_set(4, (3, 5)), random_set(5, (4, 2, 6))
    np.testing.assert_allclose(compare("recall", a, b), compare("precision", b, a).T, atol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_sets_of_different_dimension(name):
    with pytest.raises(DataError, match=r"one dimension, got 4 \(queries\) and 3 \(candidates\)"):
        compare(name, random_set(0, (2, 3)), random_set(0, (2, 3), d=3))


def test_units_have_length_one_or_zero():
    (found,) = units({"a": np.array([[3.0, 4], [0, 0]])})
    np.testing.assert_allclose(found.numpy(), [[0.6, 0.8], [0, 0]], atol=1e-6)


def test_centre_by_hand():
    # The mean is over frames, (2, 2), not over the means of utterances.
    found = centre({"a": np.array([[0.0, 3], [3, 0]]), "b": np.array([[3.0, 3]])})
    assert {key: x.tolist() for key, x in found.items()} == {"a": [[-2, 1], [1, -2]], "b": [[1, 1]]}


def test_whiten_by_hand():
    # Mean (5, 0), variances 4 and 1, uncorrelated.
    found = whiten({"a": np.array([[7.0, 1], [3, -1]]), "b": np.array([[7.0, -1], [3, 1]])})
    np.testing.assert_allclose(found["a"].numpy(), [[1, 1], [-1, -1]], atol=1e-6)
    np.testing.assert_allclose(found["b"].numpy(), [[1, -1], [-1, 1]], atol=1e-6)


def test_white_frames_have_no_mean_and_no_correlations():
    mix = np.random.default_rng(6).standard_normal((4, 4))
    given = {key: (x @ mix + 3).astype(np.float32) for key, x in random_set(7, (30, 50, 20)).items()}
    white = torch.cat(list(whiten(given).values())).numpy()
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(4), atol=1e-4)
    # Of all whitenings the one nearest to the axes: as correlated with them as they with it.
    cross = white.T @ (np.concatenate(list(given.values())) - 3)
    np.testing.assert_allclose(cross, cross.T, rtol=1e-3, atol=0.01)
    assert (np.linalg.eigvalsh(cross + cross.T) > 0).all()


def test_directions_without_variance_are_left_out():
    given = {"a": np.random.default_rng(8).standard_normal((9, 3)).astype(np.float32) * [1, 1, 0] + [0, 0, 7]}
    white = whiten(given)["a"].numpy()
    np.testing.assert_allclose(white[:, 2], 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(white[:, :2].T, bias=True), np.eye(2), atol=1e-4)
    assert not whiten({"a": np.full((4, 3), 7.0)})["a"].any()


@pytest.mark.parametrize("value", [0.1, 1e-200, -7e30])
@pytest.mark.parametrize("normalise", [centre, whiten])
def test_frames_that_are_all_the_same_leave_nothing(normalise, value):
    # Their mean is not exactly one of them: 0.1 ten times is not 1.
    found = normalise({str(n): np.full((t, 3), value) * [1, 2, -5] for n, t in enumerate((3, 7, 1))})
    assert not any(x.any() for x in found.values())


@pytest.mark.parametrize("name", NORMALISATIONS)
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_no_scale_of_the_numbers_matters(name, factor):
    features = {key: x.astype(float) for key, x in random_set(11, (9, 1, 5)).items()}
    scaled = {key: x * factor for key, x in features.items()}
    for score in SCORES:
        chosen = choose(score, name)
        due, found = (chosen.compare(*2 * (chosen.prepare(side),)) for side in (features, scaled))
        torch.testing.assert_close(found, due, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SCORES)
def test_no_score_goes_beyond_its_bounds_and_equal_ones_tie_at_any_length(name):
    score = SCORES[name]
    for d in (1, 7, 96, 1000):
        frame = np.random.default_rng(d).standard_normal((1, d)).astype(np.float32)
        side = score.prepare({str(t): np.repeat(frame, t, 0) for t in (1, 90, 1300)})
        found = score.compare(side, side)
        best = 0 if name == "dtw" else 1
        assert found.max() <= best and found.min() > best - TIE


def test_whitening_needs_frames():
    with pytest.raises(DataError, match="more frames than dimensions, got 4 frames of d = 4"):
        whiten(random_set(0, (1, 3)))


@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_a_bad_utterance_is_named_whatever_the_normalisation(normalise):
    features = random_set(9, (5, 5))
    features["1"][2, 3] = np.nan
    for name in SCORES:
        with pytest.raises(DataError, match="utterance 1: features must be finite"):
            choose(name, normalise).prepare(features)


def test_chosen_scores_normalise_each_set_by_itself():
    features = random_set(10, (20, 20))
    moved = {key: x + 100 for key, x in features.items()}
    for name, score in SCORES.items():
        expected = score.compare(score.prepare(centre(features)), score.prepare(centre(features)))
        chosen = choose(name, "centre")
        found = chosen.compare(chosen.prepare(features), chosen.prepare(moved))
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
        assert chosen.symmetric == score.symmetric


@pytest.mark.parametrize("name", ["seqsim", "precision", "recall", "dtw"])
@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 3))
def test_a_layer_concatenated_with_itself_scores_as_itself(name, seed, lengths, times):
    queries, candidates = random_set(seed, lengths), random_set(seed + 1, lengths[::-1])
    again = (concatenate({str(n): side for n in range(times)}) for side in (queries, candidates))
    np.testing.assert_allclose(compare(name, *again), compare(name, queries, candidates), atol=1e-5)


def test_bad_use_says_what_is_known():
    with pytest.raises(
        UserError, match="unknown score 'f1': known are seqsim, precision, recall, pooled, dtw"
    ):
        choose("f1")
    with pytest.raises(UserError, match="unknown normalisation 'zca': known are none, centre, whiten"):
        choose("seqsim", "zca")

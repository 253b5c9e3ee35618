"""`fangyan.seqsim` against hand-computed cases and a slow, obvious reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.seqsim import pack, seqsim, seqsim_matrix, seqsim_with, unit

ROOT_HALF = math.sqrt(0.5)


def reference(a, b) -> tuple[float, float, float]:
    """Precision, recall and F1 by the definition, one frame at a time."""

    def cosine(x, y):
        lengths = math.sqrt(sum(v * v for v in x)) * math.sqrt(sum(v * v for v in y))
        return sum(v * w for v, w in zip(x, y, strict=True)) / lengths if lengths else 0.0

    a, b = np.asarray(a, float).tolist(), np.asarray(b, float).tolist()
    precision = sum(max(cosine(x, y) for y in b) for x in a) / len(a)
    recall = sum(max(cosine(x, y) for x in a) for y in b) / len(b)
    same_sign = precision * recall > 0
    return precision, recall, 2 * precision * recall / (precision + recall) if same_sign else 0.0


def random_set(seed: int, lengths, d: int = 5, shift: float = 0.0) -> list[np.ndarray]:
    chance = np.random.default_rng(seed)
    return [(chance.standard_normal((t, d)) + shift).astype(np.float32) for t in lengths]


def check(queries, candidates, found) -> None:
    expected = np.array([[reference(a, b) for b in candidates] for a in queries])
    for k, name in enumerate(found._fields):
        np.testing.assert_allclose(found[k].numpy(), expected[:, :, k], atol=1e-5, err_msg=name)


def test_two_frames_against_two():
    # Cosines: [[1, sqrt(1/2)], [0, sqrt(1/2)]].
    found = seqsim(np.array([[1.0, 0], [0, 2]]), np.array([[3.0, 0], [1, 1]]))
    mean = (1 + ROOT_HALF) / 2
    assert found == pytest.approx((mean, mean, mean), abs=1e-6)


def test_precision_and_recall_differ():
    # Cosines: [[1, 0, -1]]: the frame of a finds its twin; the frames of b find 1, 0 and -1.
    found = seqsim(np.array([[1.0, 0]]), np.array([[1.0, 0], [0, 1], [-1, 0]]))
    assert found == (pytest.approx(1), pytest.approx(0, abs=1e-7), 0)
    found = seqsim(np.array([[1.0, 0]]), np.array([[1.0, 0], [1, 0], [0, 1]]))
    assert found == pytest.approx((1, 2 / 3, 0.8), abs=1e-6)


def test_the_pole_of_the_formula_is_zero():
    # Cosines: [[0.6], [-1]] and [[0.6, -0.8, -0.8]]: signs differ, where the formula gives anything up to infinity.
    found = seqsim(np.array([[0.6, 0.8], [-1, 0]]), np.array([[1.0, 0]]))
    assert found == pytest.approx((-0.2, 0.6, 0), abs=1e-6)
    found = seqsim(np.array([[1.0, 0]]), np.array([[0.6, 0.8], [-0.8, 0.6], [-0.8, 0.6]]))
    assert found == pytest.approx((0.6, -1 / 3, 0), abs=1e-6)


def test_both_negative_is_the_formula():
    assert seqsim(np.array([[1.0, 0]]), np.array([[-3.0, 0]])) == pytest.approx((-1, -1, -1))


def test_zero_frames_have_cosine_zero():
    assert seqsim(np.zeros((2, 3)), np.ones((3, 3))) == (0, 0, 0)
    # Cosines: [[1], [0]].
    assert seqsim(np.array([[1.0, 0], [0, 0]]), np.array([[2.0, 0]])) == pytest.approx((0.5, 1, 2 / 3))


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_random_lengths_match_the_reference(shift):
    lengths = np.random.default_rng(0).integers(1, 41, size=(2, 9))
    queries = random_set(1, [1, 7, 7, *lengths[0]], shift=shift)
    candidates = random_set(2, [40, 1, 1, *lengths[1]], shift=-shift)
    check(queries, candidates, seqsim_matrix(queries, candidates))


def test_nothing_wins_a_maximum_when_all_cosines_are_negative():
    queries = [np.abs(x) for x in random_set(3, [1, 5, 12])]
    candidates = [-np.abs(x) for x in random_set(4, [2, 3, 9, 9])]
    found = seqsim_matrix(queries, candidates)
    assert all((score < 0).all() for score in found)
    check(queries, candidates, found)


@pytest.mark.parametrize("tile", [1, 10, 33, 64, 1000])
def test_tiles_of_any_size_give_the_same(tile):
    queries, candidates = random_set(5, [8, 3, 20, 3, 1]), random_set(6, [4, 31, 4, 4])
    check(queries, candidates, seqsim_matrix(pack(queries, tile), pack(candidates, tile)))


def test_without_onednn_as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    queries, candidates = random_set(5, [8, 3, 20, 3, 1]), random_set(6, [4, 31, 4, 4])
    check(queries, candidates, seqsim_matrix(pack(queries, 10), candidates))


def test_tiles_are_bounded_and_filled_up():
    def frames_and_rows(packed):
        return [(tile.runs[-1].frames.stop, tile.frames.shape[0]) for tile in packed.tiles]

    assert frames_and_rows(pack(random_set(7, [10, 50, 9, 8, 7]), tile=20)) == [(15, 64), (19, 64), (50, 64)]
    assert frames_and_rows(pack(random_set(7, [20, 20, 20, 65]), tile=40)) == [(40, 64), (20, 64), (65, 128)]


def test_sets_may_be_dicts_tensors_and_of_other_types():
    queries, candidates = random_set(8, [3, 4]), random_set(9, [5, 2, 2])
    found = seqsim_matrix(
        dict(zip("ab", queries, strict=True)), [torch.tensor(x, dtype=torch.float64) for x in candidates]
    )
    check(queries, candidates, found)
    assert found.f1.dtype == torch.float32 and found.f1.shape == (2, 3)
    assert seqsim(np.array([[1, 0], [0, 1]]), np.array([[0, 1], [1, 0]])) == pytest.approx((1, 1, 1))


def test_a_dimension_of_one_and_a_gradient():
    queries = [torch.tensor([[2.0], [-1.0]], requires_grad=True)]
    found = seqsim_matrix(queries, [torch.tensor([[3.0]])])
    assert [float(score) for score in found] == [0, 1, 0]
    assert not found.f1.requires_grad


frame = st.lists(st.floats(-1, 1, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=3, max_size=3)
sequences = st.lists(frame, min_size=1, max_size=6).map(lambda rows: np.array(rows, np.float32))


@settings(deadline=None, max_examples=50)
@given(sequences)
def test_identity_is_one(a):
    a[np.abs(a).sum(1) == 0] = 1
    assert seqsim(a, a) == pytest.approx((1, 1, 1), abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(sequences, sequences)
def test_definition_symmetry_and_bounds(a, b):
    forth, back = seqsim(a, b), seqsim(b, a)
    precision, recall, _ = reference(a, b)
    assert forth[:2] == pytest.approx((precision, recall), abs=1e-5)
    assert (forth.precision, forth.recall) == pytest.approx((back.recall, back.precision), abs=1e-5)
    assert all(-1.00001 <= score <= 1.00001 for score in forth)
    if min(abs(precision), abs(recall)) > 1e-3:
        assert forth.f1 == pytest.approx(back.f1, abs=1e-4)
        assert forth.f1 == pytest.approx(reference(a, b)[2], abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(sequences, sequences, st.randoms())
def test_order_of_frames_does_not_matter(a, b, chance):
    shuffled = a[chance.sample(range(len(a)), len(a))]
    assert seqsim(shuffled, b) == pytest.approx(seqsim(a, b), abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(sequences, sequences, st.sampled_from([1e-30, 1e-3, 7.0, 1e30]))
def test_scale_does_not_matter(a, b, factor):
    assert seqsim(a * np.float32(factor), b) == pytest.approx(seqsim(a, b), abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(sequences, min_size=1, max_size=6),
    st.lists(sequences, min_size=1, max_size=6),
    st.integers(1, 20),
)
def test_a_matrix_is_its_pairs(queries, candidates, tile):
    found = seqsim_matrix(pack(queries, tile), pack(candidates, tile))
    pairs = torch.tensor([[seqsim(a, b) for b in candidates] for a in queries])
    torch.testing.assert_close(torch.stack(found[:2], 2), pairs[:, :, :2], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((0, 2)), r"utterance b: .* not empty, got \(0, 2\)"),
        (np.zeros((2, 0)), r"utterance b: .* not empty, got \(2, 0\)"),
        (np.zeros(2), r"utterance b: .*\(frames, d\).* got \(2,\)"),
        (np.array([[1, math.nan]]), "utterance b: .* finite"),
        (np.array([[1, -math.inf]]), "utterance b: .* finite"),
        (np.ones((2, 3)), "utterance b: d must be 2 as in the first, got 3"),
    ],
)
def test_malformed_features_are_named(bad, message):
    with pytest.raises(DataError, match=message):
        pack({"a": np.ones((1, 2)), "b": bad})


def test_malformed_sets():
    with pytest.raises(DataError, match="utterance 1: d must be 2"):
        pack([np.ones((1, 2)), np.ones((1, 1))])
    with pytest.raises(DataError, match="got none"):
        seqsim_matrix([], [np.ones((1, 2))])
    with pytest.raises(DataError, match=r"got 2 \(queries\) and 3 \(candidates\)"):
        seqsim(np.ones((1, 2)), np.ones((1, 3)))


def test_one_against_many_end_to_end_is_the_matrix():
    generator = torch.Generator().manual_seed(3)
    query, *others = (unit(torch.randn(length, 6, generator=generator)) for length in (7, 1, 4, 30, 4))
    others.append(-query)  # precision and recall may be below 0
    found = seqsim_with(query, torch.cat(others), torch.tensor([len(x) for x in others]))
    for scores, due in zip(found, seqsim_matrix([query], others), strict=True):
        torch.testing.assert_close(scores, due[0], atol=1e-6, rtol=0)

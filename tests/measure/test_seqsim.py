"""`fangyan.measure.seqsim` against hand-computed cases and a slow, obvious reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fangyan.measure.seqsim
from fangyan.errors import DataError
from fangyan.features.frames import unit
from fangyan.measure.seqsim import pack, seqsim, seqsim_matrix, seqsim_with
from fangyan.measure.ties import TIE

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


def ways(test):
    """The test with both ways to multiply and both to reduce: as on an Intel, on an AMD, on a GPU, without numba."""
    return pytest.mark.parametrize("onednn", [True, False])(
        pytest.mark.parametrize("numba", [True, False])(test)
    )


@pytest.fixture
def go(monkeypatch, onednn, numba):
    monkeypatch.setattr(fangyan.measure.seqsim, "_by_onednn", lambda: onednn)
    monkeypatch.setattr(fangyan.measure.seqsim, "MANY", 0)
    if not numba:
        monkeypatch.setattr(fangyan.measure.seqsim, "_imported_kernels", lambda: None)


@ways
def test_each_way_gives_the_same(go):
    queries, candidates = random_set(5, [8, 3, 20, 3, 1]), random_set(6, [4, 31, 4, 4])
    check(queries, candidates, seqsim_matrix(pack(queries, 10), candidates))


def test_tiles_are_bounded_and_filled_up():
    def frames_and_rows(packed):
        return [(sum(run.count * run.length for run in tile.runs), len(tile.frames)) for tile in packed.tiles]

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


def spread(scores) -> float:
    return (scores.max() - scores.min()).item()


@pytest.mark.parametrize("d", [1, 7, 96, 1280, 4096])
def test_equal_scores_tie_at_any_length(d):
    # One frame again and again, as long and as loud as may be: every score is 1.
    frame = np.random.default_rng(d).standard_normal((1, d)).astype(np.float32)
    queries = [np.repeat(frame, t, 0) for t in (1, 2, 63, 700, 20_000 if d < 10 else 200)]
    candidates = [7 * np.repeat(frame, t, 0) for t in (3, 64, 1025)]
    for scores in seqsim_matrix(queries, candidates):
        assert spread(scores) < TIE / 2 and (scores - 1).abs().max() < TIE and scores.max() <= 1


@ways
def test_what_is_the_same_scores_the_same_wherever_it_lies(go):
    (again,), others = random_set(10, [333], 24), random_set(11, [2, 900, 40, 333, 1100, 7], 24)
    candidates = [x for other in others for x in (again, other)] + [np.tile(again, (4, 1))]
    queries = random_set(12, [1500, 9, 64], 24)
    for tile in (100, 1024, 5000):
        found = seqsim_matrix(queries, pack(candidates, tile))
        for scores in found:
            for of_query in scores[:, [*range(0, 12, 2), 12]]:
                assert spread(of_query) < TIE / 2
        back = seqsim_matrix(pack(candidates, tile), queries)
        torch.testing.assert_close(back.f1.T, found.f1, atol=TIE / 2, rtol=0)


def test_long_utterances_match_double_precision():
    queries, candidates = random_set(13, [3000, 1, 150], 16, shift=0.5), random_set(14, [2200, 47], 16)
    found = seqsim_matrix(queries, candidates)
    unit_queries, unit_candidates = (
        [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (y.astype(float) for y in side)]
        for side in (queries, candidates)
    )
    for n, a in enumerate(unit_queries):
        for m, b in enumerate(unit_candidates):
            cosines = a @ b.T
            precision, recall = cosines.max(1).mean(), cosines.max(0).mean()
            assert [s[n, m].item() for s in found[:2]] == pytest.approx((precision, recall), abs=3e-7)


def test_one_against_many_does_not_round_more_with_length():
    frame = np.random.default_rng(1).standard_normal((1, 5))
    long, short = (unit(torch.tensor(np.repeat(frame, t, 0))) for t in (5000, 2))
    for query, other in ((long, short), (short, long)):
        found = seqsim_with(query, torch.cat([short, other]), torch.tensor([2, len(other)]))
        for scores in found:
            assert (scores - 1).abs().max() < TIE / 2 and scores.max() <= 1


@settings(deadline=None, max_examples=30)
@given(sequences, sequences, st.integers(1, 1000), st.integers(1, 1000))
def test_saying_every_frame_again_changes_nothing(a, b, times, others):
    found = seqsim(np.repeat(a, times, 0), np.repeat(b, others, 0))
    assert found[:2] == pytest.approx(seqsim(a, b)[:2], abs=TIE / 2)


A, B = (np.random.default_rng(n).standard_normal((n + 5, 4)) for n in (1, 2))


@pytest.mark.parametrize(
    "alike",
    [
        A[::-1][::-1],
        np.asfortranarray(A),
        np.repeat(A, 3, 1)[:, ::3],
        A.astype(">f8"),
        A.astype(np.longdouble),
        A * 1e-200,
        A * 1e-310,  # subnormal
        A * 1e300,
        A * np.logspace(-200, 200, len(A))[:, None],
        A.tolist(),
        torch.tensor(A).T.contiguous().T,
    ],
)
def test_whatever_the_form_of_the_numbers(alike):
    assert seqsim(alike, B) == pytest.approx(seqsim(A, B), abs=1e-6)
    assert seqsim(B, alike) == pytest.approx(seqsim(B, A), abs=1e-6)


def test_views_that_cannot_be_written_or_run_backwards():
    fixed = A[::-1, ::-1]
    fixed.flags.writeable = False
    assert seqsim(fixed, B[:, ::-1]) == pytest.approx(seqsim(A, B), abs=1e-6)


@pytest.mark.parametrize("kind", ["bool", ">i2", "int64", "uint16", ">u8", "float16"])
def test_numbers_that_are_no_floats(kind):
    ones = np.array([[1, 0], [1, 1]]).astype(kind)
    assert seqsim(ones, ones) == pytest.approx((1, 1, 1))
    assert seqsim(ones[:1], ones[1:]) == pytest.approx((ROOT_HALF,) * 3)


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

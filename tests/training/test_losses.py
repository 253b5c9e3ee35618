"""Losses by hand, and against slow references that write their equations out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from fangyan.measure import seqsim
from fangyan.training import losses

RIGHT, UP = [1.0, 0.0], [0.0, 1.0]


def unit(*shape: int, seed: int = 0):
    vectors = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(vectors, dim=-1)


def test_distance_to_a_teacher():
    students, teachers = tensor([RIGHT, RIGHT]), tensor([RIGHT, UP])
    assert losses.distil(students, teachers).item() == 0.5  # (0 + 1) / 2
    assert losses.distil_squared(students, teachers).item() == 1.0  # (0 + 2) / 2


def test_a_softmax_in_the_batch_by_hand():
    # Scores 1 and 0 of each row and of each column: -log(e / (e + 1)) = log(1 + 1/e), both ways.
    vectors, own = tensor([RIGHT, UP]), torch.eye(2, dtype=torch.bool)
    expected = 2 * math.log(1 + math.exp(-1))
    assert losses.info_nce(vectors, vectors, own, 1.0).item() == pytest.approx(expected)


def test_translations_are_no_negatives():
    # Both utterances say the same: nothing is left to be told apart, whatever their vectors.
    vectors = tensor([RIGHT, UP])
    assert losses.info_nce(vectors, vectors, torch.ones(2, 2, dtype=torch.bool), 20.0).item() == 0.0
    assert (
        losses.contrast(vectors, torch.zeros(2, 2, dtype=torch.bool)).item() == 0.0
    )  # no row has a positive


def slow_contrast(scores, positives):
    rows = []
    for row, right in zip(scores.tolist(), positives.tolist(), strict=True):
        wrong = sum(math.exp(s) for s, p in zip(row, right, strict=True) if not p)
        costs = [-math.log(math.exp(s) / (math.exp(s) + wrong)) for s, p in zip(row, right, strict=True) if p]
        rows += [sum(costs) / len(costs)] if costs else []
    return sum(rows) / max(len(rows), 1)


def slow_sigmoid(queries, keys, positives, scale, bias):
    total = 0.0
    for i, j in np.ndindex(*positives.shape):
        z = 1 if positives[i, j] else -1
        total += math.log1p(math.exp(-z * (scale * float(queries[i] @ keys[j]) + bias)))
    return total / len(queries)


LABELS = st.lists(st.integers(0, 3), min_size=2, max_size=7)


@given(LABELS, st.integers(0, 99))
def test_losses_are_their_equations(labels, seed):
    positives = losses.same(tensor(labels))
    queries, keys = unit(len(labels), 4, seed=seed), unit(len(labels), 4, seed=seed + 100)
    scores = 5 * queries @ keys.T
    assert losses.contrast(scores, positives).item() == pytest.approx(
        slow_contrast(scores, positives), abs=1e-9
    )
    found = losses.sigmoid_pairs(queries, keys, positives, 10.0, -3.0).item()
    assert found == pytest.approx(slow_sigmoid(queries, keys, positives, 10.0, -3.0))


@pytest.mark.parametrize("itself", [True, False])
def test_what_says_the_same(itself):
    expected = [[itself, False, True], [False, itself, False], [True, False, itself]]
    assert losses.same(tensor([7, 3, 7]), itself).tolist() == expected


def test_spread_out_by_hand():
    # Dot products of the pairs that are no positives: 1, 1, 0, 0, 0, 0 of three vectors, two of which are alike.
    vectors = tensor([RIGHT, RIGHT, UP])
    own = torch.eye(3, dtype=torch.bool)
    assert losses.spread_out(vectors, own).item() == pytest.approx(
        (1 / 3) ** 2
    )  # M2 = 1/3 is below 1/d = 1/2
    assert losses.spread_out(tensor([RIGHT, RIGHT]), own[:2, :2]).item() == pytest.approx(1 + 1 / 2)
    assert losses.spread_out(vectors, torch.ones(3, 3, dtype=torch.bool)).item() == 0.0


def test_seqsim_of_a_batch_is_the_measured_one_and_padding_plays_no_part():
    lengths = tensor([3, 5, 1])
    frames = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    alone = [frame[:n].numpy() for frame, n in zip(frames, lengths, strict=True)]
    expected = [[seqsim.seqsim(a, b).f1 for b in alone] for a in alone]
    assert losses.seqsim(frames, lengths).numpy() == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("labels", [[0, 0, 1, 2], [0, 1, 2, 3], [5, 5, 5, 5]])
def test_every_loss_can_be_learnt_from(labels):
    positives, others = losses.same(tensor(labels)), losses.same(tensor(labels), itself=False)
    frames = torch.randn(4, 6, 3, requires_grad=True)
    vectors = torch.nn.functional.normalize(frames.mean(1), dim=-1)
    texts = unit(4, 3).float()
    total = (
        losses.distil(vectors, texts)
        + losses.info_nce(vectors, texts, positives, 20.0)
        + losses.contrast(20 * vectors @ vectors.T, others)
        + losses.sigmoid_pairs(vectors, texts, positives, 10.0, -10.0)
        + losses.spread_out(vectors, positives)
        + losses.contrast(20 * losses.seqsim(frames, tensor([6, 4, 1, 2])), others)
    )
    total.backward()
    assert torch.isfinite(total) and torch.isfinite(frames.grad).all() and frames.grad.abs().sum() > 0

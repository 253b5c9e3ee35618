"""The prediction of units by hand."""

import math

import pytest
import torch
from torch import tensor

from fangyan.training.unit_heads import UnitHeads


@pytest.fixture
def heads() -> UnitHeads:
    """Two units, right and up, of frames that are projected to what they are; temperature 0.5."""
    made = UnitHeads(("speech", "shared"), 2, 2, 2, 0.5)
    with torch.no_grad():
        made.vectors.copy_(tensor([[3.0, 0.0], [0.0, 0.1]]))
        for projection in made.projections.values():
            projection.weight.copy_(torch.eye(2))
            projection.bias.zero_()
    return made


def test_logits_are_cosines_over_the_temperature(heads):
    half = math.sqrt(0.5) / 0.5
    expected = [[2.0, 0.0], [pytest.approx(half), pytest.approx(half)]]
    assert heads("speech", tensor([[5.0, 0.0], [2.0, 2.0]])).tolist() == expected


def test_the_loss_is_the_mean_cross_entropy_and_the_share_found_beside_it(heads):
    # Logits 2 and 0 twice: -log(e² / (e² + 1)) where the unit is right, 2 more where it is not.
    loss, found = heads.predict("shared", tensor([[5.0, 0.0], [1.0, 0.0]]), tensor([0, 1]))
    right = math.log(1 + math.exp(-2))
    assert loss.item() == pytest.approx((right + right + 2) / 2)
    assert found.item() == 0.5


def test_projections_are_not_tied_and_vectors_are(heads):
    heads.predict("speech", tensor([[1.0, 1.0]]), tensor([0]))[0].backward()
    assert heads.projections["speech"].weight.grad is not None and heads.vectors.grad is not None
    assert heads.projections["shared"].weight.grad is None

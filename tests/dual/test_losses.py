import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from fangyan.dual.losses import DualLoss
from fangyan.training.losses import info_nce, spread_out


class Lookup(nn.Module):
    """A model whose vectors are rows of a table, L2-normalised."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(12, 5)

    def forward(self, features):
        return {"sentence_embedding": normalize(self.table(features["input_ids"]).mean(1), dim=-1)}


def columns() -> list[dict[str, torch.Tensor]]:
    return [{"input_ids": torch.tensor(rows)[:, None]} for rows in ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11])]


def test_two_rows_of_two_sentences_by_hand():
    one, other = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    loss = DualLoss(Lookup(), scale=1.0, spread=0.0).of_vectors([one, other], torch.tensor([0, 1]))
    rows = math.log(1 + math.exp(0.6 - 1)) + math.log(1 + math.exp(0 - 0.8))
    columns = math.log(1 + math.exp(0 - 1)) + math.log(1 + math.exp(0.6 - 0.8))
    assert loss.item() == pytest.approx(rows / 2 + columns / 2)


def test_what_says_the_same_is_no_negative_and_each_side_is_spread_out():
    torch.manual_seed(1)
    one, other = normalize(torch.randn(4, 5), dim=1), normalize(torch.randn(4, 5), dim=1)
    labels = torch.tensor([7, 3, 7, 1])
    positives = labels[:, None] == labels
    expected = info_nce(one, other, positives, 20.0) + 0.5 * (
        spread_out(one, positives) + spread_out(other, positives)
    )
    assert DualLoss(Lookup(), spread=0.5).of_vectors([one, other], labels).item() == pytest.approx(
        expected.item()
    )


def test_a_margin_is_taken_off_the_cosines_of_positives():
    one, other, labels = torch.eye(2), torch.eye(2), torch.tensor([0, 1])
    loss = DualLoss(Lookup(), scale=10.0, spread=0.0, margin=0.3).of_vectors([one, other], labels)
    assert loss.item() == pytest.approx(2 * math.log(1 + math.exp(-7)), rel=1e-4)


def test_hard_negatives_have_a_softmax_of_their_own_without_margin():
    one, other, hard = torch.eye(2), torch.eye(2), torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    loss = DualLoss(Lookup(), scale=10.0, spread=0.0, margin=0.3, hard=0.25)
    own = (math.log(1 + math.exp(8 - 10)) + math.log(2)) / 2  # of the second row it is the text itself
    expected = 0.75 * 2 * math.log(1 + math.exp(-7)) + 0.25 * own
    assert loss.of_vectors([one, other, hard], torch.tensor([0, 1])).item() == pytest.approx(
        expected, rel=1e-4
    )


def test_a_batch_in_pieces_has_the_same_loss_and_gradients():
    labels = torch.tensor([0, 1, 2, 0, 3, 4])
    whole, pieces = (DualLoss(Lookup(), mini_batch_size=size) for size in (0, 4))
    values = [loss(columns(), labels) for loss in (whole, pieces)]
    for value in values:
        value.backward()
    assert values[1].item() == pytest.approx(values[0].item())
    for one, other in zip(whole.parameters(), pieces.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)


def test_the_scale_is_learnt_or_not():
    learnt, fixed = DualLoss(Lookup()), DualLoss(Lookup(), learn_scale=False)
    for loss in (learnt, fixed):
        loss(columns(), torch.arange(6)).backward()
    assert learnt.log_scale.grad is not None
    assert fixed.log_scale.grad is None

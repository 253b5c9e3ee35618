"""The network from phones to units: losses and steps by hand, padding, and a rule that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fangyan.errors import DataError
from fangyan.units import fastspeech_training as training
from fangyan.units.fastspeech import FastSpeech
from fangyan.units.text_to_unit import Settings, Spoken, TextToUnit

TINY = Settings(
    blocks=1, width=16, heads=2, filter=32, kernel=3, predictor_width=16, predictor_dropout=0.0, dropout=0.0
)


def spoken(phones: list[int]) -> Spoken:
    """Phone p lasts p + 1 units, all of them 2 p, the last 2 p + 1."""
    units = [unit for p in phones for unit in [2 * p] * p + [2 * p + 1]]
    return Spoken(np.array(phones), np.array(phones) + 1, np.array(units))


def test_a_rule_of_units_and_durations_is_learnt():
    chance = np.random.default_rng(0)
    said = [spoken([0, *chance.integers(1, 4, 4).tolist(), 0]) for _ in range(60)]
    settings = replace(TINY, updates=150, batch_units=200, valid_every=50, learning_rate=0.01)
    network = training.train(said[:50], said[50:], 4, 8, settings, 1)
    assert training.accuracy(network, said[50:]) > 0.9
    found = TextToUnit(network, ("SIL", "<UNK>", "a", "n"), "").predict([0, 3, 2, 0])
    assert found.tolist() == spoken([0, 3, 2, 0]).units.tolist()


def test_the_losses_by_hand(monkeypatch):
    network = FastSpeech(4, 8, TINY).eval()
    for layer in (network.output, network.predictor.output):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    units, durations = training.losses(network, [spoken([0, 1]), spoken([2])], 0.1)
    assert units.item() == pytest.approx(np.log(8))  # eight equal units, whatever is smoothed
    assert durations.item() == pytest.approx((np.log(2) ** 2 + np.log(3) ** 2 + np.log(4) ** 2) / 3)


def test_what_stands_beside_an_utterance_changes_neither_its_durations_nor_its_units():
    torch.manual_seed(1)
    network, one, long = FastSpeech(4, 8, TINY).eval(), spoken([0, 1, 2, 0]), spoken([0, 3, 3, 3, 3, 0])
    with torch.inference_mode():
        both = training.losses(network, [one, long], 0.0)
        alone = [training.losses(network, [each], 0.0) for each in (one, long)]
    sizes = np.array([[len(s.units), len(s.phones)] for s in (one, long)])
    expected = (np.array([[loss.item() for loss in pair] for pair in alone]) * sizes).sum(0) / sizes.sum(0)
    assert [loss.item() for loss in both] == pytest.approx(expected.tolist(), rel=1e-5)


def test_the_step_size_rises_for_three_tenths_and_falls_to_a_twentieth():
    settings = Settings(updates=100)
    assert [training.step_size(step, settings) for step in (0, 15, 30, 65, 100)] == pytest.approx(
        [0.01, 0.505, 1.0, 0.05**0.5, 0.05]
    )


def test_a_loss_that_is_no_number_ends_the_training():
    settings = replace(TINY, updates=40, learning_rate=1e30, clip=1e30, warm_up=0.0)
    with pytest.raises(DataError, match=r"text_to_unit: the loss is nan at update \d+: lower learning_rate"):
        training.train([spoken([0, 1, 0])], [spoken([0, 1, 0])], 4, 8, settings, 1)

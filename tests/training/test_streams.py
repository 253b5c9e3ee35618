"""Two streams: the same for a seed, each text once before any comes again, crops with their units."""

from itertools import islice

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from fangyan.training.streams import PairedIterFactory, Pairing, crop, text_batch, text_order
from fangyan.training.texts import Texts

WORDS = [chr(ord("a") + n) * (n + 1) for n in range(7)]
TEXTS = Texts(WORDS, np.arange(28), np.cumsum([0, *range(1, 8)]))


def encode(text: str) -> np.ndarray:
    return np.array([ord(letter) for letter in text])


def pairing(**others) -> Pairing:
    return Pairing(
        **{"texts": TEXTS, "encode": encode, "ratio": 1.0, "crop": 9.0, "label_rate": 50.0, "seed": 1}
        | others
    )


class Speech:
    """An iterator of ESPnet's that gives three batches of two utterances, of 1 and 2 s with 50 units a second."""

    def build_iter(self, epoch, shuffle=None):
        waves, lengths = torch.arange(64000.0).reshape(2, 32000), tensor([16000, 32000])
        units, counts = torch.arange(200).reshape(2, 100), tensor([50, 100])
        batch = {"speech": waves, "speech_lengths": lengths, "units": units, "units_lengths": counts}
        return [(["a", "b"], batch)] * 3


def epoch(number: int, **others) -> list[dict]:
    batches = PairedIterFactory(Speech(), pairing(**others)).build_iter(number)
    assert len(batches) == 3
    return [batch for _, batch in batches]


def same(one, two) -> bool:
    return all(torch.equal(a[key], b[key]) for a, b in zip(one, two, strict=True) for key in a)


def test_an_epoch_is_the_same_whenever_it_is_begun_and_another_one_is_another():
    assert same(epoch(3), epoch(3))
    assert not same(epoch(3), epoch(4)) and not same(epoch(3), epoch(3, seed=2))
    assert same(epoch(3, fixed=True), epoch(4, fixed=True))


def test_a_batch_has_as_many_units_of_text_as_of_speech_or_so_many_times_more():
    for ratio in (0.1, 1.0, 2.0):
        for batch in epoch(1, ratio=ratio):
            found = batch["text_units_lengths"]
            assert 0 <= found.sum() - 150 * ratio < 7  # the last text goes over
            assert batch["text_units"].shape == (len(found), found.max())
            assert (batch["text_units"] == -1).sum() == (found.max() - found).sum()
            assert batch["text_lengths"].tolist() == found.tolist()  # as many letters as units, here


def test_without_texts_a_batch_is_of_speech_alone():
    assert set(epoch(1, texts=None)[0]) == {"speech", "speech_lengths", "units", "units_lengths"}


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 9))
def test_each_rank_has_its_own_texts_and_all_come_before_any_comes_again(count, world, seed):
    orders = [text_order(count, pairing(rank=rank, world=world, seed=seed), 1) for rank in range(world)]
    firsts = [list(islice(order, -(-(count - rank % count) // world))) for rank, order in enumerate(orders)]
    if count >= world:
        assert sorted(n for first in firsts for n in first) == list(range(count))
    if world == 1:
        assert sorted(islice(orders[0], count)) == list(range(count))


def test_a_text_longer_than_what_is_wanted_is_taken_whole():
    batch = text_batch(iter([6, 0]), TEXTS, 1.0, encode)
    assert batch["text_units"].tolist() == [[21, 22, 23, 24, 25, 26, 27]]
    assert batch["text"].tolist() == [[ord("g")] * 7]


def test_a_long_utterance_is_cut_where_a_unit_begins_with_the_units_in_it():
    ((_, batch), *_) = Speech().build_iter(1)
    cut = crop(batch, 1.5, 50.0, np.random.default_rng(1))
    assert cut["speech_lengths"].tolist() == [16000, 24000] and cut["units_lengths"].tolist() == [50, 75]
    first = int(cut["units"][1, 0]) - 100  # row 1 has the units from 100 on
    assert 0 <= first <= 25 and cut["units"][1, :75].tolist() == list(range(100 + first, 175 + first))
    assert cut["speech"][1, 0] == 32000 + 320 * first
    assert cut["speech"][0, :16000].equal(batch["speech"][0, :16000])


def test_one_that_is_short_enough_stays_and_all_cuts_are_drawn():
    ((_, batch), *_) = Speech().build_iter(1)
    assert crop(batch, 2.0, 50.0, np.random.default_rng(1))["speech"] is batch["speech"]
    firsts = {int(crop(batch, 1.9, 50.0, np.random.default_rng(seed))["units"][1, 0]) for seed in range(60)}
    assert firsts == {100, 101, 102, 103, 104, 105}


def test_crops_of_an_epoch_are_the_same_for_its_seed():
    assert same(epoch(1, crop=1.2), epoch(1, crop=1.2)) and not same(epoch(1, crop=1.2), epoch(2, crop=1.2))


def test_where_units_end_before_the_recording_every_crop_has_some():
    waves, units = torch.arange(64000.0)[None], torch.arange(150)[None]  # 4 s, and the units of 3
    batch = {"speech": waves, "speech_lengths": tensor([64000])}
    batch |= {"units": units, "units_lengths": tensor([150])}
    random = np.random.default_rng(1)
    assert all(int(crop(batch, 0.1, 50.0, random)["units_lengths"][0]) > 0 for _ in range(50))

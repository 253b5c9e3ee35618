"""Masks against a slow reference, and units at frames by hand."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor

from fangyan.training.masking import at_frames, frames_of_units, spans


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slow_spans(lengths, share, length, fewest, seed):
    """The same numbers of chance, one frame after the other."""
    random, size = seeded(seed), max(lengths)
    up = torch.rand(len(lengths), generator=random).tolist()
    chance = torch.rand(len(lengths), size, generator=random).tolist()
    rows = []
    for n, more, row in zip(lengths, up, chance, strict=True):
        starts = max(1, n - length + 1)
        count = min(max(fewest, int(torch.tensor(share) * n / length + more)), starts)
        chosen = sorted(range(starts), key=lambda place, row=row: row[place])[:count]
        rows.append([any(s <= t < s + length for s in chosen) and t < n for t in range(size)])
    return rows


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
    st.sampled_from([0.1, 0.4, 0.8]),
    st.integers(1, 10),
    st.integers(0, 99),
)
def test_spans_are_those_of_the_slow_way(lengths, share, length, seed):
    found = spans(tensor(lengths), share, length, 2, seeded(seed))
    assert found.tolist() == slow_spans(lengths, share, length, 2, seed)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(2, 10), st.integers(0, 99))
def test_something_is_masked_in_every_utterance_and_nothing_in_padding(lengths, length, seed):
    found = spans(tensor(lengths), 0.8, length, random=seeded(seed))
    for row, n in zip(found, lengths, strict=True):
        assert row[:n].any() and not row[n:].any()
        assert row.sum() >= min(length, n)


def test_half_of_the_frames_are_masked_as_published():
    # Spans of 10 of 0.8 n / 10 beginnings leave a frame out with (1 - 10 / n) ** (0.08 n), about e ** -0.8 = 0.45.
    found = spans(torch.full((50,), 500), 0.8, 10, random=seeded(1))
    assert 0.52 < found.float().mean() < 0.58


def test_units_of_the_same_rate_are_those_of_the_frames():
    units = tensor([[3, 1, 4, 1], [5, 9, -1, -1]])
    assert at_frames(units, tensor([4, 2]), tensor([4, 2]), 1.0).tolist() == units.tolist()


def test_the_middle_of_a_frame_decides():
    # Twice as many units: frame 0 lasts from 0 to 2 units, its middle is where unit 1 begins.
    assert at_frames(tensor([[0, 1, 2, 3, 4, 5]]), tensor([6]), tensor([3]), 2.0).tolist() == [[1, 3, 5]]
    # Half as many: frames 0 and 1 lie in unit 0.
    assert at_frames(tensor([[7, 8]]), tensor([2]), tensor([4]), 0.5).tolist() == [[7, 7, 8, 8]]


def test_the_last_unit_stands_where_units_end_and_padding_has_none():
    found = at_frames(tensor([[7, 8, 9], [5, -1, -1]]), tensor([3, 1]), tensor([5, 2]), 1.0)
    assert found.tolist() == [[7, 8, 9, 9, 9], [5, 5, -1, -1, -1]]


def test_frames_last_as_long_as_units():
    assert frames_of_units(tensor([1, 4, 7, 100]), 2.0).tolist() == [1, 2, 4, 50]

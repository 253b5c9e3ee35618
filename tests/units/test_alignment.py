"""Forced alignment: a path by hand, the best of all paths by a slow reference, and every frame with one label."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.units.alignment import BLANK, Span, divide_frames, forced_alignment


def logs(rows):
    return np.log(np.array(rows, np.float32))


def test_a_path_by_hand():
    # The best label of each frame is 1 - 2 2: it spells 12.
    posteriors = logs([[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8], [0.1, 0.2, 0.7]])
    assert forced_alignment(posteriors, [1, 2]) == [Span(0, 1), Span(2, 4)]
    # To spell 11 a blank must part the two: 1 - 1 1 beats 1 - - 1 once frame 2 is rather 1 than blank.
    posteriors[2, 0] = np.log(0.05)
    assert forced_alignment(posteriors, [1, 1]) == [Span(0, 1), Span(2, 4)]
    assert forced_alignment(posteriors, []) == []


def slow(posteriors, tokens):
    """The spans of the best of all label sequences that collapse to ``tokens``."""
    best, found = -np.inf, []
    for path in product(range(posteriors.shape[1]), repeat=len(posteriors)):
        runs = [(label, [n for n, _ in run]) for label, run in groupby(enumerate(path), key=lambda x: x[1])]
        if [label for label, _ in runs if label != BLANK] == tokens:
            score = sum(posteriors[n, label] for n, label in enumerate(path))
            if score > best:
                best, found = score, [Span(at[0], at[-1] + 1) for label, at in runs if label != BLANK]
    return found


@given(st.integers(0, 10_000), st.lists(st.integers(1, 2), min_size=1, max_size=3), st.integers(0, 3))
def test_the_best_of_all_paths(seed, tokens, spare):
    frames = len(tokens) + sum(a == b for a, b in pairwise(tokens)) + spare
    weights = np.random.default_rng(seed).dirichlet(np.ones(3), frames)
    assert forced_alignment(logs(weights), tokens) == slow(logs(weights), tokens)


def test_too_few_frames_are_refused():
    with pytest.raises(DataError, match="CTC needs 3 frames for 2 labels, got 2"):
        forced_alignment(logs(np.full((2, 3), 1 / 3)), [1, 1])


def test_blanks_are_divided_in_the_middle():
    assert divide_frames([Span(2, 3), Span(6, 8), Span(8, 9)], 12) == [Span(0, 4), Span(4, 8), Span(8, 12)]
    assert divide_frames([Span(4, 5)], 7) == [Span(0, 7)]
    assert divide_frames([], 7) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1), st.integers(0, 5))
def test_every_frame_belongs_to_one_character_and_every_peak_to_its_own(gaps, rest):
    peaks, at = [], 0
    for gap, length in gaps:
        peaks.append(Span(at + gap, at + gap + length))
        at += gap + length
    parts = divide_frames(peaks, at + rest)
    assert [n for part in parts for n in range(*part)] == list(range(at + rest))
    assert all(
        part.start <= peak.start and peak.end <= part.end for part, peak in zip(parts, peaks, strict=True)
    )

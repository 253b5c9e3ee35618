from itertools import groupby, pairwise, product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.errors import DataError
from fangyan.recognition.ctc_alignment import (
    BLANK,
    Span,
    divide_frames,
    forced_alignment,
    greedy_tokens,
    is_plausible_pace,
    spans,
)


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
    with pytest.raises(DataError, match="CTC needs 3 frames for 2 characters, got 2"):
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


def test_a_trained_model_says_where_it_heard_each_character(job, sung):
    encoder = load_encoder(f"espnet:{job.exp}")
    utterance = datadir.read(sung["test"])[0]
    output = encoder(audio.read(utterance.wav))["norm"]
    found = spans(encoder, output, utterance.text)
    assert len(found) == len(utterance.text) == 3
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert found[0].start >= 0 and found[-1].end <= len(output)
    assert len(spans(encoder, output, "我鱻饭")) == 3  # 鱻 is not among its tokens


def test_the_peaks_are_where_the_posteriors_say():
    planted = torch.full((1, 5, 4), -9.0)
    planted[0, range(5), [0, 3, 0, 2, 0]] = 0.0
    model = SimpleNamespace(
        ctc=SimpleNamespace(log_softmax=lambda x: planted), token_list=["<blank>", "<unk>", "我", "你"]
    )
    encoder = SimpleNamespace(model=model, device="cpu")
    assert spans(encoder, np.zeros((5, 2), np.float32), "你我") == [Span(1, 2), Span(3, 4)]


def test_an_encoder_without_ctc_or_with_sentencepieces_aligns_nothing():
    assert spans(load_encoder("fbank"), np.zeros((5, 2), np.float32), "你我") == []
    model = SimpleNamespace(ctc=None)
    assert spans(SimpleNamespace(model=model), np.zeros((5, 2), np.float32), "你我") == []
    model = SimpleNamespace(ctc=object(), token_list=["<blank>", "<unk>", "我", "你我", "<sos/eos>"])
    assert spans(SimpleNamespace(model=model), np.zeros((5, 2), np.float32), "你我") == []


def test_characters_that_follow_each_other_faster_than_speech_are_not_in_time():
    # Two frames of 25 a second are 0.08 s, one is 0.04 s; the median decides.
    assert is_plausible_pace([Span(0, 1), Span(2, 3), Span(9, 10)], 25.0)
    assert not is_plausible_pace([Span(0, 1), Span(20, 21), Span(21, 22), Span(22, 23)], 25.0)
    assert is_plausible_pace([Span(0, 1)], 25.0) and is_plausible_pace([], 25.0)


def scribe(tokens, best):
    """An encoder whose CTC finds the tokens numbered ``best`` in its frames."""
    ctc = SimpleNamespace(argmax=lambda frames: torch.tensor([best]))
    return SimpleNamespace(device="cpu", model=SimpleNamespace(ctc=ctc, token_list=tokens))


@pytest.mark.parametrize(
    ("tokens", "best", "expected"),
    [
        (["<blank>", "<unk>", "我", "你"], [0, 2, 2, 0, 2, 3, 1, 3, 0], "我我你你"),
        (["<blank>", "<unk>", "o", "k", "<space>"], [2, 3, 4, 2, 3, 4], "ok ok"),
        (["<blank>", "<unk>", "▁ni", "▁hao"], [2, 0, 3, 3], "ni hao"),
        (["<blank>", "<unk>", "我", "<sos/eos>"], [3, 2, 0, 3], "我"),
        (["<blank>", "<unk>", "<sos/eos>"], [2, 2], ""),  # an encoder that was packed alone
    ],
)
def test_what_ctc_writes_is_its_best_tokens(tokens, best, expected):
    encoder = scribe(tokens, best)
    frames = np.zeros((len(best), 1), np.float32)
    assert greedy_tokens(encoder, frames) == expected
    if not expected:
        assert spans(encoder, frames, "我") == []


def test_an_encoder_without_ctc_writes_nothing():
    assert greedy_tokens(load_encoder("fbank"), np.zeros((3, 80), np.float32)) == ""

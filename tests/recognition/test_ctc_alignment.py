from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.recognition.ctc_alignment import greedy_tokens, is_plausible_pace, spans
from fangyan.units.alignment import Span


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

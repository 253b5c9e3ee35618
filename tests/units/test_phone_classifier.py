"""The classifier of phones on planted frames: each phone has a direction of its own, and its place is known."""

import numpy as np
import pytest

from fangyan.errors import DataError
from fangyan.units.alignment import Span
from fangyan.units.phone_classifier import Example, Linear, align, labels, learn


def planted(seed: int, utterances: int = 40) -> tuple[list[Example], list[np.ndarray]]:
    """Utterances of silence, two to four of three phones, silence; of each frame what it is."""
    chance, examples, known = np.random.default_rng(seed), [], []
    for _ in range(utterances):
        phones = [0, *chance.integers(1, 4, chance.integers(2, 5)).tolist(), 0]
        wanted = np.repeat(phones, chance.integers(3, 7, len(phones)))
        frames = 5 + 3 * np.eye(4)[wanted] + chance.normal(scale=0.3, size=(len(wanted), 4))
        examples.append(Example(frames.astype(np.float32), phones))
        known.append(wanted)
    return examples, known


def test_phones_are_found_where_they_were_planted_though_only_their_order_is_told():
    examples, known = planted(1)
    model = learn(examples, 4, 1)
    strange, wanted = planted(2)
    found = np.concatenate([model.log_probabilities(e.frames).argmax(1) for e in strange])
    assert (found == np.concatenate(wanted)).mean() > 0.97
    aligned = [labels(e, align(model, e)) for e in examples]
    agreeing = np.concatenate(aligned) == np.concatenate(known)
    assert agreeing.mean() > 0.95 and [len(a) for a in aligned] == [len(k) for k in known]


def test_the_same_seed_gives_the_same_bytes(monkeypatch):
    monkeypatch.setattr("fangyan.units.phone_classifier.EPOCHS", 2)
    examples, _ = planted(1, 20)
    one, same = (learn(examples, 4, 1) for _ in range(2))
    assert one.weight.tobytes() == same.weight.tobytes() and one.bias.tobytes() == same.bias.tobytes()


def test_an_alignment_by_hand():
    model = Linear(np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    frames = np.float32([[9, 0, 0], [0, 9, 0], [0, 9, 8], [0, 0, 9], [0, 9, 8], [9, 0, 0]])
    # 0 1 2 0: the fifth frame is rather 1, but only 2 may stand there.
    example = Example(frames, [0, 1, 2, 0])
    assert align(model, example) == [Span(0, 1), Span(1, 3), Span(3, 5), Span(5, 6)]
    assert labels(example, align(model, example)).tolist() == [0, 1, 1, 2, 2, 0]
    assert np.allclose(np.exp(model.log_probabilities(frames)).sum(1), 1)


def test_frames_fit_where_each_phone_has_one_and_twins_have_one_between():
    frames = np.zeros((3, 2), np.float32)
    assert Example(frames, [0, 1, 0]).fits and not Example(frames, [1, 1, 0]).fits
    with pytest.raises(DataError, match="4 frames for 3 labels, got 3"):
        align(Linear(np.zeros((2, 2), np.float32), np.zeros(2, np.float32)), Example(frames, [1, 1, 0]))

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder
from fangyan.errors import DataError
from fangyan.features.pipeline import Fitting, ahead, batches


def utterance(seconds: float, key: str) -> Utterance:
    return Utterance(key, f"{key}.wav", "", key, "cmn", "s", seconds)


def ids(grouped):
    return [[u.id for u in batch] for batch in grouped]


def test_batches_are_of_like_length_and_bounded_when_padded():
    durations = {"a": 10, "b": 30, "c": 29, "d": 70, "e": 10}
    grouped = batches([utterance(s, key) for key, s in durations.items()], seconds=60)
    assert ids(grouped) == [["d"], ["b", "c"], ["a", "e"]]


@given(st.lists(st.floats(0.1, 40), max_size=30))
def test_batches_hold_every_utterance_once_within_the_bound(durations):
    utterances = [utterance(seconds, f"u{n:02d}") for n, seconds in enumerate(durations)]
    grouped = batches(utterances, seconds=50)
    assert sorted(u.id for batch in grouped for u in batch) == [u.id for u in utterances]
    assert all(len(batch) == 1 or len(batch) * max(u.duration for u in batch) <= 50 for batch in grouped)


class Small(Encoder):
    """Mean and length of each wave; remembers its batches' sizes; has room for so many padded seconds."""

    layers, frame_rate = ("a", "b"), 1.0

    def __init__(self, room=float("inf"), error=None):
        self.room, self.error, self.sizes = room, error, []

    def encode(self, waves):
        self.sizes.append(len(waves))
        if len(waves) * max(map(len, waves)) > self.room * audio.SAMPLE_RATE:
            raise self.error
        if min(map(len, waves)) < 1600:
            raise DataError("too short")
        return [[np.full((2, 1), f(w), np.float32) for w in waves] for f in (np.mean, len)]


SCARCE = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    MemoryError(),
]


def batch_of(*durations):
    batch = [utterance(s, f"u{n:02}") for n, s in enumerate(durations)]
    rng = np.random.default_rng(0)
    waves = {u.id: rng.normal(size=int(u.duration * audio.SAMPLE_RATE)).astype(np.float32) for u in batch}
    return batch, waves


def same(a, b):
    return all(
        np.array_equal(x, y) for of_a, of_b in zip(a, b, strict=True) for x, y in zip(of_a, of_b, strict=True)
    )


@pytest.mark.parametrize("error", SCARCE, ids=lambda e: f"{type(e).__name__} {e}"[:40])
def test_a_batch_that_does_not_fit_is_done_in_halves_and_so_is_what_follows(error):
    batch, waves = batch_of(*[1.0] * 8)
    encoder = Small(3, error)
    fitting = Fitting(encoder, seconds=100)
    expected = Small().encode([*waves.values()])
    assert same(fitting.encode(batch, waves), expected)
    assert encoder.sizes == [8, 4, 2, 2, 2, 2]
    assert same(fitting.encode(batch, waves), expected)
    assert encoder.sizes[6:] == [2, 2, 2, 2] and fitting.seconds == 2


@given(st.lists(st.floats(0.2, 1), min_size=1, max_size=9), st.floats(1, 5), st.floats(0.1, 10))
def test_no_room_and_no_bound_changes_the_features_or_their_order(durations, room, seconds):
    batch, waves = batch_of(*sorted(durations, reverse=True))
    expected = Small().encode([*waves.values()])
    assert same(Fitting(Small(room, SCARCE[0]), seconds).encode(batch, waves), expected)


def test_an_utterance_longer_than_the_bound_is_encoded_alone():
    encoder = Small()
    batch, waves = batch_of(9.0, 2.0, 2.0)
    Fitting(encoder, seconds=4).encode(batch, waves)
    assert encoder.sizes == [1, 2]


def test_the_utterance_that_does_not_fit_even_alone_is_named():
    batch, waves = batch_of(5.0, 1.0, 1.0)
    with pytest.raises(DataError, match=r"^u00\.wav: utterance u00, 5\.0 s: does not fit into memory$"):
        Fitting(Small(3, SCARCE[0]), seconds=100).encode(batch, waves)


def test_the_utterance_that_the_encoder_refuses_is_named_and_the_bound_stays():
    batch, waves = batch_of(1.0, 1.0, 1.0, 0.05)
    fitting = Fitting(Small(), seconds=100)
    with pytest.raises(DataError, match=r"^u03\.wav: utterance u03, 0\.1 s: too short$"):
        fitting.encode(batch, waves)
    assert fitting.seconds == 100


def test_any_other_failure_is_nobodys_fault_but_the_encoders():
    batch, waves = batch_of(1.0, 1.0)
    encoder = Small(0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Fitting(encoder, seconds=100).encode(batch, waves)
    assert encoder.sizes == [2]


def test_ahead_keeps_the_order_and_looks_only_so_far_ahead():
    asked = []

    def items():
        for n in range(20):
            asked.append(n)
            yield n

    results = ahead(lambda n: n * n, items(), threads=2)
    for n in range(20):
        assert next(results) == n * n
        assert len(asked) <= n + 3
    assert next(results, None) is None


def test_ahead_works_while_its_caller_does():
    started = threading.Event()
    results = ahead(lambda n: n or started.set(), [1, 0, 2], threads=1)
    assert next(results) == 1  # the second is under way and nobody has asked for it
    assert started.wait(10)


def test_ahead_raises_an_error_in_its_place_and_stops_its_threads():
    def work(n):
        if n == 3:
            raise DataError(f"{n}.wav")
        return n

    before, found = threading.active_count(), []
    with pytest.raises(DataError, match=r"3\.wav"):
        found.extend(ahead(work, range(10), threads=2))
    assert threading.active_count() == before


def test_ahead_ends_with_its_source():
    def items():
        yield 1
        raise KeyboardInterrupt

    done = []
    with pytest.raises(KeyboardInterrupt):
        list(ahead(done.append, items(), threads=1))
    assert done == [1]

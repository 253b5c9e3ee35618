"""`fangyan.bench.dump`: rows whose two sides do the same work; no timings."""

from functools import partial

import pytest
import torch

from fangyan.bench import BENCHMARKS, dump
from fangyan.errors import DataError

SMALL = "e_branchformer"


def test_the_rows_are_there():
    assert set(dump.BENCHMARKS) <= set(BENCHMARKS)
    names = [benchmark.name for benchmark in dump.BENCHMARKS]
    assert {"dump_vs_forward", "dump_vs_one_by_one", "dump_memory_1x_10x"} <= set(names)


def test_clips_are_reproducible_and_as_long_as_they_say():
    speech = dump.clips(5)
    assert dump.clips(3) == speech[:3]
    assert all(dump.SHORTEST <= clip.duration <= dump.LONGEST for clip in speech)


def test_the_bare_model_sees_every_sample_once():
    speech = dump.clips(5)
    seen = [n for _, lengths in dump._packed(5) for n in lengths.tolist()]
    assert sorted(seen) == sorted(round(16_000 * clip.duration) for clip in speech)


def test_dumped_and_one_by_one_are_the_same_features_and_others_are_noticed(monkeypatch):
    speech = dump.clips(4)
    dump.check(SMALL, speech)
    monkeypatch.setattr(dump, "one_by_one", partial(dump.one_by_one, at_least=6.0))
    with pytest.raises(DataError, match=r"e_branchformer, layer00: n000\d has other features in a batch"):
        dump.check(SMALL, speech)


def test_a_rate_is_speech_by_time(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(dump, "seconds", lambda work, *arguments: calls.append(work(*arguments)) or 2.0)
    speech = dump.clips(4)
    assert dump.rate(dump.dumped, SMALL, speech) == pytest.approx(sum(c.duration for c in speech) / 2)
    assert dump.rate(dump.forward, SMALL, speech) == dump.rate(dump.dumped, SMALL, speech)
    assert len(calls) == 3


def test_the_encoder_is_reproducible():
    weights = next(dump.encoder(SMALL).model.parameters()).clone()
    dump.encoder.cache_clear()
    assert torch.equal(weights, next(dump.encoder(SMALL).model.parameters()))


def test_the_peak_of_a_process_of_its_own_is_in_mebibytes():
    assert 100 < dump.peak_memory(2, dump.clips(3)) < 10_000

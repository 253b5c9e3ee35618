"""`fangyan.bench.llm`: both sides give the vectors of all strings, others are noticed; no timings."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fangyan.bench import BENCHMARKS, llm
from fangyan.bench.benchmark import Size
from fangyan.errors import DataError


def test_the_row_is_there():
    assert set(llm.BENCHMARKS) <= set(BENCHMARKS)


def test_both_sides_read_all_strings_to_the_same_vectors(monkeypatch):
    monkeypatch.setattr(llm, "SIZES", llm.SIZES | {"num_hidden_layers": 1})
    model, speech = llm.strings(Size(utterances=3), "cpu")
    assert [40 < len(tokens) <= 121 for tokens in speech] == [True] * 3  # a token of the prefix besides
    together, alone = llm.vectors(model, speech, 16), llm.vectors(model, speech, 1)
    assert [vector.shape for vector in together] == [(1, 576)] * 3
    assert np.array(together) == pytest.approx(np.array(alone), abs=1e-5)
    llm.check(model, speech)


def test_vectors_that_depend_on_their_batch_are_noticed():
    biased = SimpleNamespace(
        read=lambda batch, hidden: [[np.full((1, 2), len(batch), np.float32)] * len(batch)]
    )
    with pytest.raises(DataError, match="others in a batch"):
        llm.check(biased, [torch.arange(3)] * 4)

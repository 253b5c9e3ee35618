"""Vectors of strings of units by a language model, in batches against one by one.

The model has random weights, the widths of SmolLM2-135M and `BLOCKS` of its blocks: all are alike. Strings are random
units, as many as `benchmark.SHORTEST` to `LONGEST`.
"""

from collections.abc import Sequence
from itertools import batched
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from fangyan.bench.benchmark import SEED, Benchmark, Data, Size, seconds, sets
from fangyan.dual import vocabulary
from fangyan.dual.fit import pipeline
from fangyan.dual.settings import RANDOM, Settings
from fangyan.encoders.llm import Reader
from fangyan.encoders.pretrained import quiet
from fangyan.encoders.unit_strings import of_units, prefix_tokens, unit_tokens
from fangyan.errors import DataError

UNITS, BLOCKS, BATCH = 500, 4, 16
SIZES = {"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3}
SIZES |= {"model_type": "llama", "num_hidden_layers": BLOCKS}


def strings(size: Size, device: str) -> Data:
    """A language model that reads units, and the tokens of strings of them, by length."""
    chance = np.random.default_rng(SEED)
    lengths = [len(frames) for frames in sets(1, size.utterances)[0]]
    model = reader(device)
    return model, [model.tokens(of_units(chance.integers(UNITS, size=n).tolist())) for n in lengths]


def reader(device: str) -> Reader:
    """A language model of random weights that has a token for each unit."""
    torch.manual_seed(SEED)
    units, prefixes = unit_tokens(UNITS), prefix_tokens([])
    with TemporaryDirectory(prefix="fangyan-bench-") as folder, quiet():
        model, tokenizer = vocabulary.make(SIZES, ["一"])
        vocabulary.extend(model, tokenizer, units, prefixes, vocabulary.mean_covariance)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return Reader(pipeline(Settings(RANDOM), folder).to(device), [*prefixes, *units], folder)


def vectors(model: Reader, speech: Sequence[Tensor], count: int) -> list[np.ndarray]:
    """The (1, d) vectors of the strings, so many at a time."""
    return [vector for batch in batched(speech, count) for vector in model.read(batch, hidden=False)[-1]]


def check(model: Reader, speech: Sequence[Tensor]) -> None:
    """Raises `DataError` where a vector depends on what is read with it."""
    some = speech[:: max(1, len(speech) // BATCH)]
    if not np.allclose(vectors(model, some, BATCH), vectors(model, some, 1), atol=1e-4):
        raise DataError("vectors of strings are others in a batch")


def rate(model: Reader, speech: Sequence[Tensor], count: int) -> float:
    """Strings a second, so many at a time."""
    return len(speech) / seconds(vectors, model, speech, count)


BENCHMARKS = (
    Benchmark(
        "llm_vs_one_by_one",
        "strings/s",
        value=lambda model, speech: rate(model, speech, BATCH),
        baseline=lambda model, speech: rate(model, speech, 1),
        baseline_name="one by one",
        data=strings,
        check=check,
    ),
)

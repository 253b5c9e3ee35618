from collections import Counter

import pytest
import torch
from sentence_transformers.base.sampler import DefaultBatchSampler
from torch.utils.data import ConcatDataset, RandomSampler

from fangyan.dual.trainer import Retrieval, computes_in_bf16, weighted_batches


def batches(weights: list[float], epoch: int = 0) -> list[list[int]]:
    sets = ConcatDataset([range(10), range(6)])
    generator = torch.Generator()
    samplers = [
        DefaultBatchSampler(RandomSampler(one, generator=generator), batch_size=2, drop_last=False)
        for one in sets.datasets
    ]
    made = weighted_batches(weights)(sets, batch_samplers=samplers, generator=generator, seed=1)
    made.set_epoch(epoch)
    found = list(made)
    assert len(made) == len(found)
    return found


def test_a_batch_is_of_one_data_set_and_each_is_gone_through_as_its_weight_says():
    found = batches([1.0, 2.0])
    assert all(len({row >= 10 for row in batch}) == 1 for batch in found)
    seen = Counter(row for batch in found for row in batch)
    assert all(seen[row] == (1 if row < 10 else 2) for row in range(16))
    assert Counter(batch[0] >= 10 for batch in batches([0.4, 0.001])) == {False: 2, True: 1}


def test_the_order_hangs_on_seed_and_epoch_alone():
    assert batches([1.0, 1.0], 3) == batches([1.0, 1.0], 3) != batches([1.0, 1.0], 4)


def test_retrieval_is_the_share_of_utterances_that_find_their_text():
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [0.6, 0.8], "A": [1.0, 0.0], "B": [0.0, 1.0]}

    class Model:
        def encode(self, strings, **_):
            return torch.tensor([vectors[string] for string in strings])

    queries = [("a", "s1"), ("b", "s2"), ("c", "s1"), ("c", "s2")]
    assert Retrieval(queries, {"A": "s1", "B": "s2"}, 2)(Model()) == {"acc_text": 0.75}


@pytest.mark.parametrize(
    ("can", "so"),
    [
        ({}, False),
        ({"avx512_bf16": False, "avx512_fp16": True}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"bf16": True}, True),
    ],
)
def test_a_processor_computes_in_bf16_where_it_says_so(can, so, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: can)
    assert computes_in_bf16() is so


@pytest.mark.parametrize("so", [False, True])
def test_a_gpu_is_asked_first(so, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: so)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"bf16": not so})
    assert computes_in_bf16() is so

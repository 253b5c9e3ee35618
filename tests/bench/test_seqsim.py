"""`fangyan.bench.seqsim`: the scorers that race give the same, or there is no race."""

import pytest
import torch

from fangyan.bench import seqsim
from fangyan.bench.benchmark import Size, measure, sets
from fangyan.errors import DataError
from fangyan.measure.seqsim import seqsim_matrix


@pytest.mark.parametrize("form", [seqsim.by_pair, seqsim.as_published])
def test_the_slow_forms_give_the_same(form):
    queries, candidates = sets(6, 4)
    torch.testing.assert_close(
        form(queries, candidates), seqsim_matrix(queries, candidates).f1, atol=1e-5, rtol=0
    )


def test_few_are_of_all_lengths():
    assert seqsim.some(list(range(80)), 5) == [0, 16, 32, 48, 64]
    assert seqsim.some([1, 2, 3], 5) == [1, 2, 3]


def test_pairs_per_second(monkeypatch):
    monkeypatch.setattr(seqsim, "seconds", lambda work, *sets: 0.5)
    assert seqsim.pairs_per_second(print, [1, 2, 3], [1, 2, 3, 4]) == 24


def test_gflops_count_the_product_of_the_real_frames(monkeypatch):
    monkeypatch.setattr(seqsim, "seconds", lambda work, *sets: 2e-9)
    assert seqsim._gflops([torch.ones(2, 5), torch.ones(1, 5)], [torch.ones(4, 5)]) == pytest.approx(
        3 * 4 * 5
    )


def test_another_result_is_refused():
    def wrong(queries, candidates):
        return seqsim.by_pair(queries, candidates) + 2e-4

    with pytest.raises(
        DataError, match=r"F1 of a rival must be SeqSim's to 0.0001, got a difference of 0.0002"
    ):
        measure(seqsim.race("x", wrong, "a rival", 6, few=2), Size(utterances=4, repeats=1))

"""`fangyan.bench.peers`: each public scorer that is installed has the F1 of SeqSim on ragged sets."""

import pytest
import torch

from fangyan.bench import peers
from fangyan.environment import install_extra
from fangyan.measure.seqsim import seqsim_matrix


@pytest.mark.parametrize("row", peers.BENCHMARKS, ids=lambda row: row.name)
def test_f1_is_that_of_seqsim(row):
    if why := row.obstacle():
        pytest.skip(why)
    generator = torch.Generator().manual_seed(1)
    # More than a batch on either side; a mean of 3 keeps cosines above those of padding.
    queries, candidates = (
        [3 + torch.randn(length, 8, generator=generator) for length in lengths]
        for lengths in ([3, 4, 9, 30, 31, 31], [1, 5, 5, 17, 40])
    )
    scorer = getattr(peers, row.name.removeprefix("seqsim_vs_"))
    before = [x.clone() for x in queries + candidates]
    torch.testing.assert_close(
        scorer(queries, candidates), seqsim_matrix(queries, candidates).f1, atol=1e-5, rtol=0
    )
    assert all(torch.equal(x, y) for x, y in zip(before, queries + candidates, strict=True))


def test_what_is_not_installed_is_told():
    assert peers._missing("fangyan") == ""
    assert peers._missing("nobody.scores") == (
        f"not installed (No module named 'nobody'): {install_extra('bench')}"
    )

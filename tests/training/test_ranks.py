import os
import signal
from datetime import timedelta

import pytest

from fangyan.errors import Stopped, UserError
from fangyan.training import ranks
from fangyan.training.ranks import Rank, any_rank, joined_ranks, launched_rank, same_on_all_ranks, this_rank

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "GROUP_WORLD_SIZE": "2"}
SBATCH = {"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0", "SLURM_NNODES": "2"}
SRUN = SBATCH | {
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NUM_NODES": "2",
}


@pytest.fixture
def gpus(monkeypatch):
    """A function that makes so many GPUs visible."""
    return lambda count: monkeypatch.setattr("torch.cuda.device_count", lambda: count)


@pytest.mark.parametrize(
    ("environment", "here"),
    [
        ({}, Rank()),
        (TORCHRUN, Rank(rank=3, world=4, local=1, nodes=2)),
        (SRUN, Rank(rank=3, world=4, local=1, nodes=2)),
        (SBATCH, Rank()),  # four tasks may be started, but this script is none of them
        (SRUN | TORCHRUN | {"RANK": "2", "LOCAL_RANK": "0"}, Rank(rank=2, world=4, local=0, nodes=2)),
        ({"WORLD_SIZE": "4"}, Rank()),
    ],
)
def test_the_place_is_what_a_launcher_states(environment, here):
    assert launched_rank(environment) == here


def test_a_process_that_is_alone_takes_a_gpu_if_there_is_one(gpus):
    gpus(0)
    assert this_rank(None, 1, {}) == this_rank(0, 1, {}) == Rank()
    gpus(2)
    assert this_rank(None, 1, {}) == this_rank(1, 1, {}) == Rank(gpu=0)
    assert this_rank(0, 1, {}) == Rank()


def test_each_rank_has_its_gpu_whether_it_sees_all_of_its_node_or_only_that(gpus):
    gpus(2)
    assert this_rank(2, 2, SRUN) == Rank(3, 4, 1, 2, gpu=1)
    gpus(1)
    assert this_rank(2, 2, SRUN) == Rank(3, 4, 1, 2, gpu=0)


def test_on_the_cpu_there_are_as_many_ranks_as_were_started(gpus):
    gpus(0)
    assert this_rank(0, 2, SRUN) == Rank(3, 4, 1, 2)
    assert this_rank(None, 2, SRUN) == Rank(3, 4, 1, 2)


@pytest.mark.parametrize(
    ("ngpu", "nodes", "environment", "message"),
    [
        (
            2,
            2,
            {},
            "--ngpu 2 --num_nodes 2 needs 4 processes on 2 nodes, got 1 on 1: srun --nodes=2 --ntasks-per-node=2",
        ),
        (2, 2, SBATCH, "needs 4 processes on 2 nodes, got 1 on 1"),
        (1, 2, SRUN, "--ngpu 1 --num_nodes 2 needs 2 processes on 2 nodes, got 4 on 2"),
        (4, 1, SRUN, "--ngpu 4 --num_nodes 1 needs 4 processes on 1 nodes, got 4 on 2"),
        (0, 1, SRUN, "--ngpu 0 --num_nodes 1 needs 4 processes on 1 nodes, got 4 on 2"),
    ],
)
def test_other_ranks_than_were_asked_for_are_refused(gpus, ngpu, nodes, environment, message):
    gpus(4)
    with pytest.raises(UserError, match=message):
        this_rank(ngpu, nodes, environment)


def test_gpus_that_are_not_there_are_refused(gpus):
    gpus(0)
    with pytest.raises(UserError, match="--ngpu 1: 0 GPUs are visible here; --ngpu 0 trains on the CPU"):
        this_rank(1, 1, {})
    gpus(2)
    with pytest.raises(UserError, match="--ngpu 4: 2 GPUs are visible here"):
        this_rank(4, 1, TORCHRUN | {"GROUP_WORLD_SIZE": "1"})


def test_a_place_in_the_words_of_espnet(monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "node1")
    monkeypatch.setenv("MASTER_PORT", "20001")
    alone = {"multiprocessing_distributed": False, "dist_world_size": 1, "ngpu": 0}
    assert Rank().arguments() == alone
    assert Rank(gpu=0).arguments() == alone | {"ngpu": 1, "local_rank": 0}
    assert Rank(3, 4, 1, 2, gpu=1).arguments() == {
        "multiprocessing_distributed": False,
        "dist_world_size": 4,
        "dist_rank": 3,
        "dist_init_method": "tcp://node1:20001",
        "ngpu": 1,
        "local_rank": 1,
    }


def test_ranks_need_a_place_to_meet(monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(
        UserError, match="MASTER_ADDR is not set: several ranks need MASTER_ADDR and MASTER_PORT"
    ):
        ranks._meeting_point()


def test_one_that_is_alone_agrees_with_itself():
    with joined_ranks(Rank()):
        assert any_rank(True) and not any_rank(False)
        assert same_on_all_ranks(7)


def test_two_ranks_agree(forked):
    def work(here):
        with joined_ranks(here):
            for said, agreed in (((False, False), False), ((False, True), True), ((True, False), True)):
                assert any_rank(said[here.rank]) is agreed
            assert same_on_all_ranks(7)
            assert not same_on_all_ranks(here.rank)
            assert ranks.is_first() is (here.rank == 0)

    assert forked(work) == [0, 0]


def test_rows_of_all_ranks_are_gathered_and_the_gradient_is_that_of_one_process(forked):
    import torch

    parts = [
        torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]),
        torch.tensor([[-2.0, 1.0]]),
    ]  # of other lengths
    weight = torch.tensor([[0.3, -0.2], [0.1, 0.4]], requires_grad=True)

    def loss(rows):
        return (rows @ rows.T).logsumexp(1).sum()

    loss(torch.cat(parts) @ weight).backward()

    def work(here):
        with joined_ranks(here):
            own = weight.detach().clone().requires_grad_()
            rows = ranks.gather_rows(parts[here.rank] @ own)
            assert torch.equal(rows.detach(), torch.cat(parts) @ weight.detach())
            assert ranks.gather_rows(torch.tensor([here.rank] * (2 - here.rank))).tolist() == [0, 0, 1]
            if here.rank == 0:  # the other does not come
                with ranks.alone():
                    assert ranks.gather_rows(rows) is rows
            loss(rows).backward()
            torch.distributed.all_reduce(own.grad)  # DistributedDataParallel's mean, times the ranks
            assert torch.allclose(own.grad / 2, weight.grad, atol=1e-5)

    assert forked(work) == [0, 0]
    assert ranks.gather_rows(parts[0]) is parts[0]  # alone


def test_the_death_of_a_rank_is_noticed_at_once(forked, capfd):
    def work(here):
        with joined_ranks(here):
            if here.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            any_rank(False)

    assert forked(work) == [2, -signal.SIGKILL]
    assert (
        "fangyan: rank 0 of 2 does not hear from the others, whose messages say why ("
        in capfd.readouterr().err
    )


def test_a_rank_that_does_not_come_is_not_waited_for_for_ever(forked, monkeypatch, capfd):
    monkeypatch.setattr(ranks, "PATIENCE", timedelta(seconds=1))

    def work(here):
        if here.rank == 0:
            with joined_ranks(here):
                pass

    assert forked(work) == [2, 0]
    assert "1/2 clients joined" in capfd.readouterr().err


def test_after_a_stop_the_first_says_why(forked, capfd):
    def stop(here):
        with joined_ranks(here):
            raise Stopped("stopped")

    assert forked(stop) == [75, 0]  # srun tells the largest
    assert capfd.readouterr().err.count("fangyan: stopped") == 1

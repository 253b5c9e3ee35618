"""Several processes that train together, one a GPU: which of them this one is, how they meet and what they agree on."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fangyan.errors import Stopped, UserError

if TYPE_CHECKING:
    from torch import Tensor

LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_WORLD_SIZE"),  # torchrun, and `training.local_ranks`
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_NODES"),  # srun, not sbatch
)
PATIENCE = timedelta(minutes=30)
"""So long ranks wait for each other: to come, and in each step. A rank that has died is noticed at once."""

_ALONE: ContextVar[bool] = ContextVar("_ALONE", default=False)


@dataclass(frozen=True)
class Rank:
    """The ``rank``-th of ``world`` processes on ``nodes`` machines, the ``local``-th of its own; all count from 0.

    ``gpu``: the device it works on; None: the CPU.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    nodes: int = 1
    gpu: int | None = None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def arguments(self) -> dict[str, Any]:
        """The place in ESPnet's words."""
        own = {"multiprocessing_distributed": False, "dist_world_size": self.world}
        if self.world > 1:
            own |= {"dist_rank": self.rank, "dist_init_method": _meeting_point()}
        return own | ({"ngpu": 0} if self.gpu is None else {"ngpu": 1, "local_rank": self.gpu})


def this_rank(ngpu: int | None, num_nodes: int, environment: Mapping[str, str] = os.environ) -> Rank:
    """This process's, as srun or torchrun started it; `UserError` where that is not what was asked for.

    ``ngpu``: GPUs of each node, a rank on each; 0: ranks on the CPU, as many as were started; None: a GPU if there is
    one.
    """
    import torch

    visible = torch.cuda.device_count()
    ngpu = min(1, visible) if ngpu is None else ngpu
    here = launched_rank(environment)
    wanted = replace(here, nodes=num_nodes, world=num_nodes * ngpu or here.world)
    if here != wanted:
        raise UserError(
            f"--ngpu {ngpu} --num_nodes {num_nodes} needs {wanted.world} processes on {num_nodes} nodes, got "
            f"{here.world} on {here.nodes}: srun --nodes={num_nodes} --ntasks-per-node={max(1, ngpu)} starts them"
        )
    if visible < ngpu and visible != 1:  # or each process of a node sees a GPU of its own
        raise UserError(f"--ngpu {ngpu}: {visible} GPUs are visible here; --ngpu 0 trains on the CPU")
    return replace(here, gpu=(here.local if visible > 1 else 0) if ngpu else None)


def launched_rank(environment: Mapping[str, str]) -> Rank:
    """The place that a launcher's variables state; a process that none has started is alone."""
    for names in LAUNCHERS:
        if all(name in environment for name in names):
            return Rank(*(int(environment[name]) for name in names))
    return Rank()


@contextmanager
def joined_ranks(here: Rank) -> Iterator[None]:
    """While it is open, the ranks are joined: `any_rank` and ESPnet's trainer work over all of them.

    Where another one has died, `UserError`. After a stop on request only the first goes on, to say so.
    """
    if here.world == 1:
        yield
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "FATAL")  # stack traces in C++
    from torch import distributed

    try:
        _join(here)
        yield
        any_rank(False)  # the first has more to do, and srun --wait would end it
        distributed.destroy_process_group()
    except Stopped:
        _leave_to_the_first(here)
        raise
    except RuntimeError as error:
        if not _lost_connection(error):
            raise
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"rank {here.rank} of {here.world} does not hear from the others, whose messages say why ({reason})"
        ) from None


def is_first() -> bool:
    """Whether this is the first of the joined ranks, or alone."""
    from torch import distributed

    return not distributed.is_initialized() or distributed.get_rank() == 0


def any_rank(flag: bool) -> bool:
    """Whether ``flag`` is true on one of the ranks; they wait for each other here."""
    return _largest([flag]) == [True]


def same_on_all_ranks(number: int) -> bool:
    """Whether all ranks have this number; they wait for each other here."""
    return _largest([number, -number]) == [number, -number]


@contextmanager
def alone() -> Iterator[None]:
    """While it is open, what a model does is done by this rank and not by the others: there is nothing to gather."""
    before = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(before)


def gather_rows(rows: "Tensor") -> "Tensor":
    """(N, ...) the rows of all ranks, those of the first rank first; of one that is alone its own.

    A gradient goes back to the rank that a row is of, and of several ranks it is the sum: where each computes the same
    loss of all rows, averaged gradients (as of DistributedDataParallel) are those of one process with all of them.
    """
    from torch import cat, distributed

    if _ALONE.get() or not distributed.is_initialized():
        return rows
    from torch.distributed.nn.functional import all_gather
    from torch.nn.functional import pad

    counts = _each(len(rows))
    padded = pad(rows, (0, 0) * (rows.dim() - 1) + (0, max(counts) - len(rows)))
    return cat([found[:count] for found, count in zip(all_gather(padded), counts, strict=True)])


def _each(number: int) -> list[int]:
    """The number of each rank."""
    from torch import distributed, tensor

    found = [tensor(0) for _ in range(distributed.get_world_size())]
    distributed.all_gather(found, tensor(number))
    return [int(one) for one in found]


def _largest(numbers: Sequence[int]) -> list[int]:
    from torch import distributed, tensor

    if not distributed.is_initialized():
        return list(numbers)
    largest = tensor([int(number) for number in numbers])
    distributed.all_reduce(largest, distributed.ReduceOp.MAX)
    return largest.tolist()


def _join(here: Rank) -> None:
    import torch

    if here.gpu is not None:
        torch.cuda.set_device(here.gpu)
    torch.distributed.init_process_group(
        "gloo" if here.gpu is None else "cpu:gloo,cuda:nccl",
        init_method=_meeting_point(),
        rank=here.rank,
        world_size=here.world,
        timeout=PATIENCE,
    )


def _leave_to_the_first(here: Rank) -> None:
    """srun kills what is left when one has ended badly, and Python takes its time: the others end before, and well."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    any_rank(False)  # all are here
    if not here.first:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _meeting_point() -> str:
    try:
        return "tcp://{MASTER_ADDR}:{MASTER_PORT}".format_map(os.environ)
    except KeyError as missing:
        raise UserError(
            f"{missing.args[0]} is not set: several ranks need MASTER_ADDR and MASTER_PORT, the host of the first rank "
            "and a free port there"
        ) from None


def _lost_connection(error: RuntimeError) -> bool:
    from torch.distributed import DistError

    return isinstance(error, DistError) or "gloo" in str(error)

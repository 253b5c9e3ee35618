"""The ranks of one machine where no scheduler starts them: as many processes of a command as GPUs to train on."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence

from fangyan.errors import UserError
from fangyan.training.ranks import launched_rank

SECONDS_TO_END = 10
PR_SET_PDEATHSIG = 1


def missing_ranks(ngpu: int | None, num_nodes: int, environment: Mapping[str, str] = os.environ) -> int:
    """How many processes have to be started here: 0 where there is one GPU, or where a launcher has started them."""
    if (ngpu or 0) < 2 or num_nodes > 1 or launched_rank(environment).world > 1:
        return 0
    import torch

    if torch.cuda.device_count() < ngpu:
        raise UserError(f"--ngpu {ngpu}: {torch.cuda.device_count()} GPUs are visible here")
    return ngpu


def launch_ranks(command: Sequence[str], count: int) -> int:
    """The exit code of ``count`` ranks of ``command``: of the first that ended badly, which ends the others, or 0.

    They end with this process, however it ends, and get the signals that ask it to stop.
    """
    threads = max(1, len(os.sched_getaffinity(0)) // count)
    common = (
        {"OMP_NUM_THREADS": str(threads)} | os.environ | {"WORLD_SIZE": str(count), "GROUP_WORLD_SIZE": "1"}
    )
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    ranks = []

    def pass_on(number: int, _) -> None:
        for rank in ranks:
            rank.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        for n in range(count):
            environment = common | {"RANK": str(n), "LOCAL_RANK": str(n)}
            ranks.append(subprocess.Popen(command, env=environment, preexec_fn=_end_with_parent))
        return _first_bad_end(ranks)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _first_bad_end(ranks: Sequence[subprocess.Popen]) -> int:
    while not any(ends := [rank.poll() for rank in ranks]) and None in ends:
        time.sleep(0.1)
    first = next((end for end in ends if end), 0)
    for rank in ranks:
        rank.terminate()  # nothing to one that has ended
    for rank in ranks:
        try:
            rank.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            rank.kill()
            rank.wait()
    return first if first >= 0 else 128 - first


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]

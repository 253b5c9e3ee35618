"""A smaller corpus, and two ranks: this process twice, so that nothing has to be imported again."""

import multiprocessing
import os
import sys
from collections.abc import Callable

import pytest

from fangyan.errors import UserError
from fangyan.training import Run, write_tokens
from fangyan.training.local_ranks import _free_port
from fangyan.training.ranks import Rank


@pytest.fixture(scope="session")
def few(singer, tmp_path_factory):
    """An experiment on nine utterances, more than there are workers, without its configuration and folder."""
    folder = tmp_path_factory.mktemp("few")
    data = {name: singer(folder, name, ("我吃饭", "你看书", "我喝水")) for name in ("train", "dev")}
    write_tokens(data["train"], "text_cmn", folder / "tokens")
    return Run(folder, data["train"], data["dev"], folder / "tokens", "text_cmn", 1, folder)


@pytest.fixture
def forked():
    """A function: exit codes of two ranks that do the work of a function of `Rank`; errors end them as in `main`."""
    return run_forked


def run_forked(work: Callable[[Rank], object]) -> list[int]:
    fork, port = multiprocessing.get_context("fork"), str(_free_port())
    both = [fork.Process(target=_rank, args=(work, Rank(n, 2, n), port)) for n in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    return [process.exitcode for process in both]


def _rank(work: Callable[[Rank], object], here: Rank, port: str) -> None:
    import torch

    torch.set_num_threads(1)  # those of the parent are not here
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    try:
        work(here)
    except UserError as error:
        print(f"fangyan: {error}", file=sys.stderr)
        sys.exit(error.code)

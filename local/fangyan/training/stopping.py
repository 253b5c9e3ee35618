"""A stop on request: on SIGUSR1 all ranks leave training after the step they are in, to go on in another job."""

import signal
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from fangyan.errors import Stopped, UserError
from fangyan.files import write_text
from fangyan.training.ranks import any_rank, is_first

REQUESTED = Event()
IN = ".stopped_in"
"""The file that holds the epoch of the last stop."""


@contextmanager
def on_request() -> Iterator[None]:
    """While it is open, SIGUSR1 only asks for a stop."""
    REQUESTED.clear()
    before = signal.signal(signal.SIGUSR1, lambda *_: REQUESTED.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


class UntilRequested:
    """The batches of an epoch, which end early when a stop is requested: ESPnet tells the other ranks then."""

    def __init__(self, batches: Sized) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator:
        for batch in self.batches:
            if REQUESTED.is_set():
                return
            yield batch


def stop_if_requested(exp: Path, epoch: int) -> None:
    """`Stopped` if a rank was asked to stop; `UserError` the second time in one epoch, for a third would end no better.

    Of an epoch that is not whole nothing is kept.
    """
    if not any_rank(REQUESTED.is_set()):
        return
    note = exp / IN
    if any_rank(is_first() and note.exists() and note.read_text() == str(epoch)):
        raise UserError(
            f"{exp}: stopped on request in epoch {epoch} again, none was whole since the last stop: give the job more "
            "time, or choose shorter epochs (num_iters_per_epoch) and another --tag"
        )
    if is_first():
        write_text(note, str(epoch))
    where = (
        f"after epoch {epoch - 1}, the last whole one"
        if epoch > 1
        else "at the beginning: no epoch was whole"
    )
    raise Stopped(f"{exp}: stopped on request in epoch {epoch}; the next run goes on {where}")

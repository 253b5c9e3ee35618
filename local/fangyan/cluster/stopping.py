"""Being stopped: signals as exceptions, but not while a job is being submitted; noticing that our parent is gone."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STEP = 0.5


class Interrupted(Exception):
    """This process has to end; ``signal`` says why."""

    def __init__(self, number: int):
        super().__init__(number)
        self.signal = number


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """A block in which SIGINT, SIGTERM and SIGHUP (unless ignored, as nohup has it) raise `Interrupted`."""

    def stop(number: int, _: object) -> None:
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)  # once is enough: what follows has to be finished
        raise Interrupted(number)

    before = {name: signal.getsignal(name) for name in SIGNALS}
    for name in SIGNALS:
        if before[name] is not signal.SIG_IGN:
            signal.signal(name, stop)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def hold_signals() -> Iterator[None]:
    """A block after which signals arrive that were sent meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def sleep_unless_orphaned(seconds: float, parent: int) -> None:
    """Sleeps so long; raises `Interrupted` as by SIGTERM once ``parent`` is our parent no more.

    Where `hold_signals` holds a signal back, `Interrupted` by that.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if held := signal.sigpending() & {*SIGNALS}:
            raise Interrupted(min(held))
        if os.getppid() != parent:
            time.sleep(STEP)  # a lost terminal ends both of us, and its signal says so
            raise Interrupted(signal.SIGTERM)
        time.sleep(min(STEP, seconds))

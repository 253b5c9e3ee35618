"""How far long work is: a bar on a terminal; elsewhere, as in a log or a job of Slurm, a line a minute."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil
from time import monotonic
from typing import Self, TextIO

from tqdm import tqdm

FIRST, EVERY = 10.0, 60.0
"""Seconds until the first line, and between two lines, where there is no terminal."""
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"


class Progress:
    """Work of ``total`` units, a context: `update` as some are done. ``done`` of them were there before.

    ``unit``: in the plural. ``stream``: where it is written, stderr if none is named. Whole units are shown.
    """

    def __init__(
        self, title: str, total: float, unit: str, done: float = 0, stream: TextIO | None = None
    ) -> None:
        self.title, self.total, self.unit, self.done = title, total, unit, done
        self.stream = stream or sys.stderr
        self.known, self.began = done, monotonic()
        self.due, self.told = self.began + FIRST, False
        self.bar = tqdm(
            desc=title,
            total=round(total),
            initial=round(done),
            unit=unit,
            bar_format=BAR,
            file=self.stream,
            disable=None,  # where it is no terminal
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        self.bar.close()
        if self.told and kind is None:
            self.write(f"{self.title}: {self._count()} after {duration(monotonic() - self.began)}")

    def update(self, units: float = 1, detail: Callable[[], str] = str) -> None:
        """So many more units are done; ``detail`` says, when it is asked, what else is to be told of them."""
        self.done += units
        if not self.bar.disable:
            self.bar.update(round(self.done) - self.bar.n)
        elif monotonic() >= self.due and self.done < self.total:
            self.due, self.told = monotonic() + EVERY, True
            words = [self._count(), detail(), f"{duration(self._left())} left"]
            self.write(f"{self.title}: {', '.join(filter(None, words))}")

    def write(self, line: str) -> None:
        """A line among those of the progress, above a bar."""
        tqdm.write(line, file=self.stream)
        self.stream.flush()

    def _count(self) -> str:
        return f"{self.done:.0f} of {self.total:.0f} {self.unit}"

    def _left(self) -> float:
        """The seconds that the rest takes, at the pace so far."""
        return (monotonic() - self.began) * (self.total - self.done) / max(self.done - self.known, 1e-9)


def track[T](items: Sequence[T], title: str, unit: str) -> Iterator[T]:
    """The items, each counted as done when the next is asked for."""
    return track_iterable(items, len(items), title, unit)


def track_iterable[T](items: Iterable[T], total: int, title: str, unit: str) -> Iterator[T]:
    """As `track`, of ``total`` items that are found one by one."""
    with Progress(title, total, unit) as progress:
        for item in items:
            yield item
            progress.update()


def duration(seconds: float) -> str:
    """``less than 1 min``, ``12 min``, ``3 h 05 min``: seconds for a reader, rounded up to minutes."""
    if seconds < 60:
        return "less than 1 min"
    hours, minutes = divmod(ceil(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"

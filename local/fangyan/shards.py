"""Work divided among the tasks of a job array: each leaves a shard beside the result, then one merges them."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fangyan import files
from fangyan.errors import DataError, UserError


@dataclass(frozen=True)
class Shard:
    """What a process does of divided work: the ``index``-th of ``count`` shards, from 1; at 0 it merges them all."""

    index: int
    count: int

    @classmethod
    def parse(cls, shard: str, merge: int = 0) -> "Shard":
        """The part that ``--shard I/N`` or ``--merge N`` asks for; `UserError` for both, or a shard that is none."""
        index, _, count = shard.partition("/")
        if not (
            shard.isascii() and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)
        ):
            raise UserError(f"--shard is i/n, 2/4 for the second of four shards, got {shard!r}")
        if merge and count != "1":
            raise UserError(
                f"--shard {shard} and --merge {merge} are two steps: first every shard, then the merge"
            )
        return cls(0, merge) if merge else cls(int(index), int(count))

    @property
    def merges(self) -> bool:
        """Whether it merges the shards."""
        return self.index == 0

    def of[T](self, items: Sequence[T]) -> Sequence[T]:
        """The shard of ``items``: every n-th, so that all shards have as much to do."""
        return items[self.index - 1 :: self.count]

    def shards(self) -> list["Shard"]:
        """All shards, in order."""
        return [Shard(index, self.count) for index in range(1, self.count + 1)]

    def folder(self, out: Path) -> Path:
        """Where the shard of the folder ``out`` lies until it is merged."""
        return _shards(out) / f"{self.index}_of_{self.count}"

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard(1, 1)
"""The work of a process that does all of it."""


def produce_sharded(
    out: Path,
    inputs: Mapping[str, object],
    part: Shard,
    build: Callable[[Shard, Path], None],
    merge: Callable[[Sequence[Path], Path], None],
) -> bool:
    """Whether there was something to do for the folder ``out``: all of it, a shard, or to merge the shards.

    ``build(shard, folder)`` writes the files of a shard, ``merge(folders, folder)`` the whole from those of all
    shards, in order; the whole is one shard, merged. Finished work is recognised by ``inputs`` as by `files.produce`.
    """
    if files.is_done(out, inputs):
        discard_shards(out)  # a process may have been killed before it did
        return False
    if part == WHOLE:
        files.produce(out, inputs, partial(_alone, build, merge))
    elif part.merges:
        files.produce(out, inputs, partial(merge, _finished(out, inputs, part)))
    else:
        return files.produce(part.folder(out), inputs, partial(build, part))
    discard_shards(out)
    return True


@dataclass(frozen=True)
class Resumable[T, J: Sized]:
    """Work whose shards are journals of their ``items``: killed, it goes on after the last one written.

    ``what``: its name, ``unit``: what an item is called. ``journal(shard)``: of a shard what is written so far;
    ``extend(journal, items)`` adds what it lacks; ``finish(journals)`` makes the whole of those of all shards.
    """

    what: object
    unit: str
    items: Sequence[T]
    journal: Callable[[Shard], J]
    extend: Callable[[J, Sequence[T]], None]
    finish: Callable[[Sequence[J]], None]

    def run(self, part: Shard) -> bool:
        """Whether there was something to do; `UserError` that names the shard which a merge lacks."""
        if part.merges:
            self.finish([self._whole(shard) for shard in part.shards()])
            return True
        written, due = self.journal(part), part.of(self.items)
        missing = len(written) < len(due)
        if missing:
            self.extend(written, due)
        if part == WHOLE:
            self.finish([written])
        return missing or part == WHOLE

    def _whole(self, shard: Shard) -> J:
        written, due = self.journal(shard), len(shard.of(self.items))
        if len(written) < due:
            raise missing_shard(self.what, shard, f"has {len(written)} of its {due} {self.unit}")
        return written


def _finished(out: Path, inputs: Mapping[str, object], part: Shard) -> list[Path]:
    """The folders of all shards."""
    for shard in part.shards():
        if not files.is_done(shard.folder(out), inputs):
            raise missing_shard(out, shard, "is not finished, or from other inputs")
    return [shard.folder(out) for shard in part.shards()]


def _alone(build: Callable[[Shard, Path], None], merge: Callable, folder: Path) -> None:
    shard = folder / ".shard"
    shard.mkdir()
    build(WHOLE, shard)
    merge([shard], folder)
    shutil.rmtree(shard)


def missing_shard(out: object, shard: Shard, state: str) -> UserError:
    """The error of a merge that lacks a shard."""
    return UserError(f"{out}: shard {shard} {state}: run the same with --shard {shard} again, then merge")


def check_exactly_once[T](where: object, what: str, found: Iterable[T], wanted: Iterable[T]) -> None:
    """Raises a `DataError` where not all that is ``wanted``, and nothing else, was ``found`` once each."""
    here, due = Counter(found), Counter(wanted)
    if here != due:
        odd = min((here - due) + (due - here))
        raise DataError(f"{where}: every {what} is there exactly once, got {odd} {here[odd]} times")


def discard_shards(out: Path) -> None:
    """Removes the shards of the folder ``out``."""
    shutil.rmtree(_shards(out), ignore_errors=True)


def _shards(out: Path) -> Path:
    return out.with_name(f".{out.name}.shards")

"""Checkpoints that are whole, and the progress that is told with each."""

import os
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fangyan.encoders.espnet_patches import saving
from fangyan.errors import DataError
from fangyan.files import atomic
from fangyan.rounding import decimals
from fangyan.training import history

NEWEST, PREVIOUS = "checkpoint.pth", "checkpoint.previous.pth"


@contextmanager
def whole_checkpoints(exp: Path, max_epoch: int, told: Sequence[str]) -> Iterator[None]:
    """While it is open, torch.save is atomic, and each epoch's checkpoint keeps the one before and tells its progress.

    ESPnet writes checkpoints in place: a kill while it does so would leave a broken one. ``told``: the columns of
    history.tsv.
    """

    def whole(value, path, *args, **kwargs):
        with atomic(Path(path)) as temporary:
            with temporary.open("wb") as stream, _its_own_errors():
                save(value, stream, *args, **kwargs)
            _to_disk(temporary)
            if Path(path).name == NEWEST:
                _tell(exp, value["reporter"]["stats"], max_epoch, told)
                if (exp / NEWEST).exists():
                    (exp / NEWEST).replace(exp / PREVIOUS)

    with saving(whole) as save:
        yield


@contextmanager
def _its_own_errors() -> Iterator[None]:
    """While it is open, the error of a stream (a full disk) is not hidden by the one that torch.save makes of it."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def newest_whole(exp: Path) -> bool:
    """Whether there is a checkpoint to go on from; one that cannot be read makes way for the one before.

    A line on stderr says so. `DataError` where neither can be read.
    """
    found = [path for path in (exp / NEWEST, exp / PREVIOUS) if path.exists()]
    for path in found:
        if reason := _damage(path):
            print(f"{path}: cannot be read ({reason})", file=sys.stderr)
            continue
        if path.name == PREVIOUS:
            print(f"going on from {path}, which is the epoch before", file=sys.stderr)
            path.replace(exp / NEWEST)
        return True
    if found:
        raise DataError(
            f"{' and '.join(map(str, found))}: no checkpoint that can be read; remove them to train from the beginning"
        )
    return False


def epochs_told(exp: Path) -> dict[int, dict[str, dict[str, Any]]]:
    """What the newest checkpoint knows of each epoch: epoch -> train, valid -> name -> number."""
    from espnet2.torch_utils.safe_torch_load import safe_torch_load

    return safe_torch_load(exp / NEWEST, map_location="cpu")["reporter"]["stats"]


def _damage(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:  # as torch.save writes; torch.load does not look at checksums
            member = archive.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        return str(error)
    return f"wrong checksum of {member}" if member else ""


def _to_disk(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _tell(exp: Path, stats: Mapping[int, Mapping], max_epoch: int, told: Sequence[str]) -> None:
    """Writes history.tsv and prints one line about the last epoch."""
    rows = history.write(exp, stats, told)
    row = rows[-1]
    left = (max_epoch - row["epoch"]) * sum(r["seconds"] for r in rows) / len(rows) / 60
    numbers = "  ".join(f"{name} {decimals(row[name], 3)}" for name in told[1:-1] if row[name] != "")
    print(
        f"epoch {row['epoch']}/{max_epoch}  {numbers}  {decimals(row['seconds'], 0)} s  {decimals(left, 1)} min left",
        flush=True,
    )

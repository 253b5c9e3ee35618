"""Checkpoints that are whole, and the progress that is told with each."""

import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fangyan.errors import DataError
from fangyan.files import atomic, write_table

NEWEST, PREVIOUS, TOLD = "checkpoint.pth", "checkpoint.previous.pth", "history.tsv"
HISTORY = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "valid_cer_ctc", "seconds")
"""What is told of an epoch. Each number is the mean over batches weighted by their utterances, of all ranks.

``loss``: what is minimised, of a batch the mean over its utterances (with ``length_normalized_loss`` the decoder's part
is that over its tokens), whatever ``accum_grad``; in training with noise and dropout, while weights still change, on
the development set by the weights at the end. ``acc``: the share of a batch's tokens that the decoder finds, given
those before. ``cer_ctc``: errors over characters of a batch by the best path of CTC, on the development set alone.
These two are not quite what they would be over all tokens at once. ``seconds``: of the clock, without plots and files.
"""


@contextmanager
def whole_checkpoints(exp: Path, max_epoch: int) -> Iterator[None]:
    """While it is open, torch.save is atomic, and each epoch's checkpoint keeps the one before and tells its progress.

    ESPnet writes checkpoints in place: a kill while it does so would leave a broken one.
    """
    import torch

    save = torch.save

    def whole(value, path, *args, **kwargs):
        with atomic(Path(path)) as temporary:
            with temporary.open("wb") as stream, _its_own_errors():
                save(value, stream, *args, **kwargs)
            _to_disk(temporary)
            if Path(path).name == NEWEST:
                _tell(exp, value["reporter"]["stats"], max_epoch)
                if (exp / NEWEST).exists():
                    (exp / NEWEST).replace(exp / PREVIOUS)

    torch.save = whole
    try:
        yield
    finally:
        torch.save = save


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


def write_history(exp: Path, stats: Mapping[int, Mapping]) -> list[dict[str, Any]]:
    """The rows of history.tsv, written: one for each epoch of what a checkpoint knows."""
    rows = [_epoch_row(epoch, by_role) for epoch, by_role in sorted(stats.items())]
    write_table(exp / TOLD, rows, HISTORY)
    return rows


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


def _tell(exp: Path, stats: Mapping[int, Mapping], max_epoch: int) -> None:
    """Writes history.tsv and prints one line about the last epoch."""
    rows = write_history(exp, stats)
    row = rows[-1]
    left = (max_epoch - row["epoch"]) * sum(r["seconds"] for r in rows) / len(rows) / 60
    numbers = "  ".join(f"{name} {row[name]:.3f}" for name in HISTORY[1:-1] if row[name] != "")
    print(
        f"epoch {row['epoch']}/{max_epoch}  {numbers}  {row['seconds']:.0f} s  {left:.1f} min left",
        flush=True,
    )


def _epoch_row(epoch: int, by_role: Mapping[str, Mapping]) -> dict[str, Any]:
    def value(role: str, name: str) -> float | str:
        return by_role.get(role, {}).get(name, "")

    def seconds(role: str) -> float:
        return float(by_role.get(role, {}).get("time", {}).get("__timedelta_seconds__", 0.0))

    row = {
        f"{role}_{name}": value(role, name)
        for role in ("train", "valid")
        for name in ("loss", "acc", "cer_ctc")
    }
    return {"epoch": epoch, "seconds": seconds("train") + seconds("valid")} | row

"""Checkpoints that are whole, and the progress that is told with each."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fangyan.files import write_table

HISTORY = ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "valid_cer_ctc", "seconds")


@contextmanager
def whole_checkpoints(exp: Path, max_epoch: int) -> Iterator[None]:
    """While it is open, torch.save is atomic, and each epoch's checkpoint also tells its progress.

    ESPnet writes checkpoints in place: a kill while it does so would leave a broken one.
    """
    import torch

    save = torch.save

    def whole(value, path, *args, **kwargs):
        temporary = Path(path).with_suffix(".partial")
        save(value, temporary, *args, **kwargs)
        if Path(path).name == "checkpoint.pth":
            _tell(exp, value["reporter"]["stats"], max_epoch)
        temporary.replace(path)

    torch.save = whole
    try:
        yield
    finally:
        torch.save = save


def _tell(exp: Path, stats: Mapping[int, Mapping], max_epoch: int) -> None:
    """Writes history.tsv and prints one line about the last epoch."""
    rows = [_epoch_row(epoch, by_role) for epoch, by_role in sorted(stats.items())]
    write_table(exp / "history.tsv", rows, HISTORY)
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

"""Checkpoints as torch pickles them, read for their tensors: what else stands in them is refused, and never run."""

from collections.abc import Sequence
from pathlib import Path

from fangyan.errors import DataError, trouble


def read_weights(
    checkpoint: Path, under: str = "", records: Sequence[type] = (), device: str = "cpu"
) -> dict:
    """The tensors of a checkpoint by name; `DataError` for anything else in it, of which nothing is run.

    ``under``: the key that they stand under, beside others; ``records``: classes of plain values that may stand there;
    ``device``: of ``meta`` the tensors have their shapes alone, and no numbers are read.
    """
    import torch

    try:
        with torch.serialization.safe_globals(list(records)):
            whole = torch.load(checkpoint, map_location=device, weights_only=True)
        found = whole[under] if under else whole
        if not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in found.items()):
            raise ValueError("it holds more than tensors by name")
        return found
    except Exception as error:  # of whatever kind: any bytes may stand there
        if isinstance(error, OSError) and trouble(error):
            raise
        why = str(error).strip().partition("\n")[0] or "it ends early"
        raise DataError(f"{checkpoint}: not a whole checkpoint of plain tensors ({why})") from None

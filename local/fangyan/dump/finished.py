"""Finished archives: what tells them from others, whether they are still whole, and the matrices in them."""

import struct
from pathlib import Path

import numpy as np

from fangyan import journal
from fangyan.dump.archive import ARK, SCP, Record, checksum
from fangyan.errors import DataError
from fangyan.files import fingerprint


def identity(home: Path, layer: str) -> str:
    """A fingerprint of a finished layer: by its journal, or by its content where that was made elsewhere."""
    told = [(r.ids, r.sizes[layer], r.checksums[layer]) for r in _written(home, layer)]
    return fingerprint(home / layer / SCP, told) if told else fingerprint(home / layer)


def check(home: Path, layer: str) -> None:
    """Nothing; `DataError` where the archive of a finished layer is not as its journal says, if it has one."""
    written = _written(home, layer)
    if not written:
        return
    try:
        with (home / layer / ARK).open("rb") as ark:
            whole = all(
                checksum([(ark.read(size),) for size in record.sizes[layer]]) == record.checksums[layer]
                for record in written
            ) and not ark.read(1)
    except FileNotFoundError:
        whole = False
    if not whole:
        raise DataError(
            f"{home / layer / ARK}: damaged, it is not what the stage dump wrote: remove {home}, then run dump again"
        )


def load(folder: Path, key: str, place: str) -> np.ndarray:
    """The (T, d) matrix of an utterance at its ``place`` in an index; `DataError` where nothing is readable there.

    The archive is looked for in ``folder``, beside its index, wherever both were moved to.
    """
    import kaldiio

    here = folder / Path(place).name
    try:
        return kaldiio.load_mat(f"{here}")
    except (OSError, ValueError, RuntimeError, AssertionError, struct.error):
        raise DataError(f"{here}: no whole matrix there for {key}: make these features again") from None


def _written(home: Path, layer: str) -> list[Record]:
    """What the journal of finished archives says of a layer; nothing where there is none."""
    file = home / journal.NAME
    try:
        written = [Record(**fields) for fields in journal.records(file)] if file.exists() else []
    except (ValueError, TypeError):
        raise DataError(f"{file}: damaged: remove {home}, then run dump again") from None
    return [record for record in written if layer in record.sizes]

"""Finished archives: what tells them from others, whether they are still whole, and the matrices in them."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fangyan import journal
from fangyan.data.datadir import read_map
from fangyan.errors import DataError
from fangyan.features.archive import ARK, SCP, Batch, checksum, offsets
from fangyan.files import fingerprint


def identity(home: Path, layer: str) -> str:
    """A fingerprint of a finished layer: by its journal, or by its content where that was made elsewhere."""
    told = [(r.ids, r.sizes[layer], r.checksums[layer]) for r in _written(home, layer)]
    return fingerprint(home / layer / SCP, told) if told else fingerprint(home / layer)


def layers(home: Path) -> list[str]:
    """The layers of finished archives in the order that the encoder gave; nothing where that was not recorded."""
    return list(next((record.sizes for record in _records(home)), ()))


def check_archives(home: Path, layer: str) -> None:
    """Raises `DataError` where archive or index of a finished layer are not as its journal says, if it has one.

    An index may have fewer utterances, or others that somebody added.
    """
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
    due = {key: f"{ARK}:{offset}" for key, offset in offsets(written, layer)}
    for key, place in read_map(home / layer / SCP).items():
        if due.get(key, Path(place).name) != Path(place).name:
            raise DataError(
                f"{home / layer / SCP}: {key} is at {due[key]}, got {place}: remove {home}, then run dump again"
            )


def load(folder: Path, key: str, place: str) -> np.ndarray:
    """The (T, d) matrix of an utterance at its ``place`` in an index; `DataError` where nothing is readable there.

    The archive is looked for in ``folder``, beside its index, wherever both were moved to. A command is never run.
    """
    import kaldiio

    here = folder / Path(place).name
    if "|" in here.name:
        raise DataError(f"{folder / SCP}: a place is FILE:OFFSET, got {place!r} for {key}")
    try:
        return kaldiio.load_mat(f"{here}")
    except (OSError, ValueError, RuntimeError, AssertionError, struct.error):
        raise DataError(f"{here}: no whole matrix there for {key}: make these features again") from None


def _written(home: Path, layer: str) -> list[Batch]:
    """What the journal of finished archives says of a layer; nothing where there is none."""
    return [record for record in _records(home) if layer in record.sizes]


def _records(home: Path) -> Iterator[Batch]:
    """The batches in the journal of finished archives; none where there is no journal."""
    file = home / journal.NAME
    if not file.exists():
        return
    try:
        for fields in journal.records(file):
            yield Batch(**fields)
    except (ValueError, TypeError, AttributeError):
        raise DataError(f"{file}: damaged: remove {home}, then run dump again") from None

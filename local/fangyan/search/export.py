"""An index as a table that other programs read: Parquet, a row a recording, one group of rows in memory at a time."""

from itertools import batched
from math import ceil
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from fangyan.errors import UserError
from fangyan.files import atomic
from fangyan.progress import track_iterable
from fangyan.search import AT_ONCE, Entry, Index

SUFFIX = ".parquet"
SAID = {
    "id": pa.string(),
    "wav": pa.string(),
    "start": pa.float64(),
    "end": pa.float64(),
    "variety": pa.string(),
    "text": pa.string(),
    "text_cmn": pa.string(),
}
"""The columns that are fields of an entry."""


def export(folder: Path, out: Path) -> int:
    """Writes ``out``, whole or not at all: the recordings of an index that none replaces; returns their number.

    Beside `SAID` a ``mean`` of d and ``frames`` of T x d float32 numbers, L2-normalised: of more bytes than an index
    has, for few programs read half precision. `UserError` for another suffix.
    """
    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: an index is written as {SUFFIX}, got {out.suffix or 'no suffix'}")
    index = Index(folder)
    vector = pa.list_(pa.float32(), index.dimension)
    schema = pa.schema([*SAID.items(), ("mean", vector), ("frames", pa.list_(vector))])
    groups = batched(index.live_entries(), AT_ONCE)
    with atomic(out) as temporary, ParquetWriter(temporary, schema) as writer:
        for group in track_iterable(groups, ceil(len(index.live) / AT_ONCE), "export", "groups"):
            writer.write_table(_group(index, group, schema))
    return len(index.live)


def _group(index: Index, records: tuple[tuple[int, Entry], ...], schema: pa.Schema) -> pa.Table:
    rows, entries = zip(*records, strict=True)
    frames, lengths = index.units(rows)
    starts = np.concatenate([[0], np.cumsum(lengths.numpy())]).astype(np.int32)
    said = [pa.array([getattr(entry, name) for entry in entries], kind) for name, kind in SAID.items()]
    mean = _vectors(np.array(index.means[list(rows)]))
    return pa.Table.from_arrays(
        [*said, mean, pa.ListArray.from_arrays(starts, _vectors(frames.numpy()))], schema=schema
    )


def _vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])

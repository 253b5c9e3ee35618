"""An index as a table of Parquet: a row a recording, one group of rows in memory at a time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from fangyan.errors import UserError
from fangyan.files import atomic
from fangyan.search.export.groups import FIELDS, Group, groups
from fangyan.search.index import Index

SUFFIX = ".parquet"
KINDS = {str: pa.string(), float: pa.float64()}


def write(index: Index, out: Path) -> None:
    """Writes the table ``out``, whole or not at all.

    Beside `FIELDS` a ``mean`` of d and ``frames`` of T x d float32 numbers, L2-normalised: of more bytes than an index
    has, for few programs read half precision. `UserError` for another suffix.
    """
    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: a table is written as {SUFFIX}, got {out.suffix or 'no suffix'}")
    vector = pa.list_(pa.float32(), index.dimension)
    fields = {name: KINDS[kind] for name, kind in FIELDS.items()}
    schema = pa.schema(fields | {"mean": vector, "frames": pa.list_(vector)})
    with atomic(out) as temporary, ParquetWriter(temporary, schema) as writer:
        for group in groups(index):
            writer.write_table(_table(group, schema))


def _table(group: Group, schema: pa.Schema) -> pa.Table:
    starts = np.concatenate([[0], np.cumsum(group.lengths)]).astype(np.int32)
    said = [
        pa.array([getattr(entry, name) for entry in group.entries], KINDS[kind])
        for name, kind in FIELDS.items()
    ]
    frames = pa.ListArray.from_arrays(starts, _vectors(group.frames))
    return pa.Table.from_arrays([*said, _vectors(group.means), frames], schema=schema)


def _vectors(rows: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])

"""An index as other programs read it, in a form of `FORMS`: a table of Parquet, PLAID, a collection of Qdrant."""

from pathlib import Path

from fangyan.registry import Registry
from fangyan.search.index import Index

DEFAULT = "parquet"
FORMS = Registry(
    "form of an exported index",
    "fangyan.exports",
    {
        DEFAULT: "fangyan.search.export.parquet:write",
        "plaid": "fangyan.search.export.plaid:write",
        "qdrant": "fangyan.search.export.qdrant:write",
    },
)
"""Name -> what writes an `Index` to a path, whole or not at all."""


def export(folder: Path, out: Path, to: str = DEFAULT) -> int:
    """Writes ``out`` in the form ``to``: the recordings of an index that none replaces, in order; their number.

    `UserError` for a form that is unknown, and for what a form cannot hold.
    """
    write = FORMS.load(to)
    index = Index(folder)
    write(index, out)
    return len(index.live)

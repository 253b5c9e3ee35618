"""Of which variety each recording of an index is, as numbers: derived from the entries, so that no search reads all.

``varieties.npz``: ``names``, and of each recording the place of its variety among them. It is made longer whenever
recordings are added. What it lacks, or all where it cannot be read, is looked up in the entries.
"""

import zipfile

import numpy as np

from fangyan.files import atomic
from fangyan.search.index import Index

FILE = "varieties.npz"
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
NONE = np.empty(0, np.str_), np.empty(0, np.int32)


def read(index: Index) -> tuple[np.ndarray, np.ndarray]:
    """The names (n,) of varieties, '' for none, and of each of N recordings its place among them, (N,)."""
    names, codes = _derived(index)
    known = {str(name): n for n, name in enumerate(names)}
    rest = [known.setdefault(entry.variety, len(known)) for entry in index.entries(len(codes))]
    return np.array([*known], dtype=np.str_), np.concatenate([codes, np.array(rest, np.int32)])


def extend(index: Index) -> None:
    """Writes what the file lacks, where it lacks anything."""
    if len(_derived(index)[1]) == len(index):
        return
    names, codes = read(index)
    with atomic(index.folder / FILE) as temporary:
        np.savez(temporary, names=names, codes=codes)


def _derived(index: Index) -> tuple[np.ndarray, np.ndarray]:
    """What the file has; nothing where it is not that of this index."""
    try:
        with np.load(index.folder / FILE, allow_pickle=False) as found:
            names, codes = found["names"], found["codes"]
    except UNREADABLE:
        return NONE
    of_names = names.ndim == 1 and names.dtype.kind == "U"
    of_rows = codes.ndim == 1 and codes.dtype == np.int32 and len(codes) <= len(index)
    return (names, codes) if of_names and of_rows and np.isin(codes, np.arange(len(names))).all() else NONE

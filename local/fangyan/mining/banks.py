"""What is mined: recordings of an index, those of some varieties, or sentences; known by their place in a bank."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path

import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.encoders import teacher_identity
from fangyan.errors import UserError, known_names
from fangyan.features.embedding import read_texts
from fangyan.features.layers import layer_name
from fangyan.files import fingerprint
from fangyan.search import Entry, Index, Searchable

STRETCH = np.dtype([("file", "<u8"), ("start", "<f8"), ("end", "<f8")])
"""Where a recording lies: 64 bits that stand for its file, and seconds in it; to the end of the file is infinite."""


@dataclass(frozen=True, eq=False)
class Bank:
    """One side of what is mined; its length is the number of its recordings, or of its sentences.

    ``rows``: those of them in ``index``; ``stretches``: (n,) `STRETCH`, of which two of one file may overlap;
    ``identity``: decides all that is read of it.
    """

    index: Searchable
    rows: np.ndarray
    stretches: np.ndarray
    identity: str

    def __len__(self) -> int:
        return len(self.rows)

    def means(self, start: int, stop: int) -> np.ndarray:
        """(n, d) float32, L2-normalised, of the places from ``start`` to before ``stop``: no others are read."""
        return self.index.means_at(self.rows[start:stop])

    def units(self, places: Sequence[int] | np.ndarray):
        """The L2-normalised frames at ``places`` end to end, (sum of T, d), and T of each."""
        return self.index.units(self.rows[places].tolist())

    def entry(self, place: int) -> Entry | Utterance:
        """What is known of a recording; of a sentence an `Utterance` without one."""
        return self.index.entry(int(self.rows[place]))


def stretch(wav: str, start: float, end: float | None) -> tuple[int, float, float]:
    """The `STRETCH` of a recording."""
    file = int.from_bytes(blake2b(wav.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")
    return file, start, np.inf if end is None else end


def overlapping(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Whether each stretch of ``a`` shares some of its recording with its counterpart of ``b``."""
    return (a["file"] == b["file"]) & (a["start"] < b["end"]) & (b["start"] < a["end"])


def recordings(index: Index, varieties: Sequence[str], option: str) -> Bank:
    """The recordings of an index that are of the ``varieties`` (none: all); `UserError` by ``option`` without any."""
    kept, known, digest = np.zeros(len(index), bool), set(), sha256()
    kept[index.live] = True
    stretches = np.zeros(len(index), STRETCH)
    for row, entry in enumerate(index.entries()):
        known.add(entry.variety)
        kept[row] &= not varieties or entry.variety in varieties
        if kept[row]:
            stretches[row] = stretch(*entry.place)
            digest.update(f"{row} {entry.place} {entry.version} {entry.variety}\n".encode(errors="replace"))
    for variety in {*varieties} - known:
        raise UserError(
            f"--{option} {variety}: not in {index.folder}: {known_names(variety, sorted(known - {''}))}"
        )
    if not kept.any():
        raise UserError(f"{index.folder}: an index without recordings: add some with `fangyan index`")
    rows = np.flatnonzero(kept)
    return Bank(index, rows, stretches[rows], digest.hexdigest())


def sentences(lines: Path, index: Index) -> Bank:
    """The sentences of a file, one a line, by the text side of the encoder of an index of the layer joint.

    A sentence is no part of any recording: it may be in many pairs.
    """
    from fangyan.search.memory import MemoryIndex

    texts = list(read_texts((), lines))
    vectors = index.text_side().embed_text(texts)[:, None]
    found = [Utterance(text, "", text, "", "", "", text_cmn=text) for text in texts]
    stretches = np.zeros(len(texts), STRETCH)
    identity = fingerprint(texts, teacher_identity(index.settings.spec))
    return Bank(
        MemoryIndex(found, dict(zip(texts, vectors, strict=True))), np.arange(len(texts)), stretches, identity
    )


def check_comparable(source: Index, target: Index) -> None:
    """`UserError` where two indexes are not of one encoder at one layer.

    Frames may be kept in two forms: both are compared as they are decoded.
    """
    for what in ("identity", "layer", "dimension"):
        if getattr(source.settings, what) != getattr(target.settings, what):
            both = [f"{x.settings.spec} at {layer_name(x.settings.layer)}" for x in (source, target)]
            raise UserError(
                f"{target.folder}: mined are two indexes of one encoder and layer, got {both[1]}, and {both[0]} in "
                f"{source.folder}: make one of them again"
            )

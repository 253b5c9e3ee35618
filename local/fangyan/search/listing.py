"""Hits as lines: a table of tabs for programs, or one within the columns of a terminal for readers."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fangyan.rounding import decimals
from fangyan.terminal import COLUMNS, shorten, table, width

if TYPE_CHECKING:
    from fangyan.search import Hit

HEADER = ("query", "rank", "f1", "precision", "recall", "cosine", "variety", "id", "text", "text_cmn", "wav")
SHOWN = ("rank", "score", "variety", "what is said, or the file")


def tab_separated(found: "Mapping[str, Sequence[Hit]]") -> Iterator[str]:
    """A header, and a line a hit with all that is known of it."""
    yield "\t".join(HEADER)
    for query, hits in found.items():
        for rank, hit in enumerate(hits, 1):
            scores = (decimals(score, 4) for score in (hit.f1, hit.precision, hit.recall, hit.cosine))
            entry = hit.entry
            described = (entry.variety, entry.id, entry.text, entry.text_cmn, entry.wav)
            yield "\t".join([query, str(rank), *scores, *described])


def for_readers(found: "Mapping[str, Sequence[Hit]]", columns: int = COLUMNS) -> Iterator[str]:
    """The query of each table, and the table; the score is SeqSim F1."""
    for query, hits in found.items():
        yield shorten(query, columns, keep_end=True)
        if not hits:
            yield "  nothing else is in the index"
            continue
        rows = [(f"{rank}", decimals(hit.f1, 3), hit.entry.variety) for rank, hit in enumerate(hits, 1)]
        taken = sum(max(width(row[n]) for row in (SHOWN, *rows)) + 2 for n in range(3))
        what = [_what(hit, columns - taken - 2) for hit in hits]
        lines = table(SHOWN, [(*row, said) for row, said in zip(rows, what, strict=True)], numbers=(0, 1))
        yield "\n".join(f"  {line}" for line in lines.splitlines())


def _what(hit: "Hit", columns: int) -> str:
    """What is said in the recording where that is known, else its file."""
    if text := hit.entry.text or hit.entry.text_cmn:
        return shorten(" ".join(text.split()), columns)
    near = os.path.relpath(hit.entry.wav)
    return shorten(min(near, hit.entry.wav, key=len), columns, keep_end=True)

"""Text in columns, as a terminal shows it: East Asian characters are two columns wide."""

from collections.abc import Sequence
from unicodedata import combining, east_asian_width

COLUMNS = 80
"""What tables for a terminal fit in."""
CUT = "…"


def width(text: str) -> int:
    """The columns that a text takes: 2 for wide and full-width characters, 0 for combining marks, else 1."""
    return sum(0 if combining(char) else 1 + (east_asian_width(char) in "WF") for char in text)


def pad(text: str, columns: int, right: bool = False) -> str:
    """The text with spaces after it, or before it to stand on the ``right``, so that it takes so many columns."""
    space = " " * (columns - width(text))
    return space + text if right else text + space


def shorten(text: str, columns: int, keep_end: bool = False) -> str:
    """The text, or its beginning (of a path better its end) and a mark, in at most so many columns."""
    if width(text) <= columns:
        return text
    kept = text[::-1] if keep_end else text
    while width(kept) > columns - width(CUT):
        kept = kept[:-1]
    return CUT + kept[::-1] if keep_end else kept + CUT


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of a line a row, two spaces between columns; the columns at ``numbers`` stand on the right."""
    grid = [header, *rows]
    widths = [max(map(width, column)) for column in zip(*grid, strict=True)]
    return "\n".join(
        "  ".join(pad(cell, widths[n], n in numbers) for n, cell in enumerate(row)).rstrip() for row in grid
    )

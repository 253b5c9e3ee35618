"""Comparable results: what an experiment submits, as one JSON, and the submissions of many as one table.

    exp/<tag>, data/<set> -> submission.json of each encoder -> leaderboard

Two results can be compared where the same was asked of the same recordings: where protocol and corpus are equal. The
corpus is known by what does not depend on where it lies: ids, varieties, sentences and durations, no paths.
"""

from collections.abc import Sequence
from pathlib import Path

from fangyan.leaderboard import board
from fangyan.leaderboard.submission import read
from fangyan.report.render import page

__all__ = ["leaderboard"]


def leaderboard(files: Sequence[Path], out: Path | None = None) -> board.Board:
    """The submissions of ``files`` side by side; with ``out``, ``leaderboard.html`` and ``LEADERBOARD.md`` there.

    A file that is named twice counts once. `DataError` for one that is malformed, with file, key and rule, and for two
    that cannot be compared, with what differs.
    """
    once = {path.resolve(): path for path in reversed(files)}
    found = board.Board.of([(path, read(path)) for path in reversed(once.values())])
    if out:
        page.write(board.page(found), out / board.HTML, out / "LEADERBOARD.md")
    return found

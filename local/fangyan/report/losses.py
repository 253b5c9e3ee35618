"""What a written RESULTS.md shows and one in its place would not: no fuller report is lost to an emptier one."""

from collections.abc import Iterator
from pathlib import Path

from fangyan.errors import UserError
from fangyan.files import read_text
from fangyan.report.sections import parts

SCORES = ("R@1", "CER")


def check_fuller(path: Path, text: str) -> None:
    """Raises `UserError` where the report ``path`` is there and shows what ``text`` would not."""
    if path.exists() and (lost := list(losses(read_text(path), text))):
        raise UserError(
            f"{path}: shows {', '.join(lost)}, and nothing of that is found any more: run the stages that made it "
            f"again (decode, measure, report), or move {path.name} away to have a report without"
        )


def losses(old: str, new: str) -> Iterator[str]:
    """Scores of the test sets that both list; where ``new`` lists all of them, also sections with a table or figure."""
    before, after = _scores(old), _scores(new)
    for name in (name for name in before if name in after):
        yield from (f"{score} of {name}" for score in SCORES if score in before[name] - after[name])
    if before.keys() <= after.keys():
        there = _sections(new)
        yield from (f"{title!r}" for title in _sections(old) if title in parts() and title not in there)


def _scores(text: str) -> dict[str, set[str]]:
    """Which of `SCORES` the table at the head has of each test set: R@1 in its first row, for baselines stand below."""
    head = text.partition("\n## ")[0]
    header, *rows = [line.strip("|").split("|") for line in head.splitlines() if line.startswith("| ")] or [
        []
    ]
    columns = [cell.strip() for cell in header]
    found: dict[str, set[str]] = {}
    for row in rows:
        cells = dict(zip(columns, map(str.strip, row), strict=False))
        name = cells.get("test set", "")
        asked = SCORES if name not in found else SCORES[1:]
        found.setdefault(name, set()).update(score for score in asked if cells.get(score, "")[:1].isdigit())
    return {name: scores for name, scores in found.items() if not set(name) <= set("-")}


def _sections(text: str) -> list[str]:
    """The titles of the sections that have a table or a figure."""
    sections = [part.partition("\n") for part in text.split("\n## ")[1:]]
    return [title for title, _, body in sections if "\n|" in body or "\n![" in body]

"""What a written RESULTS.md shows and one in its place would not: no fuller report is lost to an emptier one.

What it was made from is recorded beside it, folder by folder; its text tells as well, without that record.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from fangyan.errors import UserError
from fangyan.files import read_text

SCORES = ("R@1", "CER")


RUN = ("history.tsv", "train.json")
"""What a training leaves in an experiment itself."""


def parts_of(files: Iterable[Path], exp: Path, sets: Collection[str]) -> list[str]:
    """What of an experiment its results ``files`` are of: folders of ``sets``, of no set, and what training left."""
    return sorted({part for file in files if (part := _part(file.relative_to(exp), sets))})


def _part(file: Path, sets: Collection[str]) -> str:
    *folders, name = file.parts
    ends = [n for n, folder in enumerate(folders, 1) if folder in sets]
    if ends:
        return "/".join(folders[: ends[0]])
    return folders[0] if len(folders) == 1 else name if name in RUN and not folders else ""


def check_there(path: Path, before: Mapping, now: Collection[str], sets: Collection[str]) -> None:
    """Raises `UserError` where the report ``path`` is there, made from parts that are not there ``now``.

    ``before``: the record of what it was made from. Of a set that is not among ``sets``, which are asked for, nothing
    is missed.
    """
    earlier = {before["asked"]["dev"], *before["asked"]["test"]} if "parts" in before else set()
    not_asked = earlier - {*sets}
    parts = [part for part in before.get("parts", ()) if part not in now]
    _refuse(path, [part for part in parts if part.rpartition("/")[2] not in not_asked])


def check_fuller(path: Path, text: str) -> None:
    """Raises `UserError` where the report ``path`` is there and shows what ``text`` would not."""
    _refuse(path, losses(read_text(path), text) if path.exists() else ())


def _refuse(path: Path, lost: Iterable[str]) -> None:
    if path.exists() and (lost := list(lost)):
        raise UserError(
            f"{path}: shows {', '.join(lost)}, and nothing of that is found any more: run the stages that made it "
            f"again (decode, measure, report), or move {path.name} away to have a report without"
        )


def losses(old: str, new: str) -> Iterator[str]:
    """Scores of the test sets that both list; where ``new`` lists all of them, also sections with a table or figure."""
    from fangyan.report.sections import parts

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

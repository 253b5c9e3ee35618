"""What an experiment folder holds of explained hits and misses, read strictly: `measure.explain` says what it means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.errors import DataError
from fangyan.measure.explain import Answer, CharacterRow
from fangyan.tables import read_rows, read_sets

ANSWERS = {("hit", "right"), ("miss", "wrong"), ("miss", "right")}
"""What is explained: of a hit the right answer, of a miss what won and what should have."""


@dataclass(frozen=True)
class Explanation:
    """An answer, its picture, and its characters (none where CTC did not find them)."""

    answer: Answer
    image: Path
    characters: Sequence[CharacterRow]


def read(folder: Path, sets: Sequence[str]) -> dict[str, list[Explanation]]:
    """The explanations of each of ``sets`` that has some, in ``folder/<set>``, the most telling hit and miss first.

    Raises `DataError` for malformed tables and missing pictures.
    """
    return {
        name: [_explanation(folder / name, answer) for answer in answers]
        for name, answers in read_sets(folder, sets, "telling.tsv", Answer).items()
    }


def _explanation(folder: Path, answer: Answer) -> Explanation:
    if (answer.kind, answer.answer) not in ANSWERS:
        known = ", ".join(" ".join(pair) for pair in sorted(ANSWERS))
        raise DataError(
            f"{folder / 'telling.tsv'}: kind and answer are {known}, got {answer.kind} {answer.answer}"
        )
    image = folder / answer.folder / "similarity.png"
    if not image.exists():
        raise DataError(f"{image}: no such file, though telling.tsv names its folder: explain again")
    return Explanation(answer, image, read_rows(image.with_name("characters.tsv"), CharacterRow))

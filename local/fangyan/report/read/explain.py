"""What an experiment folder holds of explained hits and misses, read strictly: `measure.explain` says what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fangyan.corpora.common.licences import describe
from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.data.sources import origins
from fangyan.errors import DataError
from fangyan.measure.explain import Answer, CharacterRow
from fangyan.tables import read_rows, read_sets

ANSWERS = {("hit", "right"), ("miss", "wrong"), ("miss", "right")}
"""What is explained: of a hit the right answer, of a miss what won and what should have."""


@dataclass(frozen=True)
class Explanation:
    """An answer, its picture, its characters (none where CTC did not find them), and who says what in it."""

    answer: Answer
    image: Path
    characters: Sequence[CharacterRow]
    utterances: Mapping[str, Utterance] = field(
        default_factory=dict
    )  # query and candidate by id, where known
    terms: str = ""  # under which its recordings may be handed on; empty where they may not


def read(folder: Path, sets: Sequence[str], data: Path | None = None) -> dict[str, list[Explanation]]:
    """The explanations of each of ``sets`` that has some, in ``folder/<set>``, the most telling hit and miss first.

    ``data``: folder of the data directories, which know what is said; None: that stays unknown. Raises `DataError` for
    malformed tables and missing pictures.
    """
    return {
        name: _read(folder / name, answers, data / name if data else None)
        for name, answers in read_sets(folder, sets, "telling.tsv", Answer).items()
    }


def terms(data: Path) -> str:
    """``mini_sinitic, Apache-2.0``, the corpora of a data directory and their licences; empty where one forbids it."""
    corpora = [describe(name) for name in sorted({origin.corpus for origin in origins(data)})]
    if not all(corpus.licence.allows_recordings for corpus in corpora):
        return ""
    return "; ".join(f"{corpus.name}, {corpus.licence.name}" for corpus in corpora)


def _read(folder: Path, answers: Sequence[Answer], data: Path | None) -> list[Explanation]:
    wanted = {key for answer in answers for key in (answer.query, answer.candidate)}
    utterances = {u.id: u for u in datadir.read(data) if u.id in wanted} if data else {}
    allowed = terms(data) if data else ""
    return [_explanation(folder, answer, utterances, allowed) for answer in answers]


def _explanation(
    folder: Path, answer: Answer, utterances: Mapping[str, Utterance], allowed: str
) -> Explanation:
    if (answer.kind, answer.answer) not in ANSWERS:
        known = ", ".join(" ".join(pair) for pair in sorted(ANSWERS))
        raise DataError(
            f"{folder / 'telling.tsv'}: kind and answer are {known}, got {answer.kind} {answer.answer}"
        )
    image = folder / answer.folder / "similarity.png"
    if not image.exists():
        raise DataError(f"{image}: no such file, though telling.tsv names its folder: explain again")
    characters = read_rows(image.with_name("characters.tsv"), CharacterRow)
    return Explanation(answer, image, characters, utterances, allowed)

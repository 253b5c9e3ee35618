"""Which corpora a data directory was made of, and how much of each variety they gave."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fangyan.data import datadir, durations
from fangyan.data.columns import CORPORA, reference
from fangyan.data.datadir import Utterance
from fangyan.data.entries import read_map
from fangyan.files import DONE

UNKNOWN = ""
"""The corpus of a data directory that was not prepared here."""


@dataclass(frozen=True)
class Origin:
    """What one corpus gave of one variety."""

    corpus: str
    variety: str
    utterances: int
    speakers: int
    hours: float


def origins(data: Path) -> list[Origin]:
    """What each corpus gave of each variety, sorted; the corpus is `UNKNOWN` where nothing tells it."""
    parts: dict[tuple[str, str], list[Utterance]] = {}
    corpus_of = _corpus_of(data)
    for utterance in durations.measured(datadir.read(data, datadir.SPOKEN)):
        corpus = corpus_of(utterance.id)
        parts.setdefault((corpus, utterance.variety), []).append(utterance)
    return list(_counted(parts))


def corpora(data: Path) -> list[str]:
    """The corpora of a data directory, sorted; `UNKNOWN` where nothing tells it."""
    return sorted({*map(_corpus_of(data), read_map(reference(data)))})


def _corpus_of(data: Path) -> Callable[[str], str]:
    """What says of the id of an utterance its corpus: the ids of a mixture begin with it."""
    if (data / CORPORA).exists():
        return lambda key: key.partition("-")[0]
    whole = _corpus(data)
    return lambda key: whole


def _counted(parts: dict[tuple[str, str], list[Utterance]]) -> Iterator[Origin]:
    for (corpus, variety), of in sorted(parts.items()):
        hours = round(sum(u.duration for u in of) / 3600, 3)
        yield Origin(corpus, variety, len(of), len({u.speaker for u in of}), hours)


def _corpus(data: Path) -> str:
    """The corpus that a data directory was prepared from, as its stamp has it."""
    try:
        return json.loads((data / DONE).read_text(encoding="utf-8")).get("corpus", UNKNOWN)
    except (OSError, ValueError):
        return UNKNOWN

"""How well each sentence is found, read off the ranks of single queries: `measure.retrieval` says what a rank is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fangyan.data import datadir
from fangyan.errors import DataError
from fangyan.measure.significance import read_ranks


@dataclass(frozen=True)
class SentenceScore:
    """The means over all ``n`` queries of a sentence, whatever the pair of varieties; fractions in [0, 1]."""

    id: str
    text: str  # the Mandarin wording; empty where it is not known
    n: int
    recall_at_1: float
    mrr: float
    chance: float


def read(
    retrieval: Path, sets: Sequence[str], layer: str | None, data: Path | None
) -> dict[str, list[SentenceScore]]:
    """The sentences of each of ``sets`` that has ranks in ``retrieval/<set>``, hardest first; none without a layer.

    ``data``: folder of the data directories, which have the wording; None: it stays unknown. Raises `DataError` for
    malformed ranks and data directories, and for ranks that lack ``layer``.
    """
    ranked = [name for name in sets if (retrieval / name / "ranks.tsv").exists()] if layer else []
    return {
        name: _read(retrieval / name / "ranks.tsv", layer, _wording(data / name) if data else {})
        for name in ranked
    }


def _read(path: Path, layer: str, wording: dict[str, str]) -> list[SentenceScore]:
    sums: dict[str, list[float]] = {}
    for name, queries in read_ranks(path):  # one layer at a time: a large set has millions of rows
        if name == layer:
            for query in queries:
                found = sums.setdefault(query.sentence, [0, 0.0, 0.0, 0.0])
                values = (1, query.rank == 1, 1 / query.rank, query.right / query.candidates)
                found[:] = map(sum, zip(found, values, strict=True))
            break
    else:
        raise DataError(f"{path}: the layer chosen is {layer}, got none of its ranks: score it again")
    sentences = (
        SentenceScore(key, wording.get(key, ""), n, *(total / n for total in totals))
        for key, (n, *totals) in sums.items()
    )
    return sorted(sentences, key=lambda s: (round(s.recall_at_1, 9), round(s.mrr, 9), s.id))


def _wording(data: Path) -> dict[str, str]:
    """The Mandarin wording of each sentence; where utterances differ in it, the most frequent one."""
    counts: dict[str, Counter] = {}
    for utterance in datadir.read(data, datadir.GROUPING):
        counts.setdefault(utterance.sentence, Counter())[utterance.text_cmn] += 1
    return {sentence: _most_frequent(count) for sentence, count in counts.items()}


def _most_frequent(count: Counter) -> str:
    return min(count, key=lambda text: (-count[text], text))

"""What is written of pairs: a table of all that is known of them, and a manifest that makes data directories of them.

``manifest/mined.jsonl`` is for ``fangyan data --corpus manifest``: a line a recording, the two of a pair with one
sentence id, which no other pair has but one with the same sentence in place of a target.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.data.datadir import Utterance
from fangyan.files import fingerprint, write_lines
from fangyan.mining.banks import Bank
from fangyan.search import Entry
from fangyan.tables import Amount, Correlation, write_rows

PAIRS, MANIFEST = "pairs.tsv", Path("manifest") / "mined.jsonl"


@dataclass(frozen=True)
class Pair:
    """Two that say the same: ids, scores, the sentence id that they share, and where each lies (an end: of its file).

    Of a sentence in place of a target, the id is the sentence, and nothing lies anywhere.
    """

    source: str
    target: str
    source_variety: str
    target_variety: str
    cosine: Correlation
    seqsim: Correlation
    margin: Amount
    sentence: str
    source_wav: str
    source_start: Amount
    source_end: Amount | None
    target_wav: str
    target_start: Amount
    target_end: Amount | None


def write(folder: Path, chosen: np.ndarray, source: Bank, target: Bank) -> None:
    """Writes `PAIRS` and `MANIFEST` of the `margins.CANDIDATE` that were chosen to ``folder``."""
    ends = [(source.entry(int(one["source"])), target.entry(int(one["target"]))) for one in chosen]
    names = [_sentence(*both) for both in ends]
    rows = [_pair(*both, one, name) for both, one, name in zip(ends, chosen, names, strict=True)]
    write_rows(folder / PAIRS, rows, Pair)
    (folder / MANIFEST).parent.mkdir()
    lines = [line for both, name in zip(ends, names, strict=True) for line in _lines(both, name)]
    write_lines(folder / MANIFEST, _complete(lines))


def _sentence(source: Entry | Utterance, target: Entry | Utterance) -> str:
    """A name for what both say, the same in each run that finds this pair; with a sentence, in each of its pairs."""
    what = [(one.wav, one.start, one.end) for one in (source, target)] if target.wav else target.id
    return f"mined-{fingerprint(what)[:16]}"


def _pair(source: Entry | Utterance, target: Entry | Utterance, one: np.void, sentence: str) -> Pair:
    scores = {name: float(one[name]) for name in ("cosine", "seqsim")}
    limited = {name: max(-1.0, min(score, 1.0)) for name, score in scores.items()}
    sides = {
        f"{side}_{name}": getattr(entry, name)
        for side, entry in (("source", source), ("target", target))
        for name in ("variety", "wav", "start", "end")
    }
    return Pair(source.id, target.id, margin=float(one["margin"]), sentence=sentence, **limited, **sides)


def _lines(both: Sequence[Entry | Utterance], sentence: str) -> Iterator[dict]:
    """The recordings of a pair as rows of a manifest; each with the Mandarin wording of the other where it has none."""
    text_cmn = next((entry.text_cmn for entry in both if entry.text_cmn), "")
    for side, entry in zip(("source", "target"), both, strict=True):
        if entry.wav:
            yield {
                "audio": entry.wav,
                "variety": entry.variety or side,
                "sentence": sentence,
                "text": entry.text,
                "text_cmn": entry.text_cmn or text_cmn,
                "id": f"{sentence}-{side}",
                "start": entry.start,
                "end": entry.end,
            }


def _complete(lines: Sequence[dict]) -> Iterator[str]:
    """The lines as JSON, without the transcripts that not all of them have."""
    partial = [name for name in ("text", "text_cmn") if not all(line[name] for line in lines)]
    for line in lines:
        yield json.dumps({name: value for name, value in line.items() if name not in partial}) + "\n"

"""What is recognised of a set: a line of a journal for each utterance, and once all are there, the table ``text``.

An utterance that the encoder cannot hear has an empty hypothesis, as in ESPnet's own inference, all of which are errors
of deletion, and is in ``.unheard.tsv`` with the reason; once its recording is mended, the set is decoded again, for
the data is another then (`data.datadir.identity`).
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from fangyan import shards
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError
from fangyan.files import produce, read_text, write_lines, write_table
from fangyan.journal import Journal

LOG = "decode.log"
UNHEARD = ".unheard.tsv"
COLUMNS = ("id", "recording", "seconds", "reason")


@dataclass(frozen=True)
class Hypothesis:
    """The text recognised of an utterance, or why nothing could be."""

    id: str
    text: str = ""
    unheard: str = ""


class Hypotheses:
    """The hypotheses of ``utterances`` in their order, as far as they are there; their number is its length."""

    def __init__(self, folder: Path, inputs: Mapping[str, object], utterances: Sequence[Utterance]) -> None:
        awaited = iter(utterances)

        def counts(fields: Any) -> bool:
            utterance = next(awaited, None)
            try:
                return utterance is not None and Hypothesis(**fields).id == utterance.id
            except TypeError:
                return False

        self.folder = folder
        self._journal = Journal(folder, inputs, counts)

    def __len__(self) -> int:
        return len(self._journal)

    def claim(self) -> None:
        """Makes the folder, with nothing in it that does not count."""
        self._journal.claim()

    def append(self, hypothesis: Hypothesis) -> None:
        """Appends it as the next one, also after a kill."""
        self._journal.append(asdict(hypothesis))

    def all(self) -> list[Hypothesis]:
        """Those that are there."""
        return [Hypothesis(**fields) for fields in self._journal.records()]


def finish(
    home: Path,
    inputs: Mapping[str, object],
    utterances: Sequence[Utterance],
    parts: Sequence[Hypotheses],
) -> None:
    """Writes ``text``, the log, and ``.unheard.tsv`` where there are such, to ``home``; removes the shards.

    Raises `DataError` where no utterance could be heard, or one is there twice or not at all.
    """
    found = sorted(chain.from_iterable(part.all() for part in parts), key=lambda hypothesis: hypothesis.id)
    shards.check_exactly_once(home, "utterance", (h.id for h in found), (u.id for u in utterances))
    rows = [_row(u, h) for u, h in zip(utterances, found, strict=True) if h.unheard]
    if rows and len(rows) == len(found):
        first = describe(utterances[0], found[0])
        raise DataError(f"{home}: none of {len(rows):,} utterances could be heard, the first: {first}")

    logs = [part.folder / LOG for part in parts if len(part)]

    def build(folder: Path) -> None:
        write_lines(folder / "text", (f"{h.id} {h.text}\n" for h in found))
        write_lines(folder / LOG, map(read_text, logs))
        if rows:
            write_table(folder / UNHEARD, rows, COLUMNS)

    produce(home, inputs, build)
    shards.discard_shards(home)
    if rows:
        print(
            f"{home}: {len(rows):,} of {len(found):,} utterances could not be heard, their hypotheses are empty: "
            f"see {home / UNHEARD}",
            file=sys.stderr,
        )


def describe(utterance: Utterance, hypothesis: Hypothesis) -> str:
    """A line that tells why an utterance could not be heard."""
    return (
        f"utterance {utterance.id}, {utterance.duration:.3f} s: {hypothesis.unheard}: its hypothesis is empty"
    )


def _row(utterance: Utterance, hypothesis: Hypothesis) -> dict[str, object]:
    return {
        "id": utterance.id,
        "recording": utterance.wav,
        "seconds": utterance.duration,
        "reason": hypothesis.unheard,
    }

"""Submissions side by side: whether they can be compared, in which order they stand, and the page that shows them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from fangyan.errors import DataError
from fangyan.files import fingerprint
from fangyan.leaderboard.submission import Score, Submission, ends
from fangyan.report.render.blocks import Section
from fangyan.report.render.page import Page
from fangyan.report.render.tables import Table, escape, markdown
from fangyan.report.render.tables import ends as first_and_last
from fangyan.rounding import NONE, percent
from fangyan.terminal import shorten

DIGITS = 12
"""So many digits of a hash tell it from others."""
HTML = "leaderboard.html"
"""What the page is called."""
SHOWN = 60
"""Pairs of varieties on the page; of more the first and the last half of these."""


@dataclass(frozen=True)
class Board:
    """Submissions that can be compared, by their files; the best first, equal ones by name."""

    entries: tuple[tuple[Path, Submission], ...]

    @classmethod
    def of(cls, submissions: Sequence[tuple[Path, Submission]]) -> "Board":
        """The board; `DataError` where two of them cannot be compared, which names both and what differs."""
        (first, reference), *others = submissions
        for path, other in others:
            _check_comparable(first, reference, path, other)
        best_first = sorted(submissions, key=lambda one: (-one[1].mean.recall_at_1, one[1].encoder.name))
        return cls(tuple(best_first))

    @property
    def remarks(self) -> list[str]:
        """A sentence for each two that are of one encoder."""
        return [
            f"{a} and {b} are of one encoder, {x.encoder.fingerprint[:DIGITS]}: at {_at(x)} and at {_at(y)}, with "
            f"{'the same' if x.ranks == y.ranks else 'different'} ranks."
            for (a, x), (b, y) in combinations(self.entries, 2)
            if x.encoder.fingerprint == y.encoder.fingerprint
        ]

    @property
    def markdown(self) -> str:
        """The table with its caption."""
        found = table(self)
        return f"{markdown(found)}\n\n{escape(found.caption)}"


def _at(one: Submission) -> str:
    """``layer04 (chosen on dev)``."""
    return f"{one.layer.name} ({one.layer.how})"


def _check_comparable(a: Path, ours: Submission, b: Path, theirs: Submission) -> None:
    one, other = _asked(ours), _asked(theirs)
    differences = [
        f"{key} is {_cut(one[key])} and {_cut(other[key])}" for key in one if one[key] != other[key]
    ]
    if differences:
        raise DataError(
            f"{a} and {b}: results are compared where protocol and corpus are the same, got others: "
            f"{'; '.join(differences)}"
        )


def _asked(submission: Submission) -> dict[str, object]:
    """What has to be the same, by its key; what the set is called is not."""
    found = {
        f"{part}: {key}": value
        for part in ("protocol", "corpus")
        for key, value in asdict(getattr(submission, part)).items()
        if (part, key) != ("corpus", "set")
    }
    pairs = [(*ends(pair), pair.queries) for pair in submission.pairs]
    return found | {"pairs: count": len(pairs), "pairs: fingerprint": fingerprint(pairs)}


def _cut(value: object) -> str:
    """A value as a message shows it: of a hash the first digits, of a list what fits."""
    if isinstance(value, str) and len(value) == 64:
        return value[:DIGITS]
    text = ", ".join(value) or "none" if isinstance(value, tuple) else f"{value}"
    return shorten(text[:100], 60)


def table(board: Board) -> Table:
    """One row a submission: its encoder, layer and file, and R@1 with its interval, beside its worst and best pair."""
    rows = tuple(
        (one.encoder.name, one.layer.name, one.layer.how, f"{path}", spread(one.mean), *_extremes(one))
        for path, one in board.entries
    )
    header = ("encoder", "layer", "how", "file", "R@1", "lowest pair", "highest pair")
    return Table("Leaderboard", _caption(board.entries[0][1]), header, rows, text_columns=4)


def _caption(one: Submission) -> str:
    return (
        f"R@1 in percent by {one.protocol.score} on {one.corpus.set}, mean over {len(one.pairs):,} ordered pairs, "
        f"{one.mean.queries:,} queries, chance {percent(one.mean.chance)} %. In brackets: 95 % intervals, bootstrap "
        f"over {one.drawn}. Corpus {one.corpus.fingerprint[:DIGITS]}: {one.corpus.utterances:,} utterances of "
        f"{one.corpus.sentences:,} sentences in {', '.join(one.corpus.varieties)}; protocol "
        f"{one.protocol_hash[:DIGITS]}."
    )


def spread(score: Score) -> str:
    """``17.9 (13.3–22.9)``: R@1 and its interval in percent."""
    return f"{percent(score.recall_at_1)} ({percent(score.low)}–{percent(score.high)})"


def _extremes(one: Submission) -> Iterator[str]:
    recalls = [pair.recall_at_1 for pair in one.pairs]
    return (percent(value) for value in (min(recalls), max(recalls)))


def pair_table(board: Board) -> Table:
    """One row an ordered pair, one column a submission, in the order of the leaderboard."""
    columns = [[spread(pair) for pair in one.pairs] for _, one in board.entries]
    names = (f"{source} to {target}" for source, target in map(ends, board.entries[0][1].pairs))
    rows = first_and_last([*zip(names, *columns, strict=True)], SHOWN // 2)
    header = ("pair", *(one.encoder.name for _, one in board.entries))
    caption = (
        "R@1 in percent with its 95 % interval, from the one to the other, in the order of the leaderboard."
    )
    return Table("Pair by pair", caption, header, rows)


def origin_table(board: Board) -> Table:
    """One row a submission: with which seed, code and machine it came to be."""
    header = ("encoder", "fingerprint", "commit", "seed", "threads", "processor", "GPU", "PyTorch")
    rows = tuple(_origin(one) for _, one in board.entries)
    caption = (
        "How each was trained, or where it was only scored, how that was done; the files have all versions."
    )
    return Table("Origins", caption, header, rows, text_columns=len(header))


def _origin(one: Submission) -> tuple[str, ...]:
    made, (cpu, gpu) = one.origin, map(one.origin.machine.get, ("cpu", "gpu"))
    commit = f"{made.commit:.{DIGITS}}{' with local changes' if made.dirty else ''}" if made.commit else None
    known = (commit, made.seed, made.threads, cpu, gpu, made.versions.get("torch"))
    cells = (NONE if value is None else str(value) for value in known)
    return one.encoder.name, one.encoder.fingerprint[:DIGITS], *cells


def page(board: Board) -> Page:
    """The page of a leaderboard."""
    return Page(
        title="Leaderboard",
        html=HTML,
        headline=table(board),
        heroes=(),
        remarks=board.remarks,
        sections=(
            Section("Pair by pair", (pair_table(board),)),
            Section("How they came to be", (origin_table(board),)),
        ),
    )

"""Kaldi data directories: the contract of every stage, read strictly and written whole.

``wav.scp utt2spk spk2utt utt2dur utt2lang utt2sent`` always, but that texts alone have no recordings, hence neither
``wav.scp`` nor ``utt2dur``; ``text`` (the variety's wording), ``text_cmn`` (Mandarin wording) and ``utt2ipa`` where the
corpus has them. One line an utterance, ``id value``, sorted by code point. ``lang2group``, a line a variety, where its
groups are not those of ``conf/varieties.tsv``. Any further table by utterance is a column (`columns`). Work that needs
less of it, such as ``wav.scp`` alone, says so, and takes a directory that has no more (`read`).
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from fangyan.data.checks import (
    LEFT_BEHIND,
    check_data_directory,
    check_durations,
    check_names,
    check_twins,
    check_whole,
    needed,
)
from fangyan.data.columns import FILES, GROUPS, SCP, column, reference, sources
from fangyan.data.entries import check_ids, import_advice, line, read_map
from fangyan.data.names import plain_path
from fangyan.errors import DataError, shown
from fangyan.files import (
    fingerprint,
    read_table,
    versions,
    write_lines,
    write_table,
    write_text,
)
from fangyan.tables import read_rows, write_rows


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One recording of one sentence."""

    id: str
    wav: str
    text: str
    speaker: str
    variety: str
    sentence: str
    duration: float = 0.0  # seconds; 0 until it was measured
    text_cmn: str = ""
    ipa: str = ""
    start: float = 0.0  # seconds within `wav`; segments are cut before a data directory is written
    end: float | None = None
    changes: tuple[tuple[str, str], ...] = dataclasses.field(default=(), compare=False)
    """What was done to it on the way from its corpus, each with a detail for the eye."""


@dataclasses.dataclass(frozen=True)
class Dropped:
    """An utterance that was left out, and why (`reason` is counted, `detail` is for the eye)."""

    id: str
    reason: str
    detail: str = ""


CHANGES = ".changed.tsv"
"""What was done to the utterances of a data directory, renamed ones with the id that they came with."""
CHANGE = ("id", "change", "detail")
OPTIONAL = ("text", "text_cmn", "utt2ipa")
RECORDINGS = ("wav.scp", "utt2dur")
"""What a data directory of texts alone is without."""
ALWAYS = tuple(name for name in FILES if name not in OPTIONAL)
"""What a data directory that was prepared has, all of it."""
SPOKEN = ("wav.scp", "utt2lang")
"""What recordings of one's own have: enough where no translation is asked for."""
OPTIONAL_FIELDS = tuple(FILES[name] for name in OPTIONAL)

GROUPING = ("utt2lang", "utt2sent")
"""Files by whose values results are grouped."""
NAMES = ("utt2spk", *GROUPING)
"""Files whose values are names: equal ones are of one speaker, variety, sentence."""


def read(path: Path, needs: Iterable[str] = ALWAYS) -> list[Utterance]:
    """The utterances of a data directory, sorted by id; `DataError` with file and line where it breaks a rule.

    ``needs``: the tables that must be there; a further known one is read where it is. Without ``utt2spk`` an utterance
    has a speaker of its own and without ``utt2sent`` it is a sentence of its own, both called by its id; without
    ``utt2lang`` its variety is "", without ``utt2dur`` its duration 0 (`durations`), without ``wav.scp`` its path "".
    """
    tables = _read_tables(path, needs)
    file = reference(path)
    ids = tables[file.name]
    _check_tables(path, tables)
    fields = [FILES[name] for name in tables]
    utterances = []
    lines = zip(*(table.values() for table in tables.values()), strict=True)
    for n, (key, values) in enumerate(zip(ids, lines, strict=True), 1):
        known = {"wav": "", "text": "", "variety": "", "speaker": key, "sentence": key, "duration": "0"}
        row = known | dict(zip(fields, values, strict=True))
        plain_path(f"{path / 'wav.scp'}:{n}", row["wav"])
        utterances.append(Utterance(id=key, **row | {"duration": float(row["duration"])}))
    if "utt2spk" in tables:
        _check_speakers(path, utterances)
    if "utt2spk" in needs or (path / "spk2utt").exists():
        _check_turned_round(path, utterances)
    return utterances


def _read_tables(path: Path, needs: Iterable[str]) -> dict[str, dict[str, str]]:
    """The known tables of a data directory by name."""
    needs = {*needs, reference(path).name}
    for name in (*LEFT_BEHIND, *FILES):  # what nobody can make anew first
        if name in needs:
            needed(path, name)
    return {name: read_map(path / name) for name in FILES if (path / name).exists()}


def _check_tables(path: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Raises a `DataError` where tables disagree on the ids, or a value is none of its kind."""
    file = reference(path)
    check_whole(path)
    for name, table in tables.items():
        check_ids(file, tables[file.name], path / name, table, import_advice(path))
    check_durations(path / "utt2dur", tables.get("utt2dur", {}))
    check_twins(file, tables[file.name])
    for name in tables.keys() & {*NAMES}:
        check_names(path / name, tables[name].values())
    for name in tables.keys() & {*GROUPING}:
        check_twins(path / name, tables[name].values())
    read_groups(path)


def write(
    path: Path,
    utterances: Iterable[Utterance],
    dropped: Sequence[Dropped] = (),
    groups: Mapping[str, str] | None = None,
) -> None:
    """A data directory of ``utterances`` (any order) with what was left out in ``.dropped.tsv``, changed in `CHANGES`.

    ``groups``: variety -> group, where these are the corpus's own; those of varieties that occur are written.
    Raises `DataError` for duplicate ids, ids that do not start with the speaker, and half-filled optional fields.
    """
    rows = sorted(utterances, key=lambda u: u.id)
    if not rows:
        raise DataError(
            f"{path}: no utterances remain ({count_reasons(dropped) or 'the corpus is empty'}){_firsts(dropped)}"
        )
    for key, count in Counter(u.id for u in rows).items():
        if count > 1:
            raise DataError(f"{path}: utterance ids are unique, got {shown(key)} {count} times")
    check_twins(path / "wav.scp", (u.id for u in rows))
    for name in NAMES:
        check_names(path / name, map(attrgetter(FILES[name]), rows))
    for name in GROUPING:
        check_twins(path / name, map(attrgetter(FILES[name]), rows))
    for name, field in FILES.items():
        values = map(attrgetter(field), rows)
        if name not in OPTIONAL or any(map(attrgetter(field), rows)):
            file = path / name
            write_lines(file, (line(file, u.id, value) for u, value in zip(rows, values, strict=True)))
    write_speakers(path, ((u.id, u.speaker) for u in rows))
    _check_speakers(path, rows)
    _check_turned_round(path, rows)
    lost = (dataclasses.replace(d, id=shown(d.id)) for d in dropped)
    write_rows(path / ".dropped.tsv", lost, Dropped)
    changes = [dict(zip(CHANGE, (u.id, *change), strict=True)) for u in rows for change in u.changes]
    if changes:
        write_table(path / CHANGES, changes, CHANGE)
    occurring = sorted({u.variety for u in rows} & set(groups or {}))
    if occurring:
        write_text(path / GROUPS, "".join(line(path / GROUPS, code, groups[code]) for code in occurring))


def read_groups(path: Path) -> dict[str, str]:
    """Variety -> group, where the data directory has groups of its own; else empty."""
    return read_map(path / GROUPS) if (path / GROUPS).exists() else {}


def identity(path: Path, *names: str) -> str:
    """A fingerprint of a data directory with its audio: its tables, size and time of each recording.

    For work that hears the recordings: one that was replaced in place is told, though no table changed. ``names``: the
    further columns that are read, of an ``.scp`` with the files that it points to.
    """
    wavs = read_map(path / "wav.scp").values() if (path / "wav.scp").exists() else ()
    scps = (column(path, name) for name in _further(names) if name.endswith(SCP))
    return fingerprint(tables(path, *names), versions(wavs) + [file for scp in scps for file in sources(scp)])


def tables(path: Path, *names: str) -> str:
    """A fingerprint of the tables of a data directory, for work that reads nothing else of it.

    ``names``: the further columns that are read.
    """
    check_data_directory(path)
    found = [path / name for name in (*FILES, GROUPS) if (path / name).exists()]
    found += [column(path, name) for name in _further(names)]
    return fingerprint([table.name for table in found], *found)


def _further(names: Iterable[str]) -> list[str]:
    """The names that are not of known tables, in order."""
    return sorted(set(names) - {*FILES, GROUPS})


def count_reasons(dropped: Iterable[Dropped]) -> str:
    """What was left out, counted by reason: ``3 unreadable audio, 1 empty transcript``."""
    return ", ".join(
        f"{count:,} {reason}" for reason, count in Counter(d.reason for d in dropped).most_common()
    )


def _firsts(dropped: Iterable[Dropped]) -> str:
    """The first that was left out for each of the commonest reasons, with its detail."""
    first: dict[str, Dropped] = {}
    for one in dropped:
        first.setdefault(one.reason, one)
    some = (
        f"; {one.reason}: {shown(one.id)} {shown(one.detail)}".rstrip() for one in list(first.values())[:3]
    )
    return "".join(some)


def describe_changes(path: Path) -> str:
    """What a summary of a data directory goes on with: ``; left out: 3 too short; 1 renamed (FILE)``."""
    dropped = count_reasons(read_dropped(path))
    changes = read_table(path / CHANGES) if (path / CHANGES).exists() else []
    counts = Counter(row["change"] for row in changes).most_common()
    changed = f"; {', '.join(f'{n} {change}' for change, n in counts)} ({path / CHANGES})" if counts else ""
    return (f"; left out: {dropped}" if dropped else "") + changed


def read_dropped(path: Path) -> list[Dropped]:
    """What was left out of a data directory (nothing where the list is missing)."""
    return read_rows(path / ".dropped.tsv", Dropped)


def write_speakers(path: Path, speaker_of: Iterable[tuple[str, str]]) -> None:
    """Writes ``spk2utt`` of a data directory: ``speaker_of``, pairs of utterance and speaker, turned round."""
    file, speakers = path / "spk2utt", _by_speaker(speaker_of)
    write_lines(file, (line(file, speaker, " ".join(ids)) for speaker, ids in sorted(speakers.items())))


def _by_speaker(speaker_of: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    speakers: dict[str, list[str]] = {}
    for utterance, speaker in speaker_of:
        speakers.setdefault(speaker, []).append(utterance)
    return speakers


def _check_speakers(path: Path, utterances: Sequence[Utterance]) -> None:
    for n, utterance in enumerate(utterances, 1):
        if not utterance.id.startswith(utterance.speaker):
            rule = "an utterance id starts with its speaker id (Kaldi sorts by it)"
            raise DataError(
                f"{path / 'utt2spk'}:{n}: {rule}, got {utterance.id} of speaker {utterance.speaker}"
            )
    for n, (a, b) in enumerate(pairwise(utterances), 2):
        if a.speaker > b.speaker:
            raise DataError(
                f"{path / 'utt2spk'}:{n}: sorted by id, utterances are sorted by speaker too (Kaldi needs both), "
                f"got {b.id} of {b.speaker} after {a.id} of {a.speaker}: {import_advice(path)}"
            )


def _check_turned_round(path: Path, utterances: Sequence[Utterance]) -> None:
    """Raises a `DataError` where ``spk2utt`` is not ``utt2spk`` turned round."""
    expected = _by_speaker((u.id, u.speaker) for u in utterances)
    file = needed(path, "spk2utt")
    found = {key: value.split() for key, value in read_map(file).items()}
    for n, (speaker, ids) in enumerate(found.items(), 1):
        if ids != expected.get(speaker):
            raise DataError(
                f"{file}:{n}: spk2utt is utt2spk turned round, got other utterances for {speaker}"
            )
    if len(found) < len(expected):
        missing = next(speaker for speaker in expected if speaker not in found)
        raise DataError(f"{file}: spk2utt is utt2spk turned round, got no line for speaker {missing}")

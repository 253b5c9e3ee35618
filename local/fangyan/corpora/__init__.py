"""The corpora, one module each, found by file name; `prepare` turns any of them into Kaldi data directories.

A corpus module has a docstring (what it is, licence, where to get it, citation; the licence begins with a name of
``conf/licences.tsv``, from which the licence of a model follows) and one function::

    def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]

which lists the recordings of each set as they lie under ``root``, at any rate and number of channels, whole files or
segments of them, without opening the audio; ``root`` is None where the user named no folder. ``limit`` says how many
sentences of each set are wanted (0: all): a module that generates audio need not generate more. Keyword-only
parameters beyond these are the corpus's own options. Where varieties are finer than ``conf/varieties.tsv``, as sites
are, a function ``groups(root) -> dict[str, str]`` says which group each belongs to. Where there are further columns
(`fangyan.data.columns`), a function ``columns(root) -> dict[str, Columns]`` gives those of each set, by the ids of the
corpus. One that makes its folder says ``GENERATED = True``. `prepare` does the rest.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib import import_module
from inspect import signature
from multiprocessing import get_context
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from fangyan.corpora.common.admission import drop_unwritable, rename_for_order
from fangyan.corpora.common.layouts import drop_repeated, original_id
from fangyan.data import audio, datadir
from fangyan.data.columns import Columns, write_all
from fangyan.data.datadir import Dropped, Utterance
from fangyan.data.names import fits_a_line
from fangyan.errors import DataError, UserError, known_names, seen_from
from fangyan.files import DONE, fingerprint, produce, version, versions, write_json
from fangyan.progress import track_iterable
from fangyan.rounding import decimals

CONVERTED = ".wav"
"""Beside the data directories: the folder of audio that was converted, by set. It may be removed with them."""


def names() -> list[str]:
    """The names of all corpora."""
    return sorted(module.name for module in iter_modules(__path__) if not module.ispkg)


def load(name: str) -> ModuleType:
    """The module of a corpus; `UserError` with the known names where there is none."""
    if name not in names():
        raise UserError(f"unknown corpus {name!r}: {known_names(name, names())}")
    return import_module(f"{__name__}.{name}")


def options(name: str, choices: Sequence[str]) -> dict[str, str | bool]:
    """The corpus's own options out of ``NAME=VALUE`` words; `UserError` with the known names for an unknown one.

    ``true`` and ``false`` are truth values, everything else is text.
    """
    parameters = signature(load(name).splits).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    chosen = {}
    for choice in choices:
        key, given, value = choice.strip().partition("=")
        if key not in known or not given:
            raise UserError(
                f"corpus {name}: an option is NAME=VALUE, got {choice!r}: {known_names(key, known)}"
            )
        chosen[key] = {"true": True, "false": False}.get(value, value)
    return chosen


def check_root(name: str, root: Path | None) -> None:
    """`UserError` where a corpus is not where it is said to be, or nobody has said where; one that is made here may."""
    corpus = load(name)
    if getattr(corpus, "GENERATED", False):
        return
    if root is None:
        corpus.splits(None)  # which says what the folder holds
    elif not root.exists():
        raise UserError(f"corpus {name}: --corpus_dir {root}: no such file or folder{seen_from(root)}")


def prepare(
    name: str, root: Path | None, out: Path, jobs: int = 1, limit: int = 0, **chosen: str | bool
) -> dict[str, Path]:
    """The data directories ``out/<set>`` of a corpus by set; finished ones are kept.

    ``root``: where the corpus lies; ``jobs``: processes; ``limit``: only the first so many sentences of a set (0: all);
    ``chosen``: the corpus's own `options`. What was left out is listed in ``.dropped.tsv``, what was changed in
    ``.changed.tsv``.
    """
    sets = {}
    check_root(name, root)
    corpus = load(name)
    groups = corpus.groups(root) if hasattr(corpus, "groups") else {}
    columns = corpus.columns(root) if hasattr(corpus, "columns") else {}
    for name_of_set, records in corpus.splits(root, jobs, limit, **chosen).items():
        if not records:
            raise DataError(
                f"{root}: the set {name_of_set} of corpus {name} has no utterance: is a table empty?"
            )
        records = rename_for_order(
            _first_sentences(list(drop_unwritable(list(drop_repeated(records)))), limit)
        )
        home = sets[name_of_set] = out / name_of_set
        found = columns.get(name_of_set, {})
        inputs = {"corpus": name, "records": _identity(records, groups)}
        inputs |= {"columns": fingerprint(found)} if found else {}
        store = out / CONVERTED / name_of_set
        if _lacks(home, store):
            write_json(home / DONE, {})
        produce(home, inputs, partial(_write_set, records, groups, found, home, store, jobs))
        print(_summary(home), flush=True)
    return sets


def _lacks(home: Path, store: Path) -> bool:
    """Whether a finished data directory names converted audio that is no more in ``store``."""
    if not all((home / name).exists() for name in (DONE, "wav.scp")):
        return False
    wavs = datadir.read_map(home / "wav.scp").values()
    return None in versions(wav for wav in wavs if store in Path(wav).parents)


def _identity(records: Iterable[Utterance | Dropped], groups: Mapping[str, str]) -> str:
    """A fingerprint of the records of a set, of one at a time since there may be millions, and of their audio files."""
    digest = sha256(repr(sorted(groups.items())).encode())
    wavs: dict[str, None] = {}
    for record in records:
        digest.update(repr(record).encode())
        if isinstance(record, Utterance):
            wavs[record.wav] = None
    for found in versions(wavs):
        digest.update(repr(found).encode())
    return digest.hexdigest()


def _summary(home: Path) -> str:
    """``data/train: 812 utterances, 0.93 h; left out: 3 unreadable audio``."""
    durations = datadir.read_map(home / "utt2dur").values()
    hours = sum(map(float, durations)) / 3600
    return f"{home}: {len(durations):,} utterances, {decimals(hours, 2)} h{datadir.describe_changes(home)}"


def _first_sentences(records: Sequence[Utterance | Dropped], limit: int) -> list[Utterance | Dropped]:
    utterances = [record for record in records if isinstance(record, Utterance)]
    if not limit:
        return list(records)
    kept = set(list(dict.fromkeys(u.sentence for u in utterances))[:limit])
    return [u for u in utterances if u.sentence in kept]


def _write_set(
    records: Sequence[Utterance | Dropped],
    groups: Mapping[str, str],
    columns: Columns,
    home: Path,
    store: Path,
    jobs: int,
    folder: Path,
) -> None:
    """Writes the data directory ``home`` to ``folder``, and the audio that has to be converted to ``store``."""
    ready = parallel(partial(_ready, store=store), records, jobs, desc=f"data {store.name}")
    utterances = [record for record in ready if isinstance(record, Utterance)]
    datadir.write(folder, utterances, [record for record in ready if isinstance(record, Dropped)], groups)
    write_all(folder, columns, {u.id: original_id(u) for u in utterances}, home)


def parallel(task: Callable, items: Sequence, jobs: int, desc: str) -> list:
    """``task`` of each item, in their order, by ``jobs`` processes under a progress bar."""
    bar = partial(track_iterable, total=len(items), title=desc, unit="utterances")
    if jobs == 1:
        return list(bar(map(task, items)))
    with ProcessPoolExecutor(jobs, get_context("forkserver")) as pool:
        return list(bar(pool.map(task, items, chunksize=32)))


def _ready(record: Utterance | Dropped, store: Path) -> Utterance | Dropped:
    """The record with its duration, its audio converted where it is not a file of 16 kHz mono that wav.scp can hold."""
    if isinstance(record, Dropped):
        return record
    try:
        info = audio.probe(record.wav)
        record = _cut(record, info)
        ready = _in_place(record, info) or _converted(record, store)
    except audio.SegmentError as error:
        return Dropped(record.id, error.reason, str(error))
    except DataError as error:
        return Dropped(record.id, "unreadable audio", str(error))
    if ready.duration < audio.MIN_DURATION:
        return Dropped(record.id, "too short", f"{record.wav}: {ready.duration:.4f} s")
    return ready


def _cut(record: Utterance, info: audio.Info) -> Utterance:
    """The record; its change where its recording ends before what its header or its segment says."""
    if record.end is None and (lost := audio.missing_seconds(record.wav, info)):
        change = ("of files that end before their header says", f"{lost:.3f} s are missing")
        return replace(record, changes=(*record.changes, change))
    _, last = audio.segment_frames(record.wav, info, record.start, record.end)
    if record.end is None or last == round(record.end * info.rate):
        return record
    detail = f"{record.start:.10g} to {record.end:.10g} s of {info.duration:.4f} s"
    change = ("cut at the end of the recording", detail)
    return replace(record, end=None, changes=(*record.changes, change))


def _in_place(record: Utterance, info: audio.Info) -> Utterance | None:
    """The record with its duration, where its recording may be used as it is: headers say so, but of floats."""
    fits = record.start == 0 and record.end is None and fits_a_line(record.wav) and not info.decoded
    if not fits or (info.rate, info.channels) != (audio.SAMPLE_RATE, 1):
        return None
    lost = audio.conversion_losses(audio.read_channels(record.wav)[0]) if info.subtype in audio.FLOATS else ()
    return replace(record, duration=info.duration, changes=(*record.changes, *lost))


def _converted(record: Utterance, store: Path) -> Utterance:
    """The record with a FLAC file, 16 kHz mono, made unless ``store`` has it already.

    Its name tells what it was made from, its comment what was lost, and it is there whole or not at all: what was
    converted before a kill, or for other inputs, is used again, and never for another recording.
    """
    size, changed = version(record.wav)
    made_from = (record.id, record.wav, size, changed, record.start, record.end)
    origin = sha256(repr(made_from).encode()).hexdigest()
    readable = record.id.replace("/", "_")[:40]
    path = store / origin[:2] / f"{readable}.{origin[2:16]}.flac"
    if not path.exists():
        samples, rate = audio.read_channels(record.wav, record.start, record.end)
        lost = json.dumps(audio.conversion_losses(samples))
        audio.write(path, audio.resample(samples.mean(axis=1), rate), comment=lost)
        os.utime(path, ns=(changed, changed))  # made again, it counts as the same recording
    made = audio.probe(path)
    changes = (*record.changes, *map(tuple, json.loads(made.comment or "[]")))
    return replace(record, wav=str(path), duration=made.duration, start=0.0, end=None, changes=changes)

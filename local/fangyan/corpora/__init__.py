"""The corpora, one module each, found by file name; `prepare` turns any of them into Kaldi data directories.

A corpus module has a docstring (what it is, licence, where to get it, citation) and one function::

    def splits(root: Path | None, jobs: int = 1, limit: int = 0) -> dict[str, list[Utterance | Dropped]]

which lists the recordings of each set as they lie under ``root``, at any rate and number of channels, whole files or
segments of them, without opening the audio; ``root`` is None where the user named no folder. ``limit`` says how many
sentences of each set are wanted (0: all): a module that generates audio need not generate more. Keyword-only
parameters beyond these are the corpus's own options. Where varieties are finer than ``conf/varieties.tsv``, as sites
are, a function ``groups() -> dict[str, str]`` says which group each belongs to. `prepare` does the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from importlib import import_module
from inspect import signature
from multiprocessing import get_context
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from tqdm import tqdm

from fangyan import audio, datadir
from fangyan.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, produce


def names() -> list[str]:
    """The names of all corpora."""
    return sorted(module.name for module in iter_modules(__path__))


def load(name: str) -> ModuleType:
    """The module of a corpus; `UserError` with the known names where there is none."""
    if name not in names():
        raise UserError(f"unknown corpus {name!r}: known are {', '.join(names())}")
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
            known_names = ", ".join(known) or "none"
            raise UserError(
                f"corpus {name}: an option is NAME=VALUE, known are {known_names}; got {choice!r}"
            )
        chosen[key] = {"true": True, "false": False}.get(value, value)
    return chosen


def prepare(
    name: str, root: Path | None, out: Path, jobs: int = 1, limit: int = 0, **chosen: str | bool
) -> dict[str, Path]:
    """The data directories ``out/<set>`` of a corpus by set; finished ones are kept.

    ``root``: where the corpus lies; ``jobs``: processes; ``limit``: only the first so many sentences of a set (0: all);
    ``chosen``: the corpus's own `options`.
    """
    sets = {}
    corpus = load(name)
    groups = corpus.groups() if hasattr(corpus, "groups") else {}
    for name_of_set, records in corpus.splits(root, jobs, limit, **chosen).items():
        records = _first_sentences(records, limit)
        sets[name_of_set] = out / name_of_set
        inputs = {"corpus": name, "records": fingerprint([asdict(record) for record in records], groups)}
        produce(sets[name_of_set], inputs, partial(_write_set, records, groups, out / name_of_set, jobs))
        utterances = datadir.read(sets[name_of_set])
        hours = sum(u.duration for u in utterances) / 3600
        dropped = datadir.summary(datadir.read_dropped(sets[name_of_set]))
        left_out = f"; left out: {dropped}" if dropped else ""
        print(f"{sets[name_of_set]}: {len(utterances)} utterances, {hours:.2f} h{left_out}", flush=True)
    return sets


def _first_sentences(records: Sequence[Utterance | Dropped], limit: int) -> list[Utterance | Dropped]:
    utterances = [record for record in records if isinstance(record, Utterance)]
    if not limit:
        return list(records)
    kept = set(list(dict.fromkeys(u.sentence for u in utterances))[:limit])
    return [u for u in utterances if u.sentence in kept]


def _write_set(
    records: Sequence[Utterance | Dropped], groups: Mapping[str, str], home: Path, jobs: int, folder: Path
) -> None:
    """Writes one data directory to ``folder``, which is renamed to ``home`` afterwards."""
    ready = parallel(partial(_ready, folder=folder, home=home), records, jobs, desc=f"data {home.name}")
    utterances = [record for record in ready if isinstance(record, Utterance)]
    datadir.write(folder, utterances, [record for record in ready if isinstance(record, Dropped)], groups)


def parallel(task: Callable, items: Sequence, jobs: int, desc: str) -> list:
    """``task`` of each item, in their order, by ``jobs`` processes under a progress bar."""
    bar = partial(tqdm, total=len(items), desc=desc, unit="utt", disable=None)
    if jobs == 1:
        return list(bar(map(task, items)))
    with ProcessPoolExecutor(jobs, get_context("forkserver")) as pool:
        return list(bar(pool.map(task, items, chunksize=32)))


def _ready(record: Utterance | Dropped, folder: Path, home: Path) -> Utterance | Dropped:
    """The record with its duration, its audio converted to 16 kHz mono FLAC where it is not that already."""
    if isinstance(record, Dropped):
        return record
    try:
        info = audio.probe(record.wav)
        whole = record.start == 0 and record.end is None
        if whole and (info.rate, info.channels) == (audio.SAMPLE_RATE, 1):
            return replace(record, duration=info.duration)
        samples = audio.read(record.wav, record.start, record.end)
    except DataError as error:
        return Dropped(record.id, "unreadable audio", str(error))
    audio.write(folder / "wav" / f"{record.id}.flac", samples)
    wav = str(home / "wav" / f"{record.id}.flac")
    return replace(record, wav=wav, duration=len(samples) / audio.SAMPLE_RATE, start=0.0, end=None)

"""What the task of an experiment reads of its data directories: checked, for stamps, and as arguments of ESPnet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fangyan.data import datadir
from fangyan.data.columns import FILES, read_column
from fangyan.encoders.espnet_build import task_of
from fangyan.errors import DataError
from fangyan.files import fingerprint, write_text
from fangyan.registry import ASR
from fangyan.training.run import Run, targets
from fangyan.training.sentencepieces import MODEL

TARGET = "target"
"""Stands for the column that ``--target`` names, in the normal form of the run."""


@dataclass(frozen=True)
class Input:
    """What a batch has under ``name``: a ``column`` of a data directory, as ESPnet reads a ``kind`` of file.

    ``kind``: ``sound``, ``text``, ``text_int``, ``kaldi_ark``, ``npy`` and more of ESPnet, or ``label`` for words, of
    which the batch has numbers (`espnet_patches.labels_read`). What is not ``required`` is read where a data directory
    has it.
    """

    name: str
    column: str
    kind: str
    required: bool = True


SPEECH = Input("speech", "wav.scp", "sound")
TRANSCRIPT = Input("text", TARGET, "text")


def measured(job: Run) -> list[Input]:
    """The inputs that statistics are of: those that ESPnet's own task knows. What is read beside them is not."""
    task = task_of(job.settings, job.config)
    return [one for one in task.inputs if one.name in task.espnet_names()]


def present(job: Run, data: Path) -> list[Input]:
    """The inputs of the task that are read of ``data``; `DataError` where a required one is not there for all ids."""
    with _blamed(job):
        inputs = task_of(job.settings, job.config).inputs_by(job.settings)
    there = [one for one in inputs if one.required or one.column == TARGET or (data / one.column).exists()]
    for one in there:
        if one not in (SPEECH, TRANSCRIPT):
            read_column(data, one.column)
    return there


@contextmanager
def _blamed(job: Run) -> Iterator[None]:
    """What a task refuses of the configuration names its file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{job.config}: {error}") from None


def archives(job: Run) -> list[Path]:
    """The tables of vectors and matrices in Kaldi's archives that are read."""
    read = ((data, one) for data in job.sets().values() for one in present(job, data))
    return [data / one.column for data, one in read if one.kind == "kaldi_ark"]


def further_columns(job: Run, data: Path, only_measured: bool) -> list[str]:
    """The columns read of ``data`` beside the known tables, for its fingerprint.

    Recognition reads none: that all is up to date is seen without ESPnet, which takes long to import.
    """
    if job.task == ASR:
        return []
    inputs = measured(job) if only_measured else present(job, data)
    return [one.column for one in inputs if one.column not in (*FILES, TARGET)]


def write_measured(job: Run, data: Path, folder: Path) -> None:
    """Writes the tables of what is measured of ``data``, of those utterances that there is something to learn of."""
    inputs = measured(job)
    ids = [utterance.id for utterance in datadir.read(data)]
    tables = {one: _table(job, data, one) for one in inputs}
    kept = [key for key in ids if all(key in table for table in tables.values())]
    for one, table in tables.items():
        write_text(_file(one, folder), "".join(f"{key} {table[key]}\n" for key in kept))


def _table(job: Run, data: Path, one: Input) -> Mapping[str, str]:
    return targets(data, job.target, job.form) if one.column == TARGET else read_column(data, one.column)


def _file(one: Input, folder: Path) -> Path:
    return folder / ("text" if one.column == TARGET else one.column)


def statistics_arguments(job: Run, folder: Path) -> dict[str, Any]:
    """ESPnet's arguments for statistics of the tables that `write_measured` wrote into ``folder/<role>``."""
    arguments = _token_arguments(job)
    for role in job.sets():
        inputs = measured(job)
        files = [_file(one, folder / role) for one in inputs]
        arguments[f"{role}_data_path_and_name_and_type"] = list(_triples(inputs, files))
        arguments[f"{role}_shape_file"] = [str(files[0])]  # for its ids
    return arguments


def put_shapes_in_order(job: Run, folder: Path) -> None:
    """Writes the shapes of what is measured again, in the order of the tables in ``folder`` that they are of.

    ESPnet deals the utterances to its workers in turn, and writes what it gets from them as it comes. That of a target
    is given the number of tokens as well, as ESPnet's recipes do.
    """
    for one in measured(job):
        ending = f",{len(job.vocabulary)}" if one.column == TARGET else ""
        file, ids = folder / f"{one.name}_shape", list(datadir.read_map(_file(one, folder), strict=False))
        shapes = datadir.read_map(file, strict=False)
        missing = [key for key in ids if key not in shapes]
        if missing:
            raise DataError(
                f"{file}: a length for every utterance, got none for {missing[0]} and {len(missing) - 1} more"
            )
        write_text(file, "".join(f"{key} {shapes[key]}{ending}\n" for key in ids))


def training_arguments(job: Run) -> dict[str, Any]:
    """ESPnet's arguments for the data directories of ``job`` and its statistics."""
    arguments = _token_arguments(job) | _told(job)
    for role, data in job.sets().items():
        inputs, stats = present(job, data), job.stats / role
        files = [stats / "text" if one.column == TARGET else data / one.column for one in inputs]
        arguments[f"{role}_data_path_and_name_and_type"] = list(_triples(inputs, files))
    for role in job.sets():
        shapes = [str(job.stats / role / f"{one.name}_shape") for one in measured(job)]
        arguments[f"{role}_shape_file"] = shapes
    return arguments


def _told(job: Run) -> dict[str, Any]:
    return {} if job.task == ASR else task_of(job.settings, job.config).arguments(job)


def _triples(inputs: Sequence[Input], files: Iterable[Path]) -> Iterator[str]:
    return (f"{file},{one.name},{one.kind}" for one, file in zip(inputs, files, strict=True))


def _token_arguments(job: Run) -> dict[str, Any]:
    model = job.tokens / MODEL
    kind = {"token_type": "bpe", "bpemodel": str(model)} if model.exists() else {"token_type": "char"}
    return {"token_list": str(job.tokens / "tokens.txt"), "seed": job.seed} | kind


def data_fingerprints(job: Run, only_measured: bool = False) -> dict[str, str]:
    """Role -> fingerprint of what is read of its data directory, audio and further columns included."""
    sets = job.sets().items()
    return {role: datadir.identity(data, *further_columns(job, data, only_measured)) for role, data in sets}


def further_fingerprints(job: Run) -> dict[str, str]:
    """``texts``: the fingerprint of what a task reads beside its data directories; nothing where it reads no such."""
    with _blamed(job):
        files = [] if job.task == ASR else task_of(job.settings, job.config).further_files(job.settings)
    return {"texts": fingerprint(*files)} if files else {}


def token_fingerprint(job: Run) -> str:
    """The fingerprint of the token list and, where it is made of such, of the model of its sentencepieces."""
    files = (job.tokens / name for name in ("tokens.txt", MODEL))
    return fingerprint(*(file for file in files if file.exists()))

"""A teacher's vectors of the transcripts of a data directory: the column ``teacher.scp``, which task ``align`` reads.

    text_cmn, text -> encoder of text, each sentence once (kept in .teacher, resumable) -> teacher.ark, teacher.scp

Of an utterance it is the vector of its Mandarin wording, of its variety's own, or their mean. An encoder of text knows
Mandarin and hardly a variety, so the Mandarin wording is the default.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from fangyan.config import compose
from fangyan.data import datadir
from fangyan.data.checks import check_data_directory
from fangyan.encoders import identity
from fangyan.encoders.text_side import teacher_of
from fangyan.errors import DataError, UserError, known_names
from fangyan.features import sentences
from fangyan.features.dump import dump, read_features
from fangyan.features.embedding import WRITERS
from fangyan.files import is_done, stamp
from fangyan.training.run import Run

COLUMN = "teacher.scp"
HOME = ".teacher"
"""The folder of a data directory with the vectors of each wording, and the stamp of the column."""
LAYER = "sentence"
MEAN = "mean"
WORDINGS = {"text_cmn": ("text_cmn",), "text": (sentences.OWN,), MEAN: ("text_cmn", sentences.OWN)}
"""What a configuration calls ``teacher_wording`` -> the columns whose vectors are taken, the mean of several."""
DEFAULT = "text_cmn"
SAMPLE = 50_000
"""Vectors that tell how all of them vary."""


def teach(config: Path, data: Path) -> bool:
    """Writes ``teacher.scp`` and ``teacher.ark`` of a data directory, says whether it had to: a (D,) vector each.

    ``config``: the training configuration, which names ``teacher``, ``teacher_prefix`` and ``teacher_wording``.
    Finished means: the same of these, the same content of the teacher's files, the same texts. `UserError` for a
    configuration without a teacher, `DataError` with file and line for a text that the teacher cannot read.
    """
    settings = compose(config)
    spec, prefix, columns = (
        teacher_of(settings, config),
        settings.get("teacher_prefix"),
        wordings(settings, config),
    )
    check_data_directory(data)
    inputs = _inputs(settings, config, data)
    if is_done(data / HOME, inputs):
        return False
    for column in columns:
        dump(spec, [data], data / HOME / column, column=column, prefix=prefix, only=[LAYER])
    with WRITERS[".ark"](archive := data / "teacher.ark") as write:
        for key, vector in _vectors(data, columns):
            write(key, vector)
    stamp(data / HOME, inputs, [data / COLUMN, archive])
    return True


def wordings(settings: Mapping[str, object], source: Path) -> tuple[str, ...]:
    """The columns of texts that the teacher reads by a configuration; `DataError` for a wording that nobody knows."""
    named = str(settings.get("teacher_wording") or DEFAULT)
    if named not in WORDINGS:
        raise DataError(f"{source}: teacher_wording: got {named!r}: {known_names(named, WORDINGS)}")
    return WORDINGS[named]


def check_taught(job: Run) -> None:
    """`UserError` where a data directory has no vectors by the teacher of the configuration, or others."""
    for data in job.sets().values():
        if not is_done(data / HOME, _inputs(job.settings, job.config, data)):
            raise UserError(
                f"{data / COLUMN}: not the vectors of the teacher that {job.config} names, or of other texts than now: "
                f"run ./run.sh --stage teach, or fangyan teach --config {job.config} --data {data}"
            )


def read_vectors(scp: Path) -> np.ndarray:
    """(N, D) all vectors of a ``teacher.scp``, in its order."""
    import kaldiio

    return np.stack([*kaldiio.load_scp(f"{scp}").values()])


def mean_vector(vectors: np.ndarray) -> np.ndarray:
    """(D,) float32, the mean of (N, D) vectors."""
    return vectors.mean(0, dtype=np.float64).astype(np.float32)


def whitening(vectors: np.ndarray) -> np.ndarray:
    """(D, D) float32 that takes (N, D) vectors, less their mean, to uncorrelated numbers of variance 1.

    It is symmetric (ZCA). The covariance is that of the different vectors, after Ledoit and Wolf (2004) shrunk as far
    as so few of them ask for; of more than `SAMPLE` every n-th is taken.
    """
    from sklearn.covariance import ledoit_wolf

    different = np.unique(vectors, axis=0).astype(np.float64)
    covariance, _ = ledoit_wolf(different[:: -(-len(different) // SAMPLE)])
    variances, axes = np.linalg.eigh(covariance)
    floor = max(variances[-1] * np.finfo(np.float32).eps, np.finfo(np.float32).tiny)
    return (axes / np.sqrt(np.maximum(variances, floor)) @ axes.T).astype(np.float32)


def _inputs(settings: Mapping[str, object], source: Path, data: Path) -> dict[str, object]:
    texts = {
        column: sentences.identity(sentences.read(data, column)) for column in wordings(settings, source)
    }
    told = {"teacher": identity(teacher_of(settings, source)), "prefix": settings.get("teacher_prefix")}
    return told | {"texts": texts, "ids": datadir.tables(data)}


def _vectors(data: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """The vector of each utterance, sorted by id: L2-normalised, and of several columns their mean, normalised."""
    found = [dict(_by_utterance(data, column)) for column in columns]
    for utterance in datadir.read(data, []):
        total = np.sum([_unit(vectors[utterance.id]) for vectors in found], axis=0)
        yield utterance.id, _unit(total)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), np.finfo(np.float32).tiny)


def _by_utterance(data: Path, column: str) -> Iterator[tuple[str, np.ndarray]]:
    vectors = read_features(data / HOME / column / data.name, LAYER)
    for key, place in sentences.places(data, column).items():
        yield key, vectors[place][0]

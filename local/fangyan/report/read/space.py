"""A space of speech and text: its teacher and objectives, if any, and where some utterances and texts lie in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.data import datadir
from fangyan.data.datadir import GROUPING
from fangyan.encoders.choice import JOINT
from fangyan.encoders.espnet_files import read_yaml
from fangyan.encoders.text_side import Teacher, describe
from fangyan.errors import DataError
from fangyan.features import dump, finished
from fangyan.features.archive import SCP
from fangyan.registry import ASR

SENTENCES = 10
"""So many sentences, the first by their ids, are looked at: what lies where has no part in the choice."""
COLUMN = "text_cmn"


@dataclass(frozen=True)
class Taught:
    """The teacher of a joint space, and the objectives of its training with their weights."""

    teacher: Teacher
    objectives: Mapping[str, float]


@dataclass(frozen=True)
class Space:
    """Utterances and texts in a plane: the number of each one's sentence from 1, and its (2,) place."""

    sentences: Mapping[str, str]  # id -> the text, in the order of the numbers
    texts: Mapping[int, np.ndarray]
    utterances: Mapping[str, list[tuple[int, np.ndarray]]]  # by variety
    kept: float  # the share of their variance in the plane
    title: str = "the joint space"


def read_taught(exp: Path, train: Mapping[str, Any]) -> Taught | None:
    """What an experiment's configuration says of its teacher; None for one without."""
    config = exp / "config.yaml"
    if train.get("task", ASR) == ASR or not config.exists():
        return None
    settings = read_yaml(config)
    teacher, model = describe(settings), settings.get("model_conf")
    objectives = model.get("objectives") if isinstance(model, dict) else None
    return Taught(teacher, objectives if isinstance(objectives, dict) else {}) if teacher else None


def read_space(exp: Path, data: Path) -> Space | None:
    """The plane of the first sentences of a data directory; None without features of its recordings and texts.

    They lie in ``feats/<set>/joint`` and, by sentence, in ``cross_modal/feats/<set>/joint``; of a model that reads
    units, ``unit_texts`` stands for ``cross_modal``, and it is the mean frames of its last layer.
    """
    found = _read(exp, data, "cross_modal", JOINT)
    home = exp / "unit_texts/feats" / data.name
    if found or not home.is_dir():
        return found
    *_, last = dump.layers(home)
    found = _read(exp, data, "unit_texts", last)
    return found and replace(found, title=f"the shared stack ({last})")


def _read(exp: Path, data: Path, texts_of: str, layer: str) -> Space | None:
    spoken, written = (exp / home / data.name / layer for home in ("feats", f"{texts_of}/feats"))
    if not all(place.exists() for place in (spoken / SCP, written / SCP, data / GROUPING[1])):
        return None
    utterances = datadir.read(data, [])
    wordings = {u.sentence: u.text_cmn for u in sorted(utterances, key=lambda u: (u.sentence, u.id))}
    chosen = dict(list(wordings.items())[:SENTENCES])
    texts = dict(_load(written, chosen))
    wanted = {u.id: u for u in utterances if u.sentence in texts}
    vectors = dict(_load(spoken, wanted))
    if not vectors:
        return None
    return plane(
        {key: chosen[key] for key in texts},
        texts,
        {key: (wanted[key].variety, wanted[key].sentence, vector) for key, vector in vectors.items()},
    )


def plane(
    sentences: Mapping[str, str],
    texts: Mapping[str, np.ndarray],
    spoken: Mapping[str, tuple[str, str, np.ndarray]],
) -> Space:
    """The two principal components of L2-normalised (D,) vectors: of ``texts`` by sentence, of utterances by id.

    ``spoken``: variety, sentence and vector. The sign of a component is that which makes its largest loading positive.
    """
    number = {sentence: n for n, sentence in enumerate(sentences, 1)}
    points = np.stack([*texts.values(), *(vector for *_, vector in spoken.values())]).astype(np.float64)
    points -= points.mean(0)
    _, spread, axes = np.linalg.svd(points, full_matrices=False)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    places = points @ (axes * np.where(largest < 0, -1, 1))[:2].T
    utterances: dict[str, list[tuple[int, np.ndarray]]] = {}
    for (variety, sentence, _), place in zip(spoken.values(), places[len(texts) :], strict=True):
        utterances.setdefault(variety, []).append((number[sentence], place))
    return Space(
        sentences,
        {number[key]: place for key, place in zip(texts, places[: len(texts)], strict=True)},
        dict(sorted(utterances.items())),
        float((spread[:2] ** 2).sum() / max((spread**2).sum(), np.finfo(float).tiny)),
    )


def _load(home: Path, wanted: Mapping[str, object]) -> Iterator[tuple[str, np.ndarray]]:
    """The (D,) mean of the frames of each of ``wanted`` that an archive has, L2-normalised.

    `DataError` for more than one frame at `JOINT`.
    """
    places = datadir.read_map(home / SCP)
    for key in wanted:
        if key in places:
            frames = finished.load(home, key, places[key])
            if home.name == JOINT and len(frames) != 1:
                raise DataError(f"{home / SCP}: {key}: one vector at {JOINT}, got {len(frames)}")
            mean = frames.mean(0)
            yield key, mean / (np.linalg.norm(mean) or 1)

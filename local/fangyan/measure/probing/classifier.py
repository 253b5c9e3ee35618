"""The classifier of a probe: how its folds are cut, what it finds in them, and the labels of its control task."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np

from fangyan.errors import DataError, UserError, known_names

FOLDS = 5
ITERATIONS = 1000
SENTENCE, SPEAKER, BOTH = "sentence", "speaker", "both"
"""What no fold shares with another."""
SEED = 0

type Split = tuple[np.ndarray, np.ndarray]
"""The places of a training part and of a test part."""


def splits(held_out: str, sentences: Sequence[str], speakers: Sequence[str]) -> list[Split]:
    """The folds of items with these ``sentences`` and ``speakers``: parts that share none of the one, or of the other.

    There are `FOLDS` of each, or as many as there are sentences or speakers. Of both, each fold of sentences is tested
    in each fold of speakers, and what has the one or the other is in neither part. `UserError` for another word.
    """
    groups = {SENTENCE: [sentences], SPEAKER: [speakers], BOTH: [sentences, speakers]}
    if held_out not in groups:
        raise UserError(
            f"folds are of what they do not share, got {held_out!r}: {known_names(held_out, groups)}"
        )
    places = [_places(of) for of in groups[held_out]]
    found = []
    for cell in product(*(range(of.max() + 1) for of in places)):
        same = np.stack([of == n for of, n in zip(places, cell, strict=True)])
        training, test = np.flatnonzero(~same.any(0)), np.flatnonzero(same.all(0))
        if len(training) and len(test):
            found.append((training, test))
    return found


def count_folds(groups: Sequence[str]) -> int:
    """How many folds there are of items in these groups."""
    return min(FOLDS, len(set(groups)))


def predict(vectors: np.ndarray, labels: np.ndarray, folds: Sequence[Split]) -> tuple[np.ndarray, np.ndarray]:
    """What a probe trained on the other folds says of each of the (n, d) ``vectors``, and the commonest label there.

    Both (n,); where none was tested, the label is empty.
    """
    found, guessed = np.full_like(labels, ""), np.full_like(labels, "")
    for training, test in folds:
        found[test] = _classify(vectors[training], labels[training], vectors[test])
        guessed[test] = Counter(sorted(labels[training])).most_common(1)[0][0]
    return found, guessed


def control_labels(labels: Sequence[str], types: Sequence[str], seed: int = SEED) -> np.ndarray:
    """Labels of a control task (Hewitt & Liang 2019, arXiv 1909.03368): each type has one, drawn without any sense.

    Labels are as frequent among types as they are among the items; (n,), a label for each item.
    """
    names, ordered = sorted(set(types)), sorted(labels)
    spread = [ordered[(2 * n + 1) * len(ordered) // (2 * len(names))] for n in range(len(names))]
    given = dict(zip(names, np.random.default_rng(seed).permutation(spread), strict=True))
    return np.array([given[name] for name in types])


def _places(groups: Sequence[str]) -> np.ndarray:
    """The fold of each item: (n,) from 0 up; `DataError` where all are of one group."""
    from sklearn.model_selection import GroupKFold

    if (count := count_folds(groups)) < 2:
        raise DataError(f"folds need at least 2 groups, got {groups[0]} alone")
    found = np.zeros(len(groups), int)
    for n, (_, test) in enumerate(GroupKFold(count).split(groups, groups=groups)):
        found[test] = n
    return found


def _classify(vectors: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The labels of the ``others`` by a probe that is trained on ``vectors``; one label alone is all it can say."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(labels)) == 1:
        return np.full(len(others), labels[0])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    return classifier.fit(vectors, labels).predict(others)


def cross_validate(
    vectors: np.ndarray, labels: Sequence[str], sentences: Sequence[str]
) -> tuple[float, float]:
    """Accuracy and chance, both in [0, 1], of folds of sentences; at least 2 of these."""
    known = np.array(labels)
    found, guessed = predict(vectors, known, splits(SENTENCE, sentences, sentences))
    return float((found == known).mean()), float((guessed == known).mean())

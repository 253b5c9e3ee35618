"""Probing: what of a label (variety, speaker, ...) a linear classifier reads from each layer.

After Alain & Bengio (2016, arXiv 1610.01644): the features stay as they are, only the classifier is trained.

Conventions
- A vector an utterance: the mean of its frames, each dimension with mean 0 and variance 1 over the training part.
- The classifier is multinomial logistic regression with the L2 penalty of scikit-learn's default (C = 1).
- Cross-validation in `FOLDS` folds by sentence (utt2sent): no sentence is in the training part and in the test part, in
  whichever variety, so that what was said tells nothing.
- Accuracy: the fraction of all utterances whose label is found by the probe that was not trained on their fold.
- Chance: the same of always choosing the commonest label of the training part.
"""

from collections import ChainMap, Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.errors import DataError, UserError
from fangyan.features.layers import Layer
from fangyan.measure.retrieval import write_each_set
from fangyan.measure.retrieval.sides import speech
from fangyan.progress import track
from fangyan.tables import Count, Fraction, write_rows

FOLDS = 5
ITERATIONS = 1000


@dataclass(frozen=True)
class Probe:
    """A row of ``probe.tsv``: accuracy and chance, in [0, 1], of a layer; ``n`` utterances of ``classes`` labels."""

    layer: str
    label: str
    n: Count
    classes: Count
    folds: Count
    accuracy: Fraction
    chance: Fraction


def probe(feats: Path, sets: Sequence[Path], out: Path, label: str, layers: Sequence[str] = ()) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to write: ``probe.tsv``, a row of `Probe` for each of ``layers``.

    ``label``: a file of ``id value`` lines of each data directory, ``utt2lang`` say. ``feats``, ``sets`` and ``layers``
    as in `measure.retrieval.retrieve`. `UserError` if ``label`` is no file name; `DataError` where it has not the ids
    of the data directory, and for fewer than 2 labels or sentences.
    """
    if Path(label).name != label:
        raise UserError(f"a label is the name of a file in the data directory, utt2lang say, got {label!r}")
    write, identify = partial(_write, label=label), lambda data: datadir.tables(data, label)
    return write_each_set(feats, sets, out, {"label": label}, write, layers, identify)


def cross_validate(
    vectors: np.ndarray, labels: Sequence[str], sentences: Sequence[str]
) -> tuple[float, float]:
    """Accuracy and chance, both in [0, 1].

    ``vectors``: (n, d) of n utterances, with the ``labels`` and ``sentences`` of each; at least 2 sentences.
    """
    known = np.array(labels)
    found, guessed = np.empty_like(known), np.empty_like(known)
    for training, test in _folds(sentences):
        found[test] = _classify(vectors[training], known[training], vectors[test])
        guessed[test] = Counter(sorted(known[training])).most_common(1)[0][0]
    return float((found == known).mean()), float((guessed == known).mean())


def _folds(sentences: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of the training part and of the test part of each fold."""
    from sklearn.model_selection import GroupKFold

    return GroupKFold(_count(sentences)).split(sentences, groups=sentences)


def _count(sentences: Sequence[str]) -> int:
    return min(FOLDS, len(set(sentences)))


def _classify(vectors: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The labels of the ``others`` by a probe that is trained on ``vectors``; one label alone is all it can say."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(labels)) == 1:
        return np.full(len(others), labels[0])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    return classifier.fit(vectors, labels).predict(others)


def _write(feats: Path, data: Path, layers: Sequence[str], folder: Path, label: str) -> None:
    utterances, labels = datadir.read(data), read_column(data, label)
    known = [labels[u.id] for u in utterances]
    sentences = [u.sentence for u in utterances]
    if (classes := len(set(known))) < 2:
        raise DataError(f"{data / label}: a probe tells labels apart, at least 2, got {known[0]!r} alone")
    if _count(sentences) < 2:
        raise DataError(f"{data / 'utt2sent'}: a probe is tested on other sentences, at least 2, got 1")
    bank, rows = speech(feats, data), []
    for layer in track(layers, f"probe {data.name}", "layers"):
        features = ChainMap(*bank.features(Layer.parse(layer)).values())
        vectors = np.stack([np.asarray(features[u.id], dtype=np.float64).mean(0) for u in utterances])
        accuracy, chance = cross_validate(vectors, known, sentences)
        rows.append(Probe(layer, label, len(known), classes, _count(sentences), accuracy, chance))
    write_rows(folder / "probe.tsv", rows, Probe)

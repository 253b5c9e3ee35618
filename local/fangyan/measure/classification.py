"""Classification without training: what an utterance is about, by the nearest of a few label texts in a joint space.

Conventions
- A table says of each label, in a Mandarin text or several, what it means; it and the recordings are compared by the
  cosine of mean frames, at one layer of a joint space (`fangyan.measure.texts`). An utterance is of the label of the
  nearest text. Ties count against the encoder: of texts less than `TIE` from the nearest, one of a wrong label is it.
- Accuracy: the fraction of utterances whose label is found. Macro-F1: the mean over the labels that occur, as truth or
  as answer, of the harmonic mean of precision and recall (scikit-learn's ``f1_score``).
- Chance: of accuracy both 1 / labels, of a die, and ``majority``, of who always says the commonest label; it knows the
  truth, so it is no guess. Macro-F1 of the majority is ``majority_f1``.
- ``all`` is the mean over varieties, each with equal weight. Intervals: 95 %, by a bootstrap over sentences.

``exp/classify/scores/<set>/`` holds ``scores.tsv`` and ``answers.tsv``, a row an utterance.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fangyan.data import datadir
from fangyan.data.columns import read_column
from fangyan.data.entries import locate_id
from fangyan.encoders.choice import JOINT
from fangyan.errors import DataError, UserError, known_names
from fangyan.features import dump
from fangyan.features.layers import Layer
from fangyan.files import ROOT, produce
from fangyan.measure.bootstrap import DRAWS, interval, mean_and_interval, resample
from fangyan.measure.retrieval.sides import speech
from fangyan.measure.texts import check_speech, dump_texts, split_layer
from fangyan.measure.ties import TIE
from fangyan.tables import Count, Fraction, read_rows, write_rows

LABELS = "conf/mini_sinitic/labels.tsv"
ALL = "all"
"""The mean over varieties."""


@dataclass(frozen=True)
class LabelText:
    """A row of a table of labels."""

    label: str
    text: str


@dataclass(frozen=True)
class Classified:
    """A row of ``scores.tsv``: how many of the ``n`` utterances of a variety get their label, of ``labels``."""

    layer: str
    source: str
    label: str
    n: Count
    labels: Count
    accuracy: Fraction
    low: Fraction | None
    high: Fraction | None
    f1: Fraction
    f1_low: Fraction | None
    f1_high: Fraction | None
    chance: Fraction
    majority: Fraction
    majority_f1: Fraction
    clusters: str


@dataclass(frozen=True)
class Answer:
    """A row of ``answers.tsv``: the label of an utterance, and the one whose text is nearest."""

    source: str
    utterance: str
    sentence: str
    label: str
    answer: str


def classify(
    encoder: str,
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    label: str = "utt2topic",
    labels: str = LABELS,
    layer: str = JOINT,
    text: str = "",
) -> bool:
    """Writes ``out`` as above and says whether there was something to do.

    ``label``: the column with the labels of utterances; ``labels``: their texts, a file of the recipe or else of the
    repository, as `read_labels` says. ``feats``, ``layer`` and ``text`` as of `fangyan.measure.cross_modal`.
    """
    if Path(label).name != label:
        raise UserError(f"a label is the name of a file in the data directory, utt2topic say, got {label!r}")
    of_speech, of_text = split_layer(layer)
    check_speech(feats, sets, of_speech)
    path = Path(labels) if Path(labels).exists() else ROOT / labels
    known = read_labels(path)
    truth = {data: _truth(data, label, known, path) for data in sets}
    keys = {f"text{n:04d}": row for n, row in enumerate(known)}
    texts = dump_texts(text or encoder, {key: row.text for key, row in keys.items()}, "labels", of_text, out)
    written = []
    for data in sets:
        bank = feats / data.name
        inputs = {
            "feats": dump.identity_of(bank, Layer.parse(of_speech).names),
            "layer": layer,
            "label": label,
        }
        inputs |= {"data": datadir.tables(data, label), "texts": dump.identity_of(texts, [of_text])}
        inputs |= {"labels": [row.label for row in known]}
        answer = partial(_answers, bank, data, truth[data], texts, keys, (of_speech, of_text))
        written.append(
            produce(out / "scores" / data.name, inputs, partial(_write, answer, layer, label, known))
        )
    return any(written)


def read_labels(path: Path) -> list[LabelText]:
    """The rows of a table with the columns label and text, one or more of each label; `DataError` for one label."""
    if not path.is_file():
        raise UserError(f"{path}: no such file: a table with the columns label and text is needed")
    rows = read_rows(path, LabelText)
    for row in rows:
        if not row.label.strip() or not row.text.strip():
            raise DataError(f"{path}: every cell is filled, got label {row.label!r} with text {row.text!r}")
    if len({row.label for row in rows}) < 2:
        raise DataError(
            f"{path}: labels are told apart, at least 2, got {', '.join(r.label for r in rows) or 'none'}"
        )
    return rows


def nearest(scores: np.ndarray, truth: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The label of the nearest text by (n, m) ``scores`` with texts of ``labels``; a tie goes against the ``truth``."""
    right = np.array(truth)[:, None] == np.array(labels)
    return [labels[n] for n in np.where(right, scores - TIE, scores).argmax(1)]


def macro_f1(truth: Sequence[str], answers: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """The macro-F1 under each row of (draws, n) ``weights`` of the utterances: (draws,)."""
    names = np.array(sorted({*truth, *answers}))
    is_true, is_said = (np.array(some)[:, None] == names for some in (truth, answers))
    hits, true, said = (weights @ some.astype(float) for some in (is_true & is_said, is_true, is_said))
    occurs = true + said > 0
    return (2 * hits / np.maximum(true + said, 1e-12)).sum(1) / np.maximum(occurs.sum(1), 1)


def _truth(data: Path, label: str, known: Sequence[LabelText], path: Path) -> dict[str, str]:
    """The label of each utterance; `DataError` for one that has no text."""
    names, found = {row.label for row in known}, read_column(data, label)
    for key, value in found.items():
        if value not in names:
            where = locate_id(data / label, key)
            raise DataError(
                f"{where}: a label has a text in {path}, got {value!r}: {known_names(value, sorted(names))}"
            )
    return found


def _answers(
    feats: Path,
    data: Path,
    truth: Mapping[str, str],
    texts: Path,
    keys: Mapping[str, LabelText],
    layers: tuple[str, str],
) -> list[Answer]:
    from fangyan.measure.scores import SCORES

    score, bank, vectors = SCORES["pooled"], speech(feats, data), dump.read_features(texts, layers[1])
    candidates = score.prepare({key: vectors[key] for key in keys})
    names, found = [row.label for row in keys.values()], []
    for variety, features in bank.features(Layer.parse(layers[0])).items():
        scores = score.compare(score.prepare(features), candidates).cpu().double().numpy()
        right = [truth[key] for key in features]
        members = zip(bank.sides[variety].members(), right, nearest(scores, right, names), strict=True)
        found += [Answer(variety, *member, label, answer) for member, label, answer in members]
    return found


def _write(answer, layer: str, label: str, known: Sequence[LabelText], folder: Path) -> None:
    answers: list[Answer] = answer()
    labels = len({row.label for row in known})
    write_rows(folder / "answers.tsv", answers, Answer)
    write_rows(folder / "scores.tsv", _scores(answers, layer, label, labels), Classified)


def _scores(answers: Sequence[Answer], layer: str, label: str, labels: int) -> Iterator[Classified]:
    """A row for each variety, and the mean of them."""
    varieties = sorted({answer.source for answer in answers})
    for source in (*varieties, ALL):
        members = [a for a in answers if source in (a.source, ALL)]
        places = [(a.source, "", a.sentence) for a in members]
        *accuracy, clusters = mean_and_interval(places, np.array([a.label == a.answer for a in members]))
        majority = [_majority([a for a in members if a.source == v]) for v in {a.source for a in members}]
        guessed, guessed_f1 = np.mean(majority, 0).tolist()
        yield Classified(
            *(layer, source, label, len(members), labels, *accuracy, *_f1(members), 1 / labels),
            *(guessed, guessed_f1, clusters),
        )


def _f1(answers: Sequence[Answer]) -> tuple[float, float | None, float | None]:
    """The mean macro-F1 over varieties, and the ends of its interval, as of `mean_and_interval`."""
    drawn = resample(sorted({answer.sentence for answer in answers}), DRAWS)
    found, means = [], []
    for variety in sorted({answer.source for answer in answers}):
        members = [answer for answer in answers if answer.source == variety]
        truth, said = [a.label for a in members], [a.answer for a in members]
        found.append(_f1_score(truth, said))
        means.append(macro_f1(truth, said, np.stack([drawn[a.sentence] for a in members], 1)))
    if len(drawn) < 2:
        return float(np.mean(found)), None, None
    (low,), (high,) = interval(np.mean(means, 0)[:, None])
    return float(np.mean(found)), float(low), float(high)


def _majority(answers: Sequence[Answer]) -> tuple[float, float]:
    """Accuracy and macro-F1 of who always says the commonest label."""
    truth = [answer.label for answer in answers]
    label, count = Counter(sorted(truth)).most_common(1)[0]
    return count / len(truth), _f1_score(truth, [label] * len(truth))


def _f1_score(truth: Sequence[str], said: Sequence[str]) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, said, average="macro", zero_division=0))

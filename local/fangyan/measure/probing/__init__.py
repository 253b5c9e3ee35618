"""Probing: what of a label (variety, speaker, topic, a word, ...) a linear classifier reads from each layer.

After Alain & Bengio (2016, arXiv 1610.01644): the features stay as they are, only the classifier is trained.

Conventions
- ``features: mean``: an item is an utterance, its vector the mean of its frames; ``features: frame``: an item is a
  frame, ten of an utterance, drawn by a seed, and its label is that of its utterance. Each dimension has mean 0 and
  variance 1 over the training part.
- The classifier is multinomial logistic regression with the L2 penalty of scikit-learn's default (C = 1).
- Cross-validation in five folds. ``folds: sentence``: no sentence (utt2sent) is in the training part and in the test
  part, in whichever variety, so that what was said tells nothing; ``folds: speaker``: no speaker (utt2spk), so that a
  voice tells nothing; ``folds: both``.
- Accuracy: the fraction of all items whose label is found by the probe that was not trained on their fold. Interval:
  95 %, by a bootstrap over sentences, or over speakers where these were held out.
- Chance: the same of always choosing the commonest label of the training part. Where speakers are held out it is the
  commonest of all items: what training lacks of a label, the test part has more of, and a guess by it would be worse
  than none.
- Control (Hewitt & Liang 2019, arXiv 1909.03368): the accuracy of the same probe on labels without sense, one for each
  *type*, drawn by a seed. A type is what training and test part have in common: with folds of sentences the speaker,
  with folds of speakers the sentence; of both it is the utterance, so nothing is in common. Selectivity, accuracy minus
  control, is what a probe owes to the label rather than to knowing speakers, or sentences, by heart. Where the label
  says who speaks (folds of sentences) or what is said (folds of speakers), the control is as easy as the task, and
  selectivity about 0: look at chance.
- ``word: 吃`` in place of a label: whether the Mandarin text (text_cmn) has that word, in whatever variety it is said.
- ``column: text_cmn``: the same of texts, to stand beside speech: the items are the same utterances in the same folds,
  but the vector of each is that of its sentence's text, at every layer of the text side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.features.layers import Layer
from fangyan.measure.bootstrap import mean_and_interval
from fangyan.measure.probing.classifier import (
    BOTH,
    SENTENCE,
    SPEAKER,
    control_labels,
    count_folds,
    predict,
    splits,
)
from fangyan.measure.probing.classifier import cross_validate as cross_validate
from fangyan.measure.probing.items import MEAN, Items, check_features, read_labels
from fangyan.measure.retrieval import write_each_set
from fangyan.measure.retrieval.sides import open_bank
from fangyan.measure.texts import COLUMN, dump_column
from fangyan.progress import track
from fangyan.tables import Count, Fraction, write_rows

SPEECH = "speech"
TEXTS = ".texts"
"""Where in the folder of its results the features of a text column are."""


@dataclass(frozen=True)
class Probe:
    """A row of ``probe.tsv``: accuracy, chance and control of a layer; ``n`` items of ``classes`` labels."""

    layer: str
    label: str
    n: Count
    classes: Count
    folds: Count
    accuracy: Fraction
    chance: Fraction
    low: Fraction | None = None
    high: Fraction | None = None
    control: Fraction | None = None
    held_out: str = SENTENCE
    features: str = MEAN
    side: str = SPEECH  # or a text column
    clusters: str = ""


@dataclass(frozen=True)
class _Asked:
    """What is to be read, from what, in which folds."""

    label: str
    word: str
    held_out: str
    features: str
    column: str

    @property
    def settings(self) -> dict[str, str]:
        """What tells results apart: of an option only what is not its default."""
        usual = _Asked(self.label, "", SENTENCE, MEAN, "")
        found = {name: value for name, value in vars(self).items() if value != getattr(usual, name)}
        return {"label": self.label} | found

    @property
    def name(self) -> str:
        """What the label is called in a table."""
        return self.label or f"word:{self.word}"


def probe(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    label: str = "",
    layers: Sequence[str] = (),
    word: str = "",
    folds: str = SENTENCE,
    features: str = MEAN,
    column: str = "",
    text: str = "",
    encoder: str = "",
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to write: ``probe.tsv``, a row of `Probe` for each of ``layers``.

    ``label``: a file of ``id value`` lines of each data directory, ``utt2lang`` say, or else a ``word``. ``feats``,
    ``sets`` and ``layers`` as in `measure.retrieval.retrieve`. ``column``: a text column to be probed in place of the
    recordings, all layers of the encoder of text ``text``, by default ``encoder``. `UserError` if ``label`` is no file
    name, and for words that are no choice; `DataError` where it has not the ids of the data directory, and for fewer
    than 2 labels, sentences or speakers.
    """
    if bool(label) == bool(word):
        given = f"label {label!r} and word {word!r}"
        raise UserError(f"a probe reads a label, such as utt2lang, or else a word, got {given}")
    if Path(label).name != label:
        raise UserError(f"a label is the name of a file in the data directory, utt2lang say, got {label!r}")
    check_features(features)
    splits(folds, ["a", "b"], ["a", "b"])
    asked = _Asked(label, word, folds, features, column)
    if column:
        feats, layers = dump_column(text or encoder, sets, column, "", out / TEXTS), ()
    write, identify = partial(_write, asked=asked), lambda data: datadir.tables(data, label or COLUMN)
    return write_each_set(feats, sets, out, asked.settings, write, layers, identify)


def _write(feats: Path, data: Path, layers: Sequence[str], folder: Path, asked: _Asked) -> None:
    utterances = datadir.read(data)
    labels = read_labels(data, asked.label, asked.word, utterances)
    _check_groups(data, utterances, asked.held_out)
    bank, rows = open_bank(feats, data, asked.column), []
    for layer in track(layers, f"probe {data.name}", "layers"):
        items = Items.of(bank, Layer.parse(layer), utterances, asked.features)
        rows.append(_row(layer, items, labels, utterances, asked))
    write_rows(folder / "probe.tsv", rows, Probe)


def _row(
    layer: str, items: Items, labels: Sequence[str], utterances: Sequence[Utterance], asked: _Asked
) -> Probe:
    of_items = [utterances[n] for n in items.places]
    sentences, speakers = [u.sentence for u in of_items], [u.speaker for u in of_items]
    known = np.array([labels[n] for n in items.places])
    folds = splits(asked.held_out, sentences, speakers)
    found, guessed = predict(items.vectors, known, folds)
    tested = found != ""
    types = {SENTENCE: speakers, SPEAKER: sentences, BOTH: [u.id for u in of_items]}[asked.held_out]
    control = control_labels(known, types)
    senseless, _ = predict(items.vectors, control, folds)
    groups = np.array(speakers if asked.held_out == SPEAKER else sentences)[tested]
    accuracy, low, high, clusters = mean_and_interval(
        [("", "", group) for group in groups], (found == known)[tested]
    )
    return Probe(
        *(
            layer,
            asked.name,
            int(tested.sum()),
            len(set(labels)),
            _count(asked.held_out, sentences, speakers),
        ),
        *(accuracy, _chance(asked.held_out, guessed[tested], known[tested]), low, high),
        *(
            float((senseless == control)[tested].mean()),
            asked.held_out,
            asked.features,
            asked.column or SPEECH,
        ),
        clusters.replace("sentence", "speaker") if asked.held_out == SPEAKER else clusters,
    )


def _chance(held_out: str, guessed: np.ndarray, known: np.ndarray) -> float:
    if held_out == SENTENCE:
        return float((guessed == known).mean())
    return float(np.unique(known, return_counts=True)[1].max() / len(known))


def _count(held_out: str, sentences: Sequence[str], speakers: Sequence[str]) -> int:
    return count_folds(speakers if held_out == SPEAKER else sentences)


def _check_groups(data: Path, utterances: Sequence[Utterance], held_out: str) -> None:
    """`DataError` where nothing can be held out."""
    for what, of, groups in (
        ("sentences", "utt2sent", {u.sentence for u in utterances}),
        ("speakers", "utt2spk", {u.speaker for u in utterances}),
    ):
        if len(groups) < 2 and (held_out == BOTH or what.startswith(held_out)):
            raise DataError(f"{data / of}: a probe is tested on other {what}, at least 2, got 1")

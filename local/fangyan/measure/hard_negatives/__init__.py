"""Hard negatives: does speech find its text among texts that differ from it in a number, a negation, a name, a place?

After xsim++ (Chen et al. 2023, arXiv 2306.12907), for Mandarin; the rules are ours, ``conf/hard_negatives.tsv``, and
what they do with a sentence says `fangyan.measure.hard_negatives.changes`.

Conventions
- Queries are the recordings of a set, candidates its sentences, each once, as the text column has them: against
  ``sentences`` they are these alone; against ``variants`` they are these and the variants of *all* sentences.
- Score: the cosine of the mean frame of the recording and that of the text, at one layer of a joint space. Ties count
  against the encoder, as in `fangyan.measure.retrieval`.
- Chance is the R@1 of a random order: 1 / candidates.
- By kind of change, over the recordings whose sentence has variants of that kind: ``outranked`` is how often one of
  these scores at least as high as the truth, by chance v / (v + 1) for v variants. ``errors`` counts the recordings
  whose best candidate is not the truth but of that kind. What comes from another sentence, itself or a variant of it,
  is of the kind ``sentence``.
- ``all`` is the mean over varieties, each with equal weight. Intervals: 95 %, by a bootstrap over sentences.

``exp/hard_negatives/scores/<set>/`` holds ``scores.tsv``, ``kinds.tsv`` and ``variants.tsv``; beside it lie the texts
and their features.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from fangyan.data import datadir
from fangyan.encoders.choice import JOINT
from fangyan.errors import DataError, UserError
from fangyan.features import dump, sentences
from fangyan.features.layers import Layer
from fangyan.files import fingerprint, produce
from fangyan.measure.bootstrap import mean_and_interval
from fangyan.measure.hard_negatives.changes import RULES, Variant, variants
from fangyan.measure.hard_negatives.outcomes import NO_CHANGE, Outcomes, outcomes
from fangyan.measure.retrieval.sides import speech
from fangyan.measure.texts import COLUMN, check_speech, dump_texts, split_layer
from fangyan.tables import Count, Fraction, Total, write_rows

ALL = "all"
"""The mean over varieties."""
SENTENCES, VARIANTS = "sentences", "variants"
"""What speech is compared with: the sentences of the set, or their variants as well."""

type Found = Mapping[str, tuple[Sequence[str], Outcomes]]
"""By variety: the sentence of each recording, and what became of them."""


@dataclass(frozen=True)
class HardScore:
    """A row of ``scores.tsv``: R@1 of the recordings of a variety ``against`` so many candidates, with its interval."""

    layer: str
    source: str
    against: str
    n: Count
    candidates: Count
    recall_at_1: Fraction
    low: Fraction | None
    high: Fraction | None
    clusters: str
    chance: Fraction


@dataclass(frozen=True)
class KindOfChange:
    """A row of ``kinds.tsv``: how often variants of a kind outrank the truth of ``n`` recordings that have such."""

    layer: str
    source: str
    kind: str
    n: Count
    outranked: Fraction
    low: Fraction | None
    high: Fraction | None
    chance: Fraction
    errors: Total


@dataclass(frozen=True)
class Changed:
    """A row of ``variants.tsv``: a sentence, and what was made of it."""

    id: str
    sentence: str
    kind: str
    text: str
    variant: str


@dataclass(frozen=True)
class _Set:
    """A set with its sentences, id -> text, and their variants."""

    data: Path
    texts: dict[str, str]
    made: list[Variant]

    @classmethod
    def of(cls, data: Path, column: str) -> "_Set":
        texts = {sentence.id: sentence.text for sentence in sentences.read(data, column)}
        made = variants(texts)
        if not made:
            raise DataError(f"{data / column}: nothing stands in these texts that a rule of {RULES} changes")
        return cls(data, texts, made)

    @property
    def candidates(self) -> dict[str, str]:
        """Id -> text, the sentences first."""
        return self.texts | {variant.id: variant.text for variant in self.made}


def hard_negatives(
    encoder: str,
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    column: str = COLUMN,
    layer: str = JOINT,
    text: str = "",
) -> bool:
    """Writes ``out`` as above and says whether there was something to do.

    ``feats``, ``layer`` and ``text`` as of `fangyan.measure.cross_modal`; ``column``: that of the Mandarin texts.
    `DataError` where the rules find nothing in a set.
    """
    if column == sentences.OWN:
        raise UserError(f"hard negatives change the one text of a sentence, {COLUMN} say, got {column}")
    of_speech, of_text = split_layer(layer)
    check_speech(feats, sets, of_speech)
    written = []
    for one in [_Set.of(data, column) for data in sets]:
        texts = dump_texts(text or encoder, one.candidates, one.data.name, of_text, out)
        bank = feats / one.data.name
        inputs = {"feats": dump.identity_of(bank, Layer.parse(of_speech).names), "layer": layer}
        inputs |= {"data": datadir.tables(one.data), "texts": dump.identity_of(texts, [of_text])}
        inputs |= {"variants": fingerprint([vars(variant) for variant in one.made])}
        found = partial(_compare, one, bank, texts, of_speech, of_text)
        written.append(produce(out / "scores" / one.data.name, inputs, partial(_write, one, layer, found)))
    return any(written)


def _compare(one: _Set, feats: Path, texts: Path, speech_layer: str, text_layer: str) -> Found:
    from fangyan.measure.scores import SCORES

    score, bank = SCORES["pooled"], speech(feats, one.data)
    vectors = dump.read_features(texts, text_layer)
    candidates = score.prepare({key: vectors[key] for key in one.candidates})
    origins = [*one.texts, *(variant.sentence for variant in one.made)]
    kinds = [NO_CHANGE] * len(one.texts) + [variant.kind for variant in one.made]
    found = {}
    for name, features in bank.features(Layer.parse(speech_layer)).items():
        scores = score.compare(score.prepare(features), candidates).cpu().double().numpy()
        queries = bank.sides[name].sentences
        found[name] = queries, outcomes(scores, queries, origins, kinds)
    return found


def _write(one: _Set, layer: str, compare: Callable[[], Found], folder: Path) -> None:
    found = compare()
    counts = {SENTENCES: len(one.texts), VARIANTS: len(one.candidates)}
    write_rows(folder / "scores.tsv", _scores(layer, found, counts), HardScore)
    write_rows(folder / "kinds.tsv", _kinds(layer, found), KindOfChange)
    changed = (Changed(v.id, v.sentence, v.kind, one.texts[v.sentence], v.text) for v in one.made)
    write_rows(folder / "variants.tsv", changed, Changed)


def _scores(layer: str, found: Found, counts: Mapping[str, int]) -> Iterator[HardScore]:
    for source in (*found, ALL):
        members = _members(found, source)
        for against, field in ((SENTENCES, "found"), (VARIANTS, "found_among_variants")):
            hits = {name: getattr(outcome, field) for name, (_, outcome) in members.items()}
            ends = _mean({name: queries for name, (queries, _) in members.items()}, hits)
            n = sum(map(len, hits.values()))
            yield HardScore(layer, source, against, n, counts[against], *ends, 1 / counts[against])


def _kinds(layer: str, found: Found) -> Iterator[KindOfChange]:
    """A row for each kind that any recording of a variety has a rival of."""
    names = list(dict.fromkeys(chain.from_iterable(outcome.rivals for _, outcome in found.values())))
    for source in (*found, ALL):
        for kind in names:
            members = {
                name: (np.array(queries), outcome, has)
                for name, (queries, outcome) in _members(found, source).items()
                if (has := outcome.rivals.get(kind, np.zeros(1)) > 0).any()
            }
            if members:
                yield _kind(layer, source, kind, members)


def _kind(layer: str, source: str, kind: str, members: Mapping[str, tuple]) -> KindOfChange:
    rivals = {name: outcome.rivals[kind][has] for name, (_, outcome, has) in members.items()}
    outranked = {name: outcome.outranked[kind][has] for name, (_, outcome, has) in members.items()}
    ends = _mean({name: queries[has] for name, (queries, _, has) in members.items()}, outranked)
    chance = np.mean([(some / (some + 1)).mean() for some in rivals.values()])
    errors = sum(int((outcome.first == kind).sum()) for _, outcome, _ in members.values())
    return KindOfChange(layer, source, kind, sum(map(len, rivals.values())), *ends[:3], float(chance), errors)


def _members(found: Found, source: str) -> Found:
    """One variety, or all of them."""
    return found if source == ALL else {source: found[source]}


def _mean(
    sentences_of: Mapping[str, Iterable[str]], values: Mapping[str, np.ndarray]
) -> tuple[float, float | None, float | None, str]:
    """The mean over varieties, the ends of its interval, and what was drawn."""
    places = [(name, "", sentence) for name, queries in sentences_of.items() for sentence in queries]
    return mean_and_interval(places, np.concatenate([*values.values()]))

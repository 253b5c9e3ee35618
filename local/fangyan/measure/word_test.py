"""Meaning or sound, word by word: is a layer nearer to a word's synonym in another variety, or to a near-homophone?

After the word-level test of Shim et al. (2025, arXiv 2505.19606), whose word lists are not published; list and score
are ours. A triple of ``conf/mini_sinitic/triples.tsv`` is a word of one variety and two of another: the synonym, which
sounds different, and the homophone, which sounds alike and means something else.

Conventions
- espeak-ng speaks every word in each of `VOICES`, which no set of the embedded corpus is trained on. A triple is asked
  once for each two different voices: the word in one, synonym and homophone both in the other, so that the voice
  favours neither.
- Preference: how often the word is more like the synonym than like the homophone, ties counting half; 0.5 by chance, 0
  for phonetic distance. The mean is over the ordered pairs of varieties, each weighing the same, of the mean over
  triples.
- Intervals: 95 %, by a bootstrap over triples (`fangyan.measure.bootstrap`). They speak of other words in these voices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched, permutations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fangyan.corpora.mini_sinitic import READ_BY
from fangyan.corpora.mini_sinitic import VOICES as CORPUS_VOICES
from fangyan.data import audio
from fangyan.encoders import Encoder, identity, load_encoder
from fangyan.errors import DataError
from fangyan.files import ROOT, fingerprint, produce
from fangyan.ipa import espeak
from fangyan.ipa.espeak import Voice
from fangyan.measure.bootstrap import bootstrap_means, interval, sort_into_cells
from fangyan.progress import Progress, track
from fangyan.tables import Count, Fraction, read_rows, write_rows

if TYPE_CHECKING:
    import torch

TRIPLES = ROOT / "conf" / "mini_sinitic" / "triples.tsv"
VOICES = CORPUS_VOICES["test"]
BATCH = 32
"""Words that are encoded at a time."""


@dataclass(frozen=True)
class Triple:
    """A word of the variety ``source``, its synonym and a near-homophone in ``target``, as the table spells them."""

    source: str
    target: str
    meaning: str
    word: str
    synonym: str
    homophone: str
    homophone_means: str

    @property
    def words(self) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str]]:
        """Variety and spelling of word, synonym and homophone."""
        return (self.source, self.word), (self.target, self.synonym), (self.target, self.homophone)


@dataclass(frozen=True)
class Preference:
    """A row of ``layers.tsv``: how often a word is nearer to its synonym, and the ends of the 95 % interval."""

    layer: str
    n: Count  # triples
    voices: Count
    preference: Fraction
    low: Fraction
    high: Fraction
    chance: Fraction


@dataclass(frozen=True)
class WordPreference:
    """A row of ``words.tsv``: the preference for a triple at one layer."""

    layer: str
    source: str
    target: str
    word: str
    synonym: str
    homophone: str
    preference: Fraction
    margin: float  # similarity to the synonym minus that to the homophone


def triples(path: Path = TRIPLES) -> list[Triple]:
    """The rows of the table; `DataError` for missing columns, empty cells and varieties without a voice."""
    found = read_rows(path, Triple)
    for n, triple in enumerate(found, 1):
        if not all(cell.strip() for cell in vars(triple).values()):
            raise DataError(f"{path}: row {n}: every cell is filled, got {triple}")
        for variety in (triple.source, triple.target):
            if variety not in READ_BY:
                raise DataError(f"{path}: row {n}: varieties are {' '.join(READ_BY)}, got {variety!r}")
    return found


def spell_for_voice(variety: str, spelling: str) -> str:
    """A word as the voice of its variety reads it: without the characters in brackets, Hakka respelt."""
    word = spelling.partition(" (")[0]
    return espeak.respell_hakka(word) if variety == "hak" else word


def preferences(scores: "torch.Tensor", asked: Sequence[Triple], spoken: Sequence[tuple]) -> np.ndarray:
    """For each triple (preference, margin): (n, 2) float64.

    ``scores``: (N, N), of all words of ``spoken`` (variety, spelling, voice) against each other. The margin is the mean
    of the similarity to the synonym minus that to the homophone.
    """
    place = {word: n for n, word in enumerate(spoken)}
    found = []
    for triple in asked:
        word, synonym, homophone = triple.words
        voices = list(permutations(dict.fromkeys(voice for *_, voice in spoken), 2))
        margins = np.array(
            [
                float(
                    scores[place[*word, a], place[*synonym, b]]
                    - scores[place[*word, a], place[*homophone, b]]
                )
                for a, b in voices
            ]
        )
        found.append(((np.sign(margins) / 2 + 0.5).mean(), margins.mean()))
    return np.array(found)


def synonymy(encoder: str, out: Path, score: str = "seqsim") -> bool:
    """Writes ``out``, says whether it had to: ``layers.tsv``, a row a layer, ``words.tsv``, a row a layer and triple.

    ``encoder``: a SPEC of `fangyan.encoders`; ``score``: a name of `fangyan.measure.scores`.
    """
    inputs = {
        "encoder": identity(encoder),
        "words": fingerprint(TRIPLES, espeak.stamp(), VOICES),
        "score": score,
    }
    return produce(out, inputs, partial(_write, encoder, score))


def _write(spec: str, score: str, folder: Path) -> None:
    from fangyan.measure.scores import choose

    asked, chosen = triples(), choose(score)
    words = dict.fromkeys(word for triple in asked for word in triple.words)
    spoken = [(*word, voice) for word in words for voice in VOICES]
    by_layer: list[Preference] = []
    by_word: list[WordPreference] = []
    features_of = _features(load_encoder(spec), spoken)
    for layer, features in track(list(features_of.items()), "word test", "layers"):
        ready = chosen.prepare(features)
        found = preferences(chosen.compare(ready, ready).cpu(), asked, spoken)
        by_layer.append(_summary(layer, asked, found[:, 0]))
        for t, values in zip(asked, found.tolist(), strict=True):
            by_word.append(WordPreference(layer, t.source, t.target, t.word, t.synonym, t.homophone, *values))
    write_rows(folder / "words.tsv", by_word, WordPreference)
    write_rows(folder / "layers.tsv", by_layer, Preference)


def _summary(layer: str, asked: Sequence[Triple], preference: np.ndarray) -> Preference:
    found = sort_into_cells([(t.source, t.target, f"{t.word}-{t.synonym}") for t in asked])
    (low,), (high,) = interval(bootstrap_means(found, preference[None]))
    return Preference(
        layer, len(asked), len(VOICES), found.mean(preference), float(low), float(high), chance=0.5
    )


def _features(encoder: Encoder, spoken: Sequence[tuple[str, str, str]]) -> dict[str, dict[tuple, np.ndarray]]:
    """Layer -> features of each spoken word."""
    found: dict[str, dict[tuple, np.ndarray]] = {layer: {} for layer in encoder.layers}
    with Progress("word test", len(spoken), "words") as bar:
        for some in batched(spoken, BATCH):
            features_of_layers = encoder.encode_finite([_speak(*word) for word in some])
            for layer, features in zip(found, features_of_layers, strict=True):
                found[layer] |= dict(zip(some, features, strict=True))
            bar.update(len(some))
    return found


def _speak(variety: str, spelling: str, voice: str) -> np.ndarray:
    spoken = espeak.synthesise(spell_for_voice(variety, spelling), Voice(f"{READ_BY[variety]}+{voice}"))
    return audio.resample(*spoken)

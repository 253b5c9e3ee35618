"""Pronunciation control: does an encoder align varieties by meaning, or do cognates just sound alike?

After Shim et al. (2025, arXiv 2505.19606): pairs whose retrieval success phonetic overlap could explain are taken out.
Their distance and threshold are not published; the distance (`ipa.phonetic_distance`) and all that follows is ours.

Conventions, for one ordered pair of varieties, with the queries, candidates and ranks of `fangyan.measure.retrieval`
- Phonetics only: candidates ranked by how near their sound is. That is how far an encoder gets by phonetic distance.
- The controlled set: the queries whose nearest right candidate is not nearer in sound than the q-quantile of its wrong
  candidates (q = 0.5: than the median). Candidates stay as they are. On it phonetics only has R@1 = 0 by construction,
  as some wrong candidate is at least as near: sound misleads there, so that an encoder of nothing but sound falls
  to chance or below, and one that stays above chance hears something else. The smaller q, the larger the set and the
  weaker the control; q = 0 takes out no more than the queries that phonetic distance gets right.
- Bins: the queries of all ordered pairs, in the order of the distance to their nearest right candidate, cut into bins
  of equal count (equal distances may fall into two bins).
- Partial correlation: of similarity and being a right candidate (0, 1), given phonetic distance, over all pairs of
  query and candidate; similarity and distance as ranks among the candidates of the query (`ranking.levels`), so that
  whatever falls steadily with distance leaves nothing. Pearson's on these. Among m candidates of which 1 is right, a
  perfect ranking correlates sqrt(3 / (m + 1)) with being right: 0.22 for m = 60, not 1. Sound that the distance misses
  is not taken out, so an encoder of nothing but sound comes near 0, hardly to it.
- The last row of a layer, ``all`` to ``all``, pools the queries of all ordered pairs, so that each query weighs the
  same; its partial correlation is the mean over the pairs that have one.
- What cannot be told (no query controlled, all scores of one query equal) is an empty cell.
- The IPA of an utterance is that of the data (utt2ipa), else what a dictionary makes of its wording
  (`fangyan.ipa.dictionaries`). Utterances without a known segment take no part. How many of each is said on stderr.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isnan
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.features import dump
from fangyan.features.layers import Layer
from fangyan.files import write_table
from fangyan.ipa import dictionaries, phonetic_distance
from fangyan.ipa.dictionaries import IpaSource
from fangyan.measure.pronunciation_control.queries import (
    Pairing,
    Queries,
    bin_by_distance,
    concatenate_queries,
    controlled_queries,
    nearest,
    partial_correlation,
    summary,
)
from fangyan.measure.retrieval import write_each_set
from fangyan.measure.retrieval.pairs import Scorer, comparable_pairs
from fangyan.measure.retrieval.ranking import ranks
from fangyan.measure.retrieval.sides import Bank, Side, Sides, by_variety, speech
from fangyan.progress import Progress, track
from fangyan.tables import Correlation, Count, Fraction, Total, write_rows

if TYPE_CHECKING:
    from torch import Tensor

ALL = "all"
"""Source and target of the row that pools all ordered pairs."""


@dataclass(frozen=True)
class Controlled:
    """A row of ``controlled.tsv``: a layer on an ordered pair, or from all to all; None where it cannot be told."""

    layer: str
    source: str
    target: str
    n: Count
    recall_at_1: Fraction
    chance: Fraction
    quantile: Fraction
    n_controlled: Total
    recall_at_1_controlled: Fraction | None
    mrr_controlled: Fraction | None
    chance_controlled: Fraction | None
    phonetics_recall_at_1: Fraction
    phonetics_recall_at_1_controlled: Fraction | None
    partial_correlation: Correlation | None


@dataclass(frozen=True)
class Bin:
    """A row of ``bins.tsv``: the queries of a layer whose phonetic distance is from ``low`` to ``high``."""

    layer: str
    bin: Count
    low: Fraction
    high: Fraction
    n: Count
    recall_at_1: Fraction
    chance: Fraction


def control(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    score: str = "seqsim",
    quantile: float = 0.05,
    layers: Sequence[str] = (),
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to: ``controlled.tsv`` and ``bins.tsv`` for each of ``layers``.

    ``feats``, ``sets``, ``score`` and ``layers`` as in `measure.retrieval.retrieve`; ``quantile`` in [0, 1] as above.
    Where IPA came from is in ``pronunciation.tsv``; symbols without articulatory features are counted in
    ``.unknown.tsv``. A set in which no two varieties share 2 sentences with known IPA cannot be controlled: that is
    said, and its folder has nothing but the former. Features of texts cannot either: of these there is no table.
    `UserError` for an unknown score or layer or a quantile out of range; `DataError` as `measure.retrieval.retrieve`.
    """
    if not 0 <= quantile <= 1:
        raise UserError(f"a quantile is a number from 0 to 1, got {quantile}")
    write = partial(_write, score=score, quantile=quantile)
    settings = {"score": score, "quantile": quantile, "readings": dictionaries.identity()}
    return write_each_set(feats, sets, out, settings, write, layers)


def _write(feats: Path, data: Path, layers: Sequence[str], folder: Path, score: str, quantile: float) -> None:
    if column := dump.column_of(feats):
        _report(data, [f"not controlled for sound, which texts ({column}) do not have: {feats}"])
        return
    utterances, sources = dictionaries.add_ipa(datadir.read(data))
    write_rows(folder / "pronunciation.tsv", sources, IpaSource)
    sides = by_variety(u for u in utterances if len(phonetic_distance.segments(u.ipa)))
    try:
        pairs, _ = comparable_pairs(data, sides)
    except DataError:
        _report(data, [_no_control(utterances, sides)])
        return
    _write_unknown(data, utterances, sources, folder)
    ipas = {u.id: u.ipa for u in utterances}
    tracked = track(pairs, f"phonetic distance {data.name}", "pairs of varieties")
    pairings = [_pairing(sides[a], sides[b], ipas) for a, b in tracked]
    _write_layers(speech(feats, data), sides, pairings, layers, folder, score, quantile)


def _write_unknown(
    data: Path, utterances: Sequence[Utterance], sources: Iterable[IpaSource], folder: Path
) -> None:
    """Writes how often each symbol occurs that distances leave out of account; prints what a reader should know."""
    unknown = phonetic_distance.count_unknown(u.ipa for u in utterances)
    counts = [{"symbol": symbol, "count": count} for symbol, count in unknown.most_common()]
    write_table(folder / ".unknown.tsv", counts, ("symbol", "count"))
    _report(data, dictionaries.notices(utterances, sources, unknown))


def _write_layers(
    bank: Bank,
    sides: Sides,
    pairings: Sequence[Pairing],
    layers: Sequence[str],
    folder: Path,
    score: str,
    quantile: float,
) -> None:
    """Writes ``controlled.tsv`` and ``bins.tsv`` of each of ``layers``."""
    from fangyan.measure.scores import choose

    rows: list[Controlled] = []
    binned: list[Bin] = []
    title, chosen = f"control {bank.data.name}", choose(score)
    with Progress(title, len(layers) * len(pairings), "pairs of varieties") as bar:
        for layer in layers:
            scorer = Scorer(sides, bank.features(Layer.parse(layer)), chosen)
            try:
                found = list(_layer(scorer, pairings, quantile, bar.update))
            except DataError as error:
                raise DataError(f"{bank.home / layer}: {error}") from None
            of_pairs = sorted((row for row, _ in found), key=itemgetter("source", "target"))
            pooled = concatenate_queries(queries for _, queries in found)
            of_layer = *of_pairs, _all(of_pairs, pooled)
            rows += (Controlled(layer, quantile=quantile, **row) for row in of_layer)
            binned += (Bin(layer, **row) for row in bin_by_distance(pooled))
    write_rows(folder / "bins.tsv", binned, Bin)
    write_rows(folder / "controlled.tsv", rows, Controlled)


def _report(data: Path, messages: Iterable[str]) -> None:
    for message in messages:
        print(f"{data}: {message}", file=sys.stderr)


def _no_control(utterances: Sequence[Utterance], sides: Sides) -> str:
    """Why a set cannot be controlled."""
    known, codes = sum(len(side.ids) for side in sides.values()), ", ".join(sides) or "none"
    return (
        "not controlled for sound, which takes two varieties that share 2 sentences with IPA (utt2ipa, or text that a "
        f"dictionary reads), got IPA of {known:,} of {len(utterances):,} utterances (varieties: {codes})"
    )


def _pairing(source: Side, target: Side, ipas: Mapping[str, str]) -> Pairing:
    """The pairing of two varieties; ``ipas``: how each utterance sounds."""
    shared = source.shared(target), target.shared(source)
    queries, candidates = (np.array(side.sentences) for side in shared)
    distances = phonetic_distance.distance_matrix(*([ipas[key] for key in side.ids] for side in shared))
    right = queries[:, None] == candidates
    import torch

    return Pairing(source.name, target.name, *map(torch.from_numpy, (right, distances)))


def _turned(it: Pairing) -> Pairing:
    return Pairing(it.target, it.source, it.right.T, it.distances.T)


def _layer(
    scorer: Scorer, pairings: Iterable[Pairing], quantile: float, scored: Callable[[], object]
) -> Iterator[tuple[dict, Queries]]:
    """A row and the queries for each direction of each pair; one matrix of a symmetric score serves both."""
    for pairing in pairings:
        both = scorer.both_ways(pairing.source, pairing.target)
        for there, scores in zip((pairing, _turned(pairing)), both, strict=True):
            yield _evaluate(there, scores, quantile)
        scored()


def _evaluate(pairing: Pairing, scores: "Tensor", quantile: float) -> tuple[dict, Queries]:
    right, distances = pairing.right, pairing.distances
    queries = Queries(
        rank=ranks(scores, right),
        rank_by_sound=ranks(-distances, right),
        chance=right.double().mean(1),
        distance=nearest(distances, right),
        controlled=controlled_queries(distances, right, quantile),
    )
    row = {"source": pairing.source, "target": pairing.target} | summary(queries)
    return row | {"partial_correlation": partial_correlation(scores, distances, right)}, queries


def _all(of_pairs: Iterable[dict], pooled: Queries) -> dict:
    """The row of all ordered pairs together."""
    told = [row["partial_correlation"] for row in of_pairs if not isnan(row["partial_correlation"])]
    mean = fmean(told) if told else float("nan")
    return {"source": ALL, "target": ALL} | summary(pooled) | {"partial_correlation": mean}

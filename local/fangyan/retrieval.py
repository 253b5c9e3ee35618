"""Speech-to-speech retrieval: how often the utterance that is most alike says the same in another variety.

Conventions
- Two utterances are translations of each other iff their sentence id (utt2sent) is equal.
- For every ordered pair of different varieties: the queries are the utterances of the source, the candidates those
  of the target, both only with sentences that both varieties have. Each recording of a sentence is a query of its
  own, and any recording of its sentence in the target is a right answer.
- The rank of a query is 1 + the number of wrong candidates that score at least as high as its best right one.
  So ties count against the encoder: one whose scores are all equal has the worst rank, not a lucky one. Scores
  less than `TIE` apart are equal; what is closer is rounding, which differs from machine to machine.
- R@k: fraction of queries with rank <= k. MRR: mean of 1 / rank. Median rank: midway between the middle two of an
  even number. Chance: R@1 of a random order, which is the mean over the queries of (right candidates) / (candidates).
- Varieties that share fewer than 2 sentences leave nothing to confuse; their pairs are not scored, but listed in
  ``.skipped.tsv``. A set without any pair to score is an error.
- The mean of two groups is over the ordered pairs of a variety of the one and a variety of the other, each pair with
  equal weight; of the median rank it is the mean of the pairs' medians. A cell of two different groups is ``across``:
  these are what the protocol of the benchmark publishes, 56 of the 8 x 8 cells of its groups (Chang et al. 2026). A
  cell of one group, over the ordered pairs of its different varieties, is ``within``: our extension. A group of one
  variety has none.
- A layer ``a+b`` is the layers a and b concatenated frame by frame (`fangyan.similarity.concatenate`).

Files, all of one pass: ``pairs.tsv`` and ``groups.tsv``; and ``ranks.tsv``, one row a query, which both can be computed
from (`fangyan.statistics` does).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor
from tqdm import tqdm

from fangyan import datadir, dump
from fangyan.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import produce, write_table
from fangyan.similarity import Features, Score, choose, concatenate
from fangyan.varieties import group_of

type Varieties = dict[str, list[Utterance]]

TIE = 1e-6
"""Scores closer than this are equal: some ten roundings of a float32 cosine."""


@dataclass(frozen=True)
class Ranking:
    """The ranks of the queries of one ordered pair of varieties."""

    queries: Tensor  # (n,): their places among the utterances of the source
    rank: Tensor  # (n,) int64, 1 is best
    right: Tensor  # (n,): how many of the candidates are right answers
    candidates: int


@dataclass(frozen=True)
class Metrics:
    """What the retrieval of ``n`` queries gave: ranks, and fractions in [0, 1]."""

    n: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    median_rank: float
    chance: float


MEANS = tuple(name for name in Metrics.__dataclass_fields__ if name != "n")
PAIRS = ("layer", "source", "target", "n", *MEANS)
GROUPS = ("layer", "source_group", "target_group", "cell", "pairs", *MEANS)
RANKS = ("layer", "source", "target", "query", "sentence", "rank", "right", "candidates")


def ranks(scores: Tensor, right: Tensor) -> Tensor:
    """The rank of the best right candidate of each query: (n,) int64, 1 is best.

    ``scores``: (n, m). ``right``: (n, m) bool, at least one True a row. `DataError` for a NaN or a row without one.
    """
    if scores.isnan().any():
        raise DataError("scores must be numbers, got NaN")
    if not right.any(1).all():
        raise DataError(
            f"every query needs a right candidate, got none for query {int(right.any(1).int().argmin())}"
        )
    best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
    return 1 + ((scores >= best - TIE) & ~right).sum(1)


def ranking(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Ranking:
    """The ranks by (n, m) ``scores`` between utterances with the sentence ids ``queries`` and ``candidates``.

    Utterances whose sentence the other side lacks are left out. `DataError` where fewer than 2 sentences remain.
    """
    common = set(queries) & set(candidates)
    if len(common) < 2:
        raise DataError(f"retrieval needs 2 sentences that both varieties have, got {len(common)}")
    number = {sentence: n for n, sentence in enumerate(sorted(common))}
    rows, columns = (torch.tensor([number.get(s, -1) for s in side]) for side in (queries, candidates))
    right = (rows[:, None] == columns)[rows >= 0][:, columns >= 0]
    rank = ranks(scores.cpu()[rows >= 0][:, columns >= 0], right)
    return Ranking((rows >= 0).nonzero().squeeze(1), rank, right.sum(1), right.shape[1])


def measure(found: Ranking) -> Metrics:
    """The metrics of a ranking."""
    rank = found.rank.double()
    recalls = ((rank <= k).double().mean().item() for k in (1, 5, 10))
    chance = found.right.double().mean().item() / found.candidates
    return Metrics(len(rank), *recalls, (1 / rank).mean().item(), rank.quantile(0.5).item(), chance)


def evaluate(scores: Tensor, queries: Sequence[str], candidates: Sequence[str]) -> Metrics:
    """The metrics of the `ranking` by these scores."""
    return measure(ranking(scores, queries, candidates))


def retrieve(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    score: str = "seqsim",
    normalise: str = "none",
    layers: Sequence[str] = (),
) -> list[Path]:
    """The folders ``out/<set>`` that had to be written: ``{pairs,groups,ranks}.tsv`` for each of ``layers``.

    ``feats``: folder of `fangyan.dump`, with a folder for each of the data directories ``sets``. ``score`` and
    ``normalise``: names that `fangyan.similarity` knows; ``layers``: dumped ones, ``a+b`` to concatenate two (none:
    all that were dumped); else `UserError`. `DataError` where features and data directory do not have the same
    utterances, layers to concatenate not the same frames, and where there is no pair of varieties to score.
    """
    write = partial(_write, score=choose(score, normalise))
    return each_set(feats, sets, out, {"score": score, "normalise": normalise}, write, layers)


def each_set(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    settings: Mapping[str, object],
    write: Callable[[Path, Path, Sequence[str], Path], None],
    layers: Sequence[str] = (),
) -> list[Path]:
    """The folders ``out/<set>`` that had to be written, by ``write(features of the set, its data, layers, folder)``.

    Finished means: the same features, data directory, layers (as of `retrieve`) and ``settings``.
    """
    written = []
    for data in sets:
        of_set = feats / data.name
        scored = _to_score(of_set, layers)
        inputs = {"feats": dump.identity_of(of_set), "data": datadir.identity(data), "layers": scored}
        if produce(out / data.name, inputs | dict(settings), partial(write, of_set, data, scored)):
            written.append(out / data.name)
    return written


def _to_score(feats: Path, wanted: Sequence[str]) -> list[str]:
    """The layers to score, in code point order: those that are ``wanted``, or all that were dumped."""
    known = dump.layers(feats)
    for layer in wanted:
        for name in layer.split("+"):
            if name not in known:
                raise UserError(
                    f"--layer {layer}: no layer {name!r} in {feats}: known are {', '.join(known)}, joined by + "
                    "to concatenate them"
                )
    return sorted(set(wanted)) or known


def _write(feats: Path, data: Path, layers: Sequence[str], folder: Path, score: Score) -> None:
    varieties = by_variety(datadir.read(data))
    pairs, skipped = comparable_pairs(data, varieties)
    rows: list[dict] = []
    with (
        tqdm(total=len(layers) * len(pairs), desc=f"retrieve {data.name}", unit="pair", disable=None) as bar,
        (folder / "ranks.tsv").open("w", encoding="utf-8", newline="\n") as stream,  # too many to keep
    ):
        print(*RANKS, sep="\t", file=stream)
        for layer in layers:
            features = read_layer(feats, layer, data, varieties)
            try:
                of_layer = dict(sorted(_layer(features, varieties, pairs, score, bar.update)))
            except DataError as error:
                raise DataError(f"{feats / layer}: {error}") from None
            for (source, target), found in of_layer.items():
                place = {"layer": layer, "source": source, "target": target}
                rows.append(place | vars(measure(found)))
                stream.writelines(_lines(place.values(), varieties[source], found))
    write_table(folder / ".skipped.tsv", skipped, ("source", "target", "sentences"))
    write_table(folder / "groups.tsv", _groups(rows, datadir.read_groups(data)), GROUPS)
    write_table(folder / "pairs.tsv", rows, PAIRS)


def _lines(place: Iterable[str], spoken: Sequence[Utterance], found: Ranking) -> Iterator[str]:
    """The lines of ``ranks.tsv`` for one ordered pair."""
    head = "\t".join(place)
    for query, rank, right in zip(
        *(x.tolist() for x in (found.queries, found.rank, found.right)), strict=True
    ):
        at = spoken[query]
        yield f"{head}\t{at.id}\t{at.sentence}\t{rank}\t{right}\t{found.candidates}\n"


def by_variety(utterances: Iterable[Utterance]) -> Varieties:
    """The utterances of each variety, varieties in code point order."""
    grouped: Varieties = {}
    for utterance in sorted(utterances, key=lambda u: (u.variety, u.id)):
        grouped.setdefault(utterance.variety, []).append(utterance)
    return grouped


def comparable_pairs(data: Path, varieties: Varieties) -> tuple[list[tuple[str, str]], list[dict]]:
    """The unordered pairs of varieties that share 2 sentences, and rows for those that do not."""
    sentences = {variety: {u.sentence for u in members} for variety, members in varieties.items()}
    common = {(a, b): len(sentences[a] & sentences[b]) for a, b in combinations(varieties, 2)}
    scorable = [pair for pair, count in common.items() if count >= 2]
    if not scorable:
        raise DataError(
            f"{data}: retrieval needs two varieties that share at least 2 sentences (utt2lang, utt2sent), "
            f"got {', '.join(varieties)}"
        )
    skipped = [{"source": a, "target": b, "sentences": n} for (a, b), n in common.items() if n < 2]
    if skipped:
        print(
            f"{data}: {len(skipped)} pairs of varieties share fewer than 2 sentences: not scored",
            file=sys.stderr,
        )
    return scorable, skipped


def read_layer(feats: Path, layer: str, data: Path, varieties: Varieties) -> Features:
    """The features of a dumped layer by utterance id, or the frames of ``a+b``, concatenated.

    `DataError` where features and data directory do not have the same utterances, or layers not the same frames.
    """
    parts = {name: dump.read_features(feats, name) for name in layer.split("+")}
    for name, part in parts.items():
        same_utterances(feats / name, part, data, varieties)
    if layer in parts:
        return parts[layer]
    try:
        return concatenate(parts)
    except DataError as error:
        raise DataError(f"{feats}: {error}") from None


def same_utterances(home: Path, features: Features, data: Path, varieties: Varieties) -> None:
    """Nothing, or a `DataError` where features and data directory do not have the same utterances."""
    wanted = {u.id for members in varieties.values() for u in members}
    for lacking, here, there in (
        (wanted - features.keys(), home, data),
        (features.keys() - wanted, data, home),
    ):
        if lacking:
            raise DataError(
                f"{here}: lacks {len(lacking)} utterances that {there} has, the first is {min(lacking)}"
            )


def _layer(
    features: Features,
    varieties: Varieties,
    pairs: Iterable[tuple[str, str]],
    score: Score,
    scored: Callable[[], object],
) -> Iterator[tuple[tuple[str, str], Ranking]]:
    """The ranking for each direction of each pair; one matrix of a symmetric score serves both."""
    sets = {variety: score.prepare({u.id: features[u.id] for u in us}) for variety, us in varieties.items()}
    sentences = {variety: [u.sentence for u in us] for variety, us in varieties.items()}
    for a, b in pairs:
        forth, back = score.both_ways(sets[a], sets[b])
        yield (a, b), ranking(forth, sentences[a], sentences[b])
        yield (b, a), ranking(back, sentences[b], sentences[a])
        scored()


def _groups(rows: Iterable[dict], groups: Mapping[str, str]) -> list[dict]:
    """The mean over the pairs of each two groups (the data directory's own, or those of the table of varieties)."""
    cells: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        ends = (groups.get(row[end]) or group_of(row[end]) for end in ("source", "target"))
        cells.setdefault((row["layer"], *ends), []).append(row)
    layers = list(dict.fromkeys(layer for layer, *_ in cells))
    return [
        dict(zip(GROUPS, (*key, "within" if key[1] == key[2] else "across", len(pairs)), strict=False))
        | {name: fmean(p[name] for p in pairs) for name in MEANS}
        for key, pairs in sorted(cells.items(), key=lambda cell: (layers.index(cell[0][0]), cell[0]))
    ]

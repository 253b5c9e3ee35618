"""Speech-to-speech retrieval: how often the utterance that is most alike says the same in another variety.

Conventions
- Two utterances are translations of each other iff their sentence id (utt2sent) is equal.
- For every ordered pair of different varieties: the queries are the utterances of the source, the candidates those
  of the target, both only with sentences that both varieties have. Each recording of a sentence is a query of its
  own, and any recording of its sentence in the target is a right answer.
- The rank of a query is 1 + the number of wrong candidates that score at least as high as its best right one.
  So ties count against the encoder: one whose scores are all equal has the worst rank, not a lucky one. Scores
  less than `TIE` apart are equal; what is closer is rounding, which differs from machine to machine. What that costs
  is counted: ``ties`` in ``pairs.tsv`` are the queries that no wrong candidate beats, but some equal.
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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from operator import attrgetter
from pathlib import Path

from tqdm import tqdm

from fangyan import datadir, dump, shards
from fangyan.errors import DataError, UserError
from fangyan.files import produce, write_table
from fangyan.retrieval import tables
from fangyan.retrieval.pairs import Scorer, Varieties, by_variety, comparable_pairs, read_layer, shared
from fangyan.retrieval.ranking import Ranking, ranking
from fangyan.seqsim import TIE
from fangyan.shards import WHOLE, Part
from fangyan.similarity import Score, choose


def retrieve(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    score: str = "seqsim",
    normalise: str = "none",
    layers: Sequence[str] = (),
    part: Part = WHOLE,
) -> list[Path]:
    """The folders ``out/<set>`` that had to be written: ``{pairs,groups,ranks}.tsv`` for each of ``layers``.

    ``feats``: folder of `fangyan.dump`, with a folder for each of the data directories ``sets``. ``score`` and
    ``normalise``: names that `fangyan.similarity` knows; ``layers``: dumped ones, ``a+b`` to concatenate two (none:
    all that were dumped); else `UserError`. ``part``: a share of the pairs of varieties, or the joining of all shares.
    `DataError` where features and data directory do not have the same utterances, layers to concatenate not the same
    frames, and where there is no pair of varieties to score.
    """
    chosen, settings = choose(score, normalise), {"score": score, "normalise": normalise}
    written = []
    for of_set, data, scored, inputs in _each(feats, sets, layers):
        groups = {"groups": tables.groups_of(data)}
        build = partial(_score, of_set, data, scored, chosen)
        join = partial(_join, data, scored)
        if shards.produce(out / data.name, inputs | groups | settings, part, build, join):
            written.append(out / data.name)
    return written


def each_set(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    settings: Mapping[str, object],
    write: Callable[[Path, Path, Sequence[str], Path], None],
    layers: Sequence[str] = (),
    identify: Callable[[Path], str] = datadir.tables,
) -> list[Path]:
    """The folders ``out/<set>`` that had to be written, by ``write(features of the set, its data, layers, folder)``.

    Finished means: the same features, data directory, layers (as of `retrieve`) and ``settings``. ``identify`` is
    `datadir.identity` for work that hears the recordings as well.
    """
    written = []
    for of_set, data, scored, inputs in _each(feats, sets, layers, identify):
        if produce(out / data.name, inputs | dict(settings), partial(write, of_set, data, scored)):
            written.append(out / data.name)
    return written


def _each(
    feats: Path,
    sets: Sequence[Path],
    layers: Sequence[str],
    identify: Callable[[Path], str] = datadir.tables,
) -> Iterator[tuple[Path, Path, list[str], dict]]:
    """Of each set the features, the data directory, the layers to score, and what decides the result."""
    for data in sets:
        of_set = feats / data.name
        scored = _to_score(of_set, layers)
        read = sorted({name for layer in scored for name in layer.split("+")})
        inputs = {"feats": dump.identity_of(of_set, read), "data": identify(data), "layers": scored}
        yield of_set, data, scored, inputs


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


def _score(feats: Path, data: Path, layers: Sequence[str], score: Score, part: Part, folder: Path) -> None:
    """Nothing; the share of the pairs is scored, at each layer."""
    varieties = by_variety(datadir.read(data))
    pairs, _ = comparable_pairs(data, varieties)
    mine = part.of(pairs)
    title = f"retrieve {data.name}{'' if part == WHOLE else f' {part}'}"
    with tqdm(total=len(layers) * len(mine), desc=title, unit="pair", disable=None) as bar:

        def found() -> tables.Found:
            for layer in layers:
                scorer = Scorer(read_layer(feats, layer, data, varieties), varieties, score)
                try:
                    of_layer = dict(sorted(_ranked(scorer, varieties, mine, bar.update)))
                except DataError as error:
                    raise DataError(f"{feats / layer}: {error}") from None
                for (source, target), ranked in of_layer.items():
                    yield (layer, source, target), shared(varieties, source, target), ranked

        tables.write_share(found(), folder)


def _ranked(
    scorer: Scorer, varieties: Varieties, pairs: Sequence[tuple[str, str]], scored: Callable[[], object]
) -> Iterator[tuple[tuple[str, str], Ranking]]:
    """The ranking for each direction of each pair; one matrix of a symmetric score serves both."""
    for a, b in pairs:
        ours, theirs = ([u.sentence for u in shared(varieties, *pair)] for pair in ((a, b), (b, a)))
        forth, back = scorer.both_ways(a, b)
        yield (a, b), ranking(forth, ours, theirs)
        yield (b, a), ranking(back, theirs, ours)
        scored()


def _join(data: Path, layers: Sequence[str], folders: Sequence[Path], folder: Path) -> None:
    """Nothing; the tables of the whole set, in which each pair is exactly once."""
    pairs, skipped = comparable_pairs(data, by_variety(datadir.read(data)))
    rows = tables.read_pairs(folders)
    wanted = ((layer, *ends) for layer, (a, b) in product(layers, pairs) for ends in ((a, b), (b, a)))
    shards.exactly_once(folders[0].parent, "pair of varieties", map(attrgetter(*tables.PLACE), rows), wanted)
    if skipped:
        print(
            f"{data}: {len(skipped)} pairs of varieties share fewer than 2 sentences: not scored",
            file=sys.stderr,
        )
    if lost := _ties(rows):
        print(f"{data}: {lost}", file=sys.stderr)
    write_table(folder / ".skipped.tsv", skipped, ("source", "target", "sentences"))
    tables.write(rows, folders, tables.groups_of(data), folder)


def _ties(rows: Sequence[tables.Pair]) -> str:
    """What ties cost at the layer that they cost most, in words; nothing where they cost nothing."""
    lost: Counter[str] = Counter()
    queries: Counter[str] = Counter()
    for row in rows:
        lost[row.layer] += row.ties
        queries[row.layer] += row.n
    (layer, most), *_ = lost.most_common(1)
    if not most:
        return ""
    return (
        f"{most} of {queries[layer]} queries at {layer} are not first only because scores less than {TIE:g} apart are "
        "equal and ties count against the encoder; where frames are nearly parallel, --normalise centre parts them"
    )

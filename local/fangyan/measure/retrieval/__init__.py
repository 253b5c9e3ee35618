"""Retrieval: how often the utterance, or the text, that is most alike says the same on another side.

Conventions
- A side is a variety of recordings, or a text column (`measure.retrieval.sides`), in which each sentence is once.
- Two utterances, or an utterance and a text, are translations of each other iff their sentence id (utt2sent, or the
  column that stands for it) is equal. With labels for sentence ids, and a text for each label, it is zero-shot
  classification.
- For every ordered pair of different sides: the queries are the utterances of the source, the candidates those
  of the target, both only with sentences that both sides have. Each recording of a sentence is a query of its
  own, and any recording of its sentence in the target is a right answer.
- The rank of a query is 1 + the number of wrong candidates that score at least as high as its best right one.
  So ties count against the encoder: one whose scores are all equal has the worst rank, not a lucky one. Scores
  less than `TIE` apart are equal; what is closer is rounding, which differs from machine to machine. What that costs
  is counted: ``ties`` in ``pairs.tsv`` are the queries that no wrong candidate beats, but some equal.
- R@k: fraction of queries with rank <= k. MRR: mean of 1 / rank. Median rank: midway between the middle two of an
  even number. Chance: R@1 of a random order, which is the mean over the queries of (right candidates) / (candidates).
- ``by`` a column other than utt2lang, a side is a variety and a value of that column, and its group is its variety: by
  utt2spk, ``within`` has the pairs of two speakers of one variety, ``across`` those of two varieties.
- Sides that share fewer than 2 sentences leave nothing to confuse; their pairs are not scored, but listed in
  ``.skipped.tsv``. A set without any pair to score is an error.
- The mean of two groups is over the ordered pairs of a variety of the one and a variety of the other, each pair with
  equal weight; of the median rank it is the mean of the pairs' medians. A cell of two different groups is ``across``:
  these are what the protocol of the benchmark publishes, 56 of the 8 x 8 cells of its groups (Chang et al. 2026). A
  cell of one group, over the ordered pairs of its different varieties, is ``within``: our extension. A group of one
  variety has none. A text column is a group of its own.
- A layer ``a+b`` is the layers a and b concatenated frame by frame (`fangyan.features.layers`).
- Where the features of recordings and of texts are of two encoders, ``a|b`` is the layer a of the one and b of the
  other, both of one dimension (`fangyan.measure.retrieval.layers`).

Files, all of one pass: ``pairs.tsv`` and ``groups.tsv``; and ``ranks.tsv``, one row a query, which both can be computed
from (`fangyan.measure.significance` does).
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from fangyan import shards
from fangyan.data import datadir
from fangyan.errors import DataError
from fangyan.features import dump
from fangyan.files import produce, write_table
from fangyan.measure.retrieval import sides, tables
from fangyan.measure.retrieval.layers import Layers, layers_to_score
from fangyan.measure.retrieval.pairs import Scorer, comparable_pairs
from fangyan.measure.retrieval.sides import SENTENCES, VARIETY, Bank, Side, variety_of
from fangyan.measure.ties import TIE
from fangyan.progress import Progress
from fangyan.shards import WHOLE, Shard

if TYPE_CHECKING:
    from fangyan.measure.retrieval.ranking import Ranking


def retrieve(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    score: str = "seqsim",
    normalise: str = "none",
    layers: Sequence[str] = (),
    part: Shard = WHOLE,
    against: Sequence[tuple[Path, str]] = (),
    sentences: str = SENTENCES,
    by: str = VARIETY,
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to write: ``{pairs,groups,ranks}.tsv`` for each of ``layers``.

    ``feats``: folder of `fangyan.features.dump`, with a folder for each of the data directories ``sets``. ``score`` and
    ``normalise``: names that `measure.scores` knows; ``layers``: as `layers_to_score` says. ``part``: a shard of
    the pairs of sides, or the merging of all shards. ``against``: further folders of features, each with its text
    column ("": as its dump says), whose sides are retrieved as well. ``sentences``: the column of sentence ids;
    ``by``: that of sides.
    `DataError` where features and data directory do not have the same utterances, layers to concatenate not the same
    frames, layers to compare not one dimension, and where there is no pair of sides to score.
    """
    settings = {"score": score, "normalise": normalise} | _columns(sentences, by)
    written = []
    for data in sets:
        banks = [
            sides.open_bank(folder / data.name, data, column, sentences, by)
            for folder, column in ((feats, ""), *against)
        ]
        scored = layers_to_score(banks, layers)
        inputs = _inputs(banks, scored, datadir.tables(data, sentences, by)) | settings
        groups = _groups(banks[0], by)
        inputs |= {"groups": groups}
        build, merge = (
            partial(_score, banks, scored, score, normalise),
            partial(_merge, banks, scored, groups),
        )
        if shards.produce_sharded(out / data.name, inputs, part, build, merge):
            written.append(out / data.name)
    return written


def _columns(sentences: str, by: str) -> dict[str, str]:
    """The columns that are others than usual."""
    found = {"sentences": (sentences, SENTENCES), "by": (by, VARIETY)}
    return {name: column for name, (column, usual) in found.items() if column != usual}


def _groups(bank: Bank, by: str) -> dict[str, str]:
    """Side -> group, of the recordings of a bank."""
    return tables.groups_of(bank.data) if by == VARIETY else {name: variety_of(name) for name in bank.sides}


def write_each_set(
    feats: Path,
    sets: Sequence[Path],
    out: Path,
    settings: Mapping[str, object],
    write: Callable[[Path, Path, Sequence[str], Path], None],
    layers: Sequence[str] = (),
    identify: Callable[[Path], str] = datadir.tables,
) -> list[Path]:
    """Writes ``out/<set>`` and returns those it had to, by ``write(features of the set, its data, layers, folder)``.

    Finished means: the same features, data directory, layers (as of `retrieve`) and ``settings``. ``identify`` is
    `data.datadir.identity` for work that hears the recordings as well.
    """
    written = []
    for data in sets:
        banks = [sides.open_bank(feats / data.name, data)]
        scored = layers_to_score(banks, layers)
        inputs = _inputs(banks, scored, identify(data)) | dict(settings)
        if produce(out / data.name, inputs, partial(write, banks[0].home, data, list(scored))):
            written.append(out / data.name)
    return written


def _inputs(banks: Sequence[Bank], scored: Mapping[str, Layers], data: str) -> dict:
    """What decides the result; ``data``: a fingerprint of the data directory of the banks."""
    found = [
        dump.identity_of(bank.home, sorted({name for layer in layers for name in layer.names}))
        for bank, layers in zip(banks, zip(*scored.values(), strict=True), strict=True)
    ]
    inputs = {"feats": found[0], "data": data, "layers": list(scored)}
    if columns := [bank.column for bank in banks if bank.column]:
        inputs |= {"columns": columns, "against": found[1:]}
    return inputs


def _score(
    banks: Sequence[Bank],
    scored: Mapping[str, Layers],
    score: str,
    normalise: str,
    part: Shard,
    folder: Path,
) -> None:
    """Writes the shard of the pairs, scored at each layer, in ``folder``."""
    from fangyan.measure.scores import choose

    chosen = choose(score, normalise)
    data, known = banks[0].data, sides.all_sides(banks)
    mine = part.of(comparable_pairs(data, known)[0])
    title = f"retrieve {data.name}{'' if part == WHOLE else f' {part}'}"
    with Progress(title, len(scored) * len(mine), "pairs of varieties") as bar:

        def found() -> tables.Found:
            for name, layers in scored.items():
                scorer = Scorer(known, sides.all_features(banks, layers), chosen)
                try:
                    of_layer = dict(sorted(_ranked(scorer, known, mine, bar.update)))
                except DataError as error:
                    places = " and ".join(
                        str(bank.home / str(at)) for bank, at in zip(banks, layers, strict=True)
                    )
                    raise DataError(f"{places}: {error}") from None
                for (source, target), ranked in of_layer.items():
                    yield (name, source, target), known[source].shared(known[target]), ranked

        tables.write_share(found(), folder)


def _ranked(
    scorer: Scorer,
    known: Mapping[str, Side],
    pairs: Sequence[tuple[str, str]],
    scored: Callable[[], object],
) -> Iterator[tuple[tuple[str, str], "Ranking"]]:
    """The ranking for each direction of each pair; one matrix of a symmetric score serves both."""
    from fangyan.measure.retrieval.ranking import ranking

    for a, b in pairs:
        ours, theirs = (known[x].shared(known[y]).sentences for x, y in ((a, b), (b, a)))
        forth, back = scorer.both_ways(a, b)
        yield (a, b), ranking(forth, ours, theirs)
        yield (b, a), ranking(back, theirs, ours)
        scored()


def _merge(
    banks: Sequence[Bank],
    scored: Mapping[str, Layers],
    groups: Mapping[str, str],
    folders: Sequence[Path],
    folder: Path,
) -> None:
    """Writes the tables of the whole set, in which each pair is exactly once."""
    data, layers = banks[0].data, list(scored)
    pairs, skipped = comparable_pairs(data, sides.all_sides(banks))
    rows = tables.read_pairs(folders, layers)
    wanted = ((layer, *ends) for layer, (a, b) in product(layers, pairs) for ends in ((a, b), (b, a)))
    shards.check_exactly_once(folders[0].parent, "pair", map(attrgetter(*tables.PLACE), rows), wanted)
    if skipped:
        print(
            f"{data}: {len(skipped):,} pairs share fewer than 2 sentences: not scored",
            file=sys.stderr,
        )
    if lost := _ties(rows):
        print(f"{data}: {lost}", file=sys.stderr)
    write_table(folder / ".skipped.tsv", skipped, ("source", "target", "sentences"))
    tables.write(rows, folders, groups, folder)


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
        f"{most:,} of {queries[layer]:,} queries at {layer} are not first only because scores less than {TIE:g} apart "
        "are equal and ties count against the encoder; where frames are nearly parallel, --normalise centre parts them"
    )

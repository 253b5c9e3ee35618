"""The complete job of the YuBao benchmark: every site against every other, from dumped features to tables.

78 sites x 50 sentences, one layer of random features, d = 512, as the stage dump leaves them. The time is that of
`measure.retrieval.retrieve`: it reads, packs, scores and ranks all ordered pairs of sites, and writes the tables.

The baseline is extrapolated: the seconds that the broadcast cosine (`as_published`) takes a pair of utterances, in the
same run, times the pairs of utterances of the ordered pairs of sites of *different* groups, which are all that was
published (Chang et al. 2026); that it encodes an utterance again for each pair is not counted.
"""

from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fangyan.bench.benchmark import LONGEST, SEED, SHORTEST, Benchmark, seconds, sets
from fangyan.bench.seqsim import as_published, pairs_per_second
from fangyan.corpora import yubao
from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.measure.retrieval import retrieve

DIMENSION = 512
FEW = 16
"""Utterances a side that the published form is timed on."""


def groups(count: int) -> dict[str, str]:
    """The group of each of the first ``count`` sites of the benchmark."""
    return {site.ids[0]: site.group for site in yubao.sites()[:count]}


def published_pairs(sites: int, sentences: int) -> int:
    """Query and candidate of sites of different groups: so many pairs of utterances."""
    return sentences**2 * sum(a != b for a, b in permutations(groups(sites).values(), 2))


def write(root: Path, sites: int, sentences: int) -> None:
    """``data/test`` and ``feats/test/layer/feats.{scp,ark}`` in ``root``."""
    from kaldiio import WriteHelper

    of_group, chance = groups(sites), np.random.default_rng(SEED)
    spoken = [
        Utterance(f"{site}-{n:04}", "no.wav", "", site, site, f"{n:04}", duration=1.0)
        for site in sorted(of_group)
        for n in range(1, sentences + 1)
    ]
    datadir.write(root / "data/test", spoken, groups=of_group)
    layer = root / "feats/test/layer"
    layer.mkdir(parents=True)
    with WriteHelper(f"ark,scp:{layer}/feats.ark,{layer}/feats.scp") as writer:
        for utterance in spoken:
            shape = (chance.integers(SHORTEST, LONGEST + 1), DIMENSION)
            writer(utterance.id, chance.standard_normal(shape, dtype=np.float32))


def job_seconds(sites: int, sentences: int) -> float:
    """The time of the job; to make its features is not counted."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, sites, sentences)
        return seconds(retrieve, root / "feats", [root / "data/test"], root / "retrieval")


def published_seconds(sites: int, sentences: int) -> float:
    """The time of the published form, extrapolated."""
    return published_pairs(sites, sentences) / pairs_per_second(as_published, *sets(DIMENSION, FEW))


BENCHMARKS = (
    Benchmark(
        "yubao_job",
        "s",
        job_seconds,
        published_seconds,
        "broadcast cosine, extrapolated",
        data=lambda size, device: (size.sites, size.sentences),
        devices=("cpu",),
        once=True,
    ),
)

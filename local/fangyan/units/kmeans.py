"""A model of units by k-means: frames of a layer of any encoder, as many of each speaker, and their k centroids.

    utterances -> of each speaker some, drawn by the seed -> encoder -> some frames of each -> k-means -> UNITS

At most `FRAMES` frames are in memory, however much speech there is, and of that no more is encoded than `SPREAD` times
what they last. A speaker who has less than the others gives all there is. The same seed gives the same bytes.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from fangyan.data import datadir, durations
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, SomeLayers, check_spec, identity, load_encoder
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.features.at_layer import check_each
from fangyan.features.pipeline import BATCH_SECONDS, SPEECH, batches, encoded, seconds_of
from fangyan.files import produce
from fangyan.progress import Progress

FRAMES = 500_000
SPREAD = 4
"""Neighbours are alike: of a recording that is drawn one frame in so many is taken, where there is speech enough."""
PART = 10_000
"""Frames whose squares are in memory at a time."""
ROUNDS = 20
"""Iterations of Lloyd's algorithm."""


def kmeans(
    spec: str,
    layer: str,
    sets: Sequence[Path],
    k: int,
    out: Path,
    seed: int = 1,
    frames: int = FRAMES,
    merged: bool = False,
) -> bool:
    """Writes the `UnitModel` of ``k`` units to the folder ``out``, says whether it had to.

    ``sets``: data directories, of which ``wav.scp`` is enough; without ``utt2spk`` each utterance is a speaker.
    ``frames``: as many at most; ``merged``: runs of a unit are one. Finished means: the same of all these, the same
    files of the encoder, the same recordings. `UserError` for an unknown encoder or layer, `DataError` for fewer
    frames than units.
    """
    if frames < k:
        raise UserError(f"--frames {frames}: k-means needs a frame for each of its --k {k} units at least")
    check_spec(spec)
    check_each(spec, [layer])
    settings = {"spec": spec, "layer": layer, "k": k, "seed": seed, "frames": frames, "merged": merged}
    read_from = {"encoder": identity(spec), "data": [datadir.identity(data) for data in sets]}

    def build(folder: Path) -> None:
        speech = [durations.measured(datadir.read(data, ["wav.scp"])) for data in sets]
        drawn = draw(SomeLayers(load_encoder(spec), [layer]), speech, frames, seed)
        if len(drawn) < k:
            names = ", ".join(map(str, sets))
            raise DataError(f"{names}: {k} units need as many frames at least, got {len(drawn)} at {layer}")
        UnitModel(spec, layer, centroids(drawn, k, seed), merged).save(folder)

    return produce(out, {"kmeans": settings | read_from}, build)


type Counts = dict[str, int]
"""How many frames are taken of each utterance that is drawn, by its id."""


def draw(encoder: Encoder, sets: Sequence[Sequence[Utterance]], frames: int, seed: int) -> np.ndarray:
    """(n, d) float32, n <= ``frames``: frames of the encoder's only layer, of the utterances that `plan` draws."""
    chance = np.random.default_rng(seed)
    wanted = plan(sets, encoder.rate_of(encoder.layers[0]), frames, chance)
    rows = sum(sum(counts.values()) for counts in wanted)
    found, filled = np.empty((0, 0), np.float32), 0
    for count, matrix in _encoded(encoder, sets, wanted):
        if not filled:
            found = np.empty((rows, matrix.shape[1]), np.float32)
        some = np.sort(chance.choice(len(matrix), min(count, len(matrix)), replace=False))
        found[filled : filled + len(some)] = matrix[some]
        filled += len(some)
    return found[:filled]


def _encoded(
    encoder: Encoder, sets: Sequence[Sequence[Utterance]], wanted: Sequence[Counts]
) -> Iterator[tuple[int, np.ndarray]]:
    """Of each utterance that is drawn, longest first, how many frames are wanted, and its (T, d) frames."""
    chosen = [[u for u in speech if counts.get(u.id)] for speech, counts in zip(sets, wanted, strict=True)]
    with Progress("kmeans", sum(map(seconds_of, chosen)), SPEECH) as bar:
        for speech, counts in zip(chosen, wanted, strict=True):
            for batch, (matrices,) in encoded(encoder, batches(speech, BATCH_SECONDS)):
                yield from zip((counts[u.id] for u in batch), matrices, strict=True)
                bar.update(seconds_of(batch))


def plan(
    sets: Sequence[Sequence[Utterance]], rate: float, frames: int, chance: np.random.Generator
) -> list[Counts]:
    """Of each set how many frames are taken of which utterances, ``frames`` together and as many of each speaker.

    ``rate``: frames a second. Of a speaker it is so many utterances, by chance, that a frame in `SPREAD` is taken of
    them, in proportion to their length; all of them where there are no more.
    """
    spoken: dict[str, list[tuple[int, Utterance]]] = {}
    for n, speech in enumerate(sets):
        for utterance in speech:
            spoken.setdefault(utterance.speaker, []).append((n, utterance))
    sizes = {speaker: int(rate * seconds_of(u for _, u in said)) for speaker, said in spoken.items()}
    counts: list[Counts] = [{} for _ in sets]
    for speaker, quota in shares(sizes, frames).items():
        said = [spoken[speaker][place] for place in chance.permutation(len(spoken[speaker]))]
        ends = np.cumsum([rate * utterance.duration for _, utterance in said])
        said = said[: 1 + int(np.searchsorted(ends, SPREAD * quota))]
        until = np.rint(ends[: len(said)] * quota / ends[len(said) - 1]).astype(int)
        for (n, utterance), count in zip(said, np.diff(until, prepend=0), strict=True):
            counts[n][utterance.id] = int(count)
    return counts


def shares(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """``total``, or all there is, divided among those that have so much each: equally, but to none more than it has."""
    found: dict[str, int] = {}
    for n, name in enumerate(sorted(sizes, key=lambda name: (sizes[name], name))):
        found[name] = min(sizes[name], (total - sum(found.values())) // (len(sizes) - n))
    return found


def centroids(frames: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(k, d) float32 by Lloyd's algorithm from ``k`` of the (n, d) frames; on stderr how well they stand for these."""
    import faiss

    unlimited = {"min_points_per_centroid": 1, "max_points_per_centroid": len(frames)}
    means = faiss.Kmeans(frames.shape[1], k, niter=ROUNDS, seed=seed, **unlimited)
    error = means.train(frames) / len(frames)
    explained = 1 - error / max(variance(frames), np.finfo(np.float32).tiny)
    print(
        f"kmeans: {k:,} units explain {explained:.0%} of the variance of {len(frames):,} frames",
        file=sys.stderr,
    )
    return means.centroids


def variance(frames: np.ndarray) -> float:
    """The mean squared distance of (n, d) frames from their mean, some at a time."""
    mean = frames.mean(0, dtype=np.float64)
    parts = (frames[start : start + PART] for start in range(0, len(frames), PART))
    return sum(float(((part - mean) ** 2).sum()) for part in parts) / len(frames)

"""Features of every layer of an encoder as Kaldi archives: ``<layer>/feats.{scp,ark}``.

    utterances, longest first -> batches -> waves read ahead -> encoder -> archives written behind -> index

The shards of a job array encode every n-th batch each; joined, their archives are those of one process, byte for byte.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from fangyan import datadir
from fangyan.datadir import Utterance
from fangyan.dump.archive import Archive
from fangyan.dump.pipeline import BATCH_SECONDS, batches, extract
from fangyan.encoders import identity, load_encoder
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, is_done


def dump(spec: str, sets: Sequence[Path], out: Path, shard: str = "1/1") -> list[Path]:
    """The folders ``out/<set>`` of the data directories ``sets`` on which there was work to do.

    Finished ones are kept; finished means: the same encoder (its files' content) and the same data directory. What a
    killed process has written is gone on with. ``shard``: ``i/n`` does the i-th of n shares and leaves it for `merge`.
    """
    index, count = _parse(shard)
    encoder = cache(partial(load_encoder, spec))  # loaded once, and only if there is work
    worked = []
    for job in _unfinished(spec, sets, out):
        share, archive = job.share(index, count), job.archive(index, count)
        missing = len(share) - len(archive)
        if missing:
            extract(encoder(), share, archive, f"dump {job.data.name}")
        if count == 1:
            job.finish(archive)
        if missing or count == 1:
            worked.append(job.home)
    return worked


def merge(spec: str, sets: Sequence[Path], out: Path, count: int) -> list[Path]:
    """The folders ``out/<set>`` that had to be joined from ``count`` shards, as one process would have written them.

    Raises `UserError` that names a shard which is not finished.
    """
    worked = []
    for job in _unfinished(spec, sets, out):
        shards = [job.archive(index, count) for index in range(1, count + 1)]
        for index, shard in enumerate(shards, 1):
            job.check(shard, index, count)
        whole = job.archive(1, 1)
        _join(shards, whole, len(job.batches), f"merge {job.data.name}")
        job.finish(whole)
        worked.append(job.home)
    return worked


def layers(feats: Path) -> list[str]:
    """The names of the dumped layers in depth order."""
    names = sorted(scp.parent.name for scp in feats.glob("*/feats.scp"))
    if not names:
        raise DataError(f"{feats}: no <layer>/feats.scp there; run the stage dump first")
    return names


def identity_of(feats: Path) -> str:
    """A fingerprint of the features of all layers of a set."""
    names = layers(feats)
    return fingerprint(names, *(feats / name for name in names))


def read_features(feats: Path, layer: str) -> dict[str, np.ndarray]:
    """Utterance id -> (T, d) float32 of one layer."""
    import kaldiio

    scp = datadir.read_map(feats / layer / "feats.scp")
    # The archive lies beside its index wherever both were moved to.
    paths = {key: f"{feats / layer / Path(place).name}" for key, place in scp.items()}
    return {key: kaldiio.load_mat(place) for key, place in paths.items()}


@dataclass(frozen=True)
class _Job:
    """A data directory, the folder of its features, what decides these, and batches in archive order."""

    data: Path
    home: Path
    inputs: dict
    batches: list[list[Utterance]]

    def share(self, index: int, count: int) -> list[list[Utterance]]:
        """The batches of a shard: every n-th, so that all have as much to do."""
        return self.batches[index - 1 :: count]

    def archive(self, index: int, count: int) -> Archive:
        """The archive of a shard, as far as it is written."""
        ids = [[utterance.id for utterance in batch] for batch in self.share(index, count)]
        return Archive(
            _shards(self.home) / f"{index}_of_{count}", self.inputs | {"batches": fingerprint(ids)}
        )

    def check(self, shard: Archive, index: int, count: int) -> None:
        due = len(self.share(index, count))
        if len(shard) < due:
            raise UserError(
                f"{self.data}: shard {index}/{count} has {len(shard)} of its {due} batches: "
                f"run dump with --shard {index}/{count} again, then merge"
            )

    def finish(self, archive: Archive) -> None:
        """Nothing; the archives are at ``home`` with their indices, and the shards are gone."""
        written, wanted = Counter(archive.ids()), Counter(u.id for batch in self.batches for u in batch)
        if written != wanted:
            odd = min((written - wanted) + (wanted - written))
            raise DataError(
                f"{archive.folder}: every utterance is there exactly once, got {odd} {written[odd]} times"
            )
        archive.finish(self.home, self.inputs)
        shutil.rmtree(_shards(self.home), ignore_errors=True)


def _unfinished(spec: str, sets: Sequence[Path], out: Path) -> Iterator[_Job]:
    identified = identity(spec)
    for data in sets:
        home, inputs = out / data.name, {"encoder": identified, "data": datadir.identity(data)}
        if is_done(home, inputs):
            shutil.rmtree(_shards(home), ignore_errors=True)  # a process may have been killed before it did
        else:
            yield _Job(data, home, inputs, batches(datadir.read(data), BATCH_SECONDS))


def _shards(home: Path) -> Path:
    """Where the shards lie until they are joined."""
    return home.with_name(f".{home.name}.shards")


def _join(shards: Sequence[Archive], whole: Archive, batches: int, title: str) -> None:
    """Nothing; ``whole`` has what it lacked of the batches, which are dealt to the shards in turn."""
    from tqdm import tqdm

    sources = [shard.batches() for shard in shards]
    for n in tqdm(range(batches), title, unit="batch", disable=None):
        batch = next(sources[n % len(shards)])
        if n >= len(whole):
            whole.append(*batch)


def _parse(shard: str) -> tuple[int, int]:
    index, _, count = shard.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise UserError(f"--shard is i/n, 2/4 for the second of four shares, got {shard!r}")
    return int(index), int(count)

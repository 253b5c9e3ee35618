"""Features of every layer of an encoder as Kaldi archives: ``<layer>/feats.{scp,ark}``.

    utterances, longest first -> batches -> waves read ahead -> encoder -> archives written behind -> index

The tasks of a job array encode every n-th batch each; joined, their archives are those of one process, byte for byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from fangyan import datadir, shards
from fangyan.datadir import Utterance
from fangyan.dump import finished
from fangyan.dump.archive import SCP, Archive
from fangyan.dump.pipeline import BATCH_SECONDS, batches, extract
from fangyan.encoders import Encoder, identity, load_encoder
from fangyan.errors import DataError
from fangyan.files import fingerprint, is_done
from fangyan.shards import WHOLE, Part, Resumable


def dump(spec: str, sets: Sequence[Path], out: Path, part: Part = WHOLE) -> list[Path]:
    """The folders ``out/<set>`` of the data directories ``sets`` on which there was work to do.

    Finished ones are kept; finished means: the same encoder (its files' content) and the same data directory. What a
    killed process has written is gone on with. ``part``: a share, which is left to be joined, or their joining; that
    raises `UserError` which names a share that is not finished.
    """
    encoder = cache(partial(load_encoder, spec))  # loaded once, and only if there is work
    worked = []
    for job in _unfinished(spec, sets, out):
        if job.run(encoder, part):
            worked.append(job.home)
    return worked


def layers(feats: Path) -> list[str]:
    """The names of the dumped layers in depth order."""
    names = sorted(scp.parent.name for scp in feats.glob("*/feats.scp"))
    if not names:
        raise DataError(f"{feats}: no <layer>/feats.scp there; run the stage dump first")
    return names


def identity_of(feats: Path, names: Sequence[str]) -> str:
    """A fingerprint of the features of these layers of a set."""
    return fingerprint({name: finished.identity(feats, name) for name in names})


def read_features(feats: Path, layer: str) -> dict[str, np.ndarray]:
    """Utterance id -> (T, d) float32 of one layer; `DataError` where its archive is not as it was written."""
    finished.check(feats, layer)
    scp = datadir.read_map(feats / layer / SCP)
    return {key: finished.load(feats / layer, key, place) for key, place in scp.items()}


@dataclass(frozen=True)
class _Job:
    """A data directory, the folder of its features, what decides these, and batches in archive order."""

    data: Path
    home: Path
    inputs: dict
    batches: list[list[Utterance]]

    def run(self, encoder: Callable[[], Encoder], part: Part) -> bool:
        """Whether there was anything to encode of a share, or the whole to finish."""

        def extend(archive: Archive, share: Sequence[list[Utterance]]) -> None:
            extract(encoder(), share, archive, f"dump {self.data.name}")

        return Resumable(self.data, "batches", self.batches, self.archive, extend, self.finish).run(part)

    def archive(self, share: Part) -> Archive:
        """The archive of a share, as far as it is written."""
        ids = [[utterance.id for utterance in batch] for batch in share.of(self.batches)]
        return Archive(share.folder(self.home), self.inputs | {"batches": fingerprint(ids)})

    def finish(self, shares: Sequence[Archive]) -> None:
        """Nothing; the archives are at ``home`` with their indices, as one process writes them; the shares are gone."""
        whole = shares[0]
        if len(shares) > 1:
            whole = self.archive(WHOLE)
            _join(shares, whole, len(self.batches), f"merge {self.data.name}")
        wanted = (utterance.id for batch in self.batches for utterance in batch)
        shards.exactly_once(whole.folder, "utterance", whole.ids(), wanted)
        whole.finish(self.home, self.inputs)
        shards.discard(self.home)


def _unfinished(spec: str, sets: Sequence[Path], out: Path) -> Iterator[_Job]:
    identified = identity(spec)
    for data in sets:
        home, inputs = out / data.name, {"encoder": identified, "data": datadir.identity(data)}
        if is_done(home, inputs):
            shards.discard(home)  # a process may have been killed before it did
        else:
            yield _Job(data, home, inputs, batches(datadir.read(data), BATCH_SECONDS))


def _join(shares: Sequence[Archive], whole: Archive, batches: int, title: str) -> None:
    """Nothing; ``whole`` has what it lacked of the batches, which are dealt to the shares in turn."""
    from tqdm import tqdm

    sources = [share.batches() for share in shares]
    for n in tqdm(range(batches), title, unit="batch", disable=None):
        batch = next(sources[n % len(shares)])
        if n >= len(whole):
            whole.append(*batch)

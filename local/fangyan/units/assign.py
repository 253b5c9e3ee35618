"""The column of units of data directories: of each frame of a recording its unit, by a model of units.

    utterances by id -> blocks of ten minutes -> batches -> encoder -> units -> journal -> the column, sorted by id

A block is in memory at a time. The tasks of a job array do every n-th block each; merged, the column is that of one
process, byte for byte.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np

from fangyan import shards
from fangyan.data import datadir, durations
from fangyan.data.datadir import Utterance
from fangyan.data.entries import line
from fangyan.encoders import Encoder, identity, unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import UserError
from fangyan.features.pipeline import BATCH_SECONDS, SPEECH, batches, encoded, seconds_of
from fangyan.files import fingerprint, is_done, made_from, stamp, write_lines
from fangyan.folders import make_folder
from fangyan.journal import Journal
from fangyan.progress import Progress
from fangyan.shards import WHOLE, Resumable, Shard
from fangyan.units.column import COLUMN, HOME, is_column

LEARNT_BY = ("kmeans", "phone_units")
"""The verbs that learn models of units, as the stamps of these say."""
BLOCK_SECONDS = 600.0
"""Speech that is lost at most where the work is killed."""


def assign(model: Path, sets: Sequence[Path], column: str = COLUMN, part: Shard = WHOLE) -> list[Path]:
    """Writes the ``column`` of data directories by the folder of a model of units, and returns those it had to.

    Finished columns are kept: of the same centroids, the same files of the encoder, the same recordings. What a killed
    process has done is gone on with. ``part``: a shard, which is left to be merged, or their merging. `UserError` for a
    name that no column can have, and where another's column of that name would be replaced.
    """
    _check_name(column)
    units = unit_model.load(model)
    inputs = identity_of(model)
    _warn_of_another_encoder(model, units, inputs["encoder"])
    encoder = cache(units.load_encoder)  # only if there is work
    jobs = [_Job(data, column, units, inputs | {"data": datadir.identity(data)}) for data in sets]
    return [job.file for job in jobs if job.unfinished() and job.run(encoder, part)]


def identity_of(model: Path) -> dict[str, object]:
    """What decides the units of a recording: the centroids, the layer and the files of its encoder."""
    units = unit_model.load(model)
    told = {"layer": units.layer, "merged": units.merged, "encoder": identity(units.encoder)}
    return told | {"centroids": fingerprint(model / unit_model.WEIGHTS)}


def blocks(utterances: Iterable[Utterance]) -> list[list[Utterance]]:
    """The utterances in their order, in blocks of at most `BLOCK_SECONDS`, or of one utterance."""
    found: list[list[Utterance]] = []
    room = 0.0
    for utterance in utterances:
        if not found or utterance.duration > room:
            found.append([])
            room = BLOCK_SECONDS
        found[-1].append(utterance)
        room -= utterance.duration
    return found


def assigned(
    models: Sequence[UnitModel], encoder: Encoder, blocks: Iterable[Sequence[Utterance]]
) -> Iterator[dict[str, list[np.ndarray]]]:
    """Of each block the (T,) units of its utterances by id, sorted, one array for each of the models.

    ``encoder``: of them all, with their layers.
    """
    grouped = [batches(block, BATCH_SECONDS) for block in blocks]
    found = encoded(encoder, chain.from_iterable(grouped))
    for block in grouped:
        units: dict[str, list[np.ndarray]] = {}
        for batch, features in islice(found, len(block)):
            of_layer = dict(zip(encoder.layers, features, strict=True))
            for n, utterance in enumerate(batch):
                units[utterance.id] = [model.assign(of_layer[model.layer][n]) for model in models]
        yield dict(sorted(units.items()))


@dataclass(frozen=True)
class _Job:
    """A column of a data directory, the model that it is made by, and what decides it."""

    data: Path
    column: str
    model: UnitModel
    inputs: Mapping[str, object]

    @property
    def file(self) -> Path:
        """The column."""
        return self.data / self.column

    @property
    def home(self) -> Path:
        """The folder of its stamp."""
        return self.data / HOME / self.column

    @cached_property
    def blocks(self) -> list[list[Utterance]]:
        """What is done at a time."""
        return blocks(durations.measured(datadir.read(self.data, ["wav.scp"])))

    def unfinished(self) -> bool:
        """Whether there is work left; what a finished column has left behind is gone."""
        if is_done(self.home, self.inputs):
            shards.discard_shards(self.home)  # a process may have been killed before it did
            return False
        if self.file.exists() and not self.home.is_dir():
            raise UserError(
                f"{self.file}: would be replaced, and is no column of this work: remove it, or name another with "
                "--column NAME"
            )
        return True

    def run(self, encoder: Callable[[], Encoder], part: Shard) -> bool:
        """Whether there was anything to do of a shard, or the whole to finish."""

        def extend(written: Journal, due: Sequence[list[Utterance]]) -> None:
            done = sum(map(seconds_of, due[: len(written)]))
            missing = due[len(written) :]
            with Progress(f"units {self.data.name}", sum(map(seconds_of, due)), SPEECH, done) as bar:
                for block, units in zip(missing, assigned([self.model], encoder(), missing), strict=True):
                    written.append(
                        [[key, " ".join(map(str, of_utterance))] for key, (of_utterance,) in units.items()]
                    )
                    bar.update(seconds_of(block))

        return Resumable(self.data, "blocks", self.blocks, self._journal, extend, self._finish).run(part)

    def _journal(self, shard: Shard) -> Journal:
        """The blocks of a shard that are done."""
        ids = [[utterance.id for utterance in block] for block in shard.of(self.blocks)]
        return Journal(shard.folder(self.home), {**self.inputs, "blocks": fingerprint(ids)})

    def _finish(self, parts: Sequence[Journal]) -> None:
        """Writes the column from the blocks of all shards, which were dealt to them in turn; removes the shards."""
        make_folder(self.home)  # that the column is ours, should the stamp not come to be written
        sources = [part.records() for part in parts]
        blocks = (next(sources[n % len(sources)]) for n in range(len(self.blocks)))
        write_lines(self.file, (line(self.file, key, units) for block in blocks for key, units in block))
        stamp(self.home, self.inputs, [self.file])
        shards.discard_shards(self.home)


def _check_name(column: str) -> None:
    """`UserError` for a name that no further column of a data directory can have."""
    if not is_column(column):
        raise UserError(f"--column {column}: the name of a table that is none of Kaldi's, such as units_k500")


def _warn_of_another_encoder(folder: Path, units: UnitModel, encoder: Mapping[str, str]) -> None:
    """Tells on stderr where the encoder is not what it was when the model of units was learnt from it."""
    for verb, learnt in (made_from(folder) or {}).items():
        if verb in LEARNT_BY and learnt.get("spec") == units.encoder and learnt["encoder"] != encoder:
            print(
                f"{folder}: {units.encoder} has changed since: learn its units anew with fangyan {verb}",
                file=sys.stderr,
            )

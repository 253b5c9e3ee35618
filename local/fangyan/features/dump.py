"""Features of every layer of an encoder as Kaldi archives: ``<set>/<layer>/feats.{scp,ark}``.

    utterances, longest first -> batches -> waves read ahead -> encoder -> archives written behind -> index
    sentences of a column, longest first -> batches -> encoder of text -> archives -> index

Of speech, the ids are those of the utterances. Of a text column (`features.sentences`), which needs no recordings,
each sentence is there once: by its id in utt2sent; in the column ``text``, where each variety has its own, by the id of
its first utterance in that variety. `column_of` says of which column a folder of features is.

The tasks of a job array encode every n-th batch each; merged, their archives are those of one process, byte for byte.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from fangyan import experiments, files, shards
from fangyan.data import datadir, durations
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, SomeLayers, check_spec, identity, load_encoder, teacher_identity
from fangyan.errors import DataError, UserError, known_names
from fangyan.features import finished, sentences
from fangyan.features.archive import SCP, Archive
from fangyan.features.at_layer import check_each
from fangyan.features.layers import by_depth
from fangyan.features.pipeline import BATCH_SECONDS, batches, extract
from fangyan.features.sentences import Sentence
from fangyan.files import fingerprint, is_done
from fangyan.folders import check_replaceable
from fangyan.progress import track
from fangyan.shards import WHOLE, Resumable, Shard

type Batches = Sequence[list[Utterance]] | Sequence[list[Sentence]]


def dump(
    spec: str,
    sets: Sequence[Path],
    out: Path,
    part: Shard = WHOLE,
    column: str = "",
    prefix: str | None = None,
    only: Sequence[str] = (),
) -> list[Path]:
    """The folders ``out/<set>`` of the data directories ``sets`` on which there was work to do.

    ``column``: for an encoder of text, the table it reads, such as text_cmn; ``prefix``: what it puts before each text,
    None for what the model says. ``only``: layers to write, by default all. Finished folders are kept; finished means:
    the same encoder (its files' content) and layers asked for, and the same data directory, or the same texts, column
    and prefix. What a killed process has written is gone on with. ``part``: a shard, which is left to be merged, or
    their merging; that raises `UserError` which names a shard that is not finished. `UserError` for an encoder that
    takes something else, too.
    """
    if prefix is not None and not column:
        raise UserError(
            f"--text_prefix {prefix!r} is for texts: name those to read, such as --column text_cmn"
        )
    check_spec(spec)
    check_each(spec, only)
    wanted = _Wanted(spec, column, prefix, only)
    return [job.home for job in wanted.unfinished(sets, out) if job.run(lambda: wanted.encoder, part)]


def column_of(feats: Path) -> str:
    """The text column of which finished features of a set are; empty for those of recordings."""
    return (files.made_from(feats) or {}).get("column", "")


def layers(feats: Path) -> list[str]:
    """The names of the dumped layers, shallow first, as the encoder had them when it dumped these features."""
    names = by_depth((scp.parent.name for scp in feats.glob(f"*/{SCP}")), finished.layers(feats))
    if not names:
        experiments.check_there(feats.parents[1])  # of EXP/feats/SET
        sets = sorted({scp.parts[-3] for scp in feats.parent.glob(f"[!.]*/*/{SCP}")})
        beside = f" ({known_names(feats.name, sets)})" if sets else ""
        raise DataError(f"{feats}: no <layer>/feats.scp there{beside}; run the stage dump first")
    return names


def identity_of(feats: Path, names: Sequence[str]) -> str:
    """A fingerprint of the features of these layers of a set."""
    return fingerprint({name: finished.identity(feats, name) for name in names})


def read_features(feats: Path, layer: str) -> dict[str, np.ndarray]:
    """Utterance id -> (T, d) float32 of one layer; `DataError` where its archive is not as it was written."""
    finished.check_archives(feats, layer)
    scp = datadir.read_map(feats / layer / SCP)
    return {key: finished.load(feats / layer, key, place) for key, place in scp.items()}


def dimension(feats: Path, layer: str) -> int:
    """d of the (T, d) features of a layer, as the first utterance has it."""
    first = next(iter(datadir.read_map(feats / layer / SCP).items()), None)
    if not first:
        raise DataError(f"{feats / layer / SCP}:1: an index has a line for each utterance, got none")
    return finished.load(feats / layer, *first).shape[-1]


@dataclass(frozen=True)
class _Job:
    """A data directory, the folder of its features, what decides these, how batches are read and encoded."""

    data: Path
    home: Path
    inputs: dict
    read: Callable[[], Batches]
    extract: Callable[[Encoder, Batches, Archive, str], None]

    @cached_property
    def batches(self) -> Batches:
        """What is to be encoded, in archive order."""
        return self.read()

    def run(self, encoder: Callable[[], Encoder], part: Shard) -> bool:
        """Whether there was anything to encode of a shard, or the whole to finish."""

        def extend(archive: Archive, shard: Batches) -> None:
            self.extract(encoder(), shard, archive, f"dump {self.data.name}")

        return Resumable(self.data, "batches", self.batches, self.archive, extend, self.finish).run(part)

    def archive(self, shard: Shard) -> Archive:
        """The archive of a shard, as far as it is written."""
        ids = [[item.id for item in batch] for batch in shard.of(self.batches)]
        return Archive(shard.folder(self.home), self.inputs | {"batches": fingerprint(ids)})

    def finish(self, parts: Sequence[Archive]) -> None:
        """Writes the archives to ``home`` with their indices, as one process would; removes the shards."""
        whole = parts[0]
        if len(parts) > 1:
            whole = self.archive(WHOLE)
            _merge(parts, whole, len(self.batches), f"merge {self.data.name}")
        wanted = (item.id for batch in self.batches for item in batch)
        shards.check_exactly_once(whole.folder, "utterance", whole.ids(), wanted)
        whole.finish(self.home, self.inputs)
        shards.discard_shards(self.home)


@dataclass(frozen=True)
class _Wanted:
    """What is asked of an encoder: features of recordings or of a text column with a prefix, some layers or all."""

    spec: str
    column: str = ""
    prefix: str | None = None
    layers: Sequence[str] = ()

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder, loaded once, and only if there is work."""
        encoder = load_encoder(self.spec, modality="text" if self.column else "speech")
        if self.prefix is not None:
            encoder.prefix = self.prefix
        return SomeLayers(encoder, self.layers) if self.layers else encoder

    def unfinished(self, sets: Sequence[Path], out: Path) -> Iterator[_Job]:
        """What is left to do; what a finished set has left behind is gone."""
        inputs = {"encoder": identity(self.spec)}
        if self.layers:
            inputs["layers"] = sorted(set(self.layers))
        job_of = self._texts if self.column else self._recordings
        for data in sets:
            job = job_of(data, out / data.name, inputs)
            if is_done(job.home, job.inputs):
                shards.discard_shards(job.home)  # a process may have been killed before it did
            else:
                check_replaceable(job.home, job.inputs)
                yield job

    def _recordings(self, data: Path, home: Path, inputs: dict) -> _Job:
        inputs = inputs | {"data": datadir.identity(data)}

        def read() -> list[list[Utterance]]:
            return batches(durations.measured(datadir.read(data, ["wav.scp"])), BATCH_SECONDS)

        return _Job(data, home, inputs, read, extract)

    def _texts(self, data: Path, home: Path, inputs: dict) -> _Job:
        texts = sentences.read(data, self.column)
        inputs = inputs | teacher_identity(self.spec)
        inputs |= {"data": sentences.identity(texts), "column": self.column, "prefix": self.prefix}

        def read() -> list[list[Sentence]]:
            sentences.report_wordings(data / self.column, texts)
            return sentences.batches(texts)

        return _Job(data, home, inputs, read, sentences.extract)


def _merge(shards: Sequence[Archive], whole: Archive, batches: int, title: str) -> None:
    """Appends to ``whole`` what it lacks of the batches, which are dealt to the shards in turn."""
    sources = [shard.batches() for shard in shards]
    for n in track(range(batches), title, "batches"):
        batch = next(sources[n % len(shards)])
        if n >= len(whole):
            whole.append(*batch)

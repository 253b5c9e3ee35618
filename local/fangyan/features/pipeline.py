"""Waves read ahead, encoded in batches that fit into memory, and written behind: what keeps the encoder busy."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, best_device
from fangyan.errors import DataError, out_of_memory
from fangyan.features.archive import Archive, entry
from fangyan.progress import Progress

BATCH_SECONDS = 120.0
"""Padded speech of one batch, which is read, written and gone on after as a whole: the same on every machine."""

ENCODED_SECONDS = {"cpu": 30.0, "cuda": BATCH_SECONDS}
"""Padded speech encoded at once, to begin with: what the caches of a processor hold, what keeps a GPU busy."""

SPEECH = "s of audio"
"""The unit that progress is counted in: utterances differ too much in length."""

READERS = 2
"""Threads that read; more than one hides the latency of a network's file system."""

type Features = list[list[np.ndarray]]


def batches(utterances: Iterable[Utterance], seconds: float) -> list[list[Utterance]]:
    """The utterances by length, in batches whose padded length is at most ``seconds`` (or of one utterance)."""
    grouped: list[list[Utterance]] = []
    for utterance in sorted(utterances, key=lambda u: (-u.duration, u.id)):
        if grouped and grouped[-1][0].duration * (len(grouped[-1]) + 1) <= seconds:
            grouped[-1].append(utterance)
        else:
            grouped.append([utterance])
    return grouped


def extract(encoder: Encoder, shard: Sequence[list[Utterance]], archive: Archive, title: str) -> None:
    """Reads and encodes the batches of ``shard`` that ``archive`` lacks, and appends them to it."""

    def write(item: tuple[list[Utterance], Features]) -> float:
        batch, features = item
        append(archive, encoder.layers, [u.id for u in batch], features)
        return seconds_of(batch)

    done, total = (sum(map(seconds_of, part)) for part in (shard[: len(archive)], shard))
    with Progress(title, total, SPEECH, done) as bar:
        for seconds in ahead(write, encoded(encoder, shard[len(archive) :]), 1):
            bar.update(seconds)


def encoded(encoder: Encoder, shard: Iterable[list[Utterance]]) -> Iterator[tuple[list[Utterance], Features]]:
    """Each batch with its features, ``[layer][utterance]`` -> (T, d); the waves of the next ones are read meanwhile."""
    fitting = Fitting(encoder, ENCODED_SECONDS[best_device()])
    for batch, waves in ahead(_read, shard, READERS):
        yield batch, fitting.encode(batch, waves)


def append(archive: Archive, layers: Sequence[str], ids: Sequence[str], features: Features) -> None:
    """Adds the features of a batch to the archive of each layer."""
    of_layer = zip(layers, features, strict=True)
    archive.append(ids, ((layer, [*map(entry, ids, matrices)]) for layer, matrices in of_layer))


def ahead[T, R](work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """``work(item)`` for each item, in order, done by threads up to ``threads`` items before it is asked for.

    What an item raises is raised here in its place; when the caller stops, so do the threads.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class Fitting:
    """An encoder in batches that fit into memory: one that does not is done in halves, and what follows in such too.

    That leaves the features as they are: they do not depend on the batch, by the promise of `Encoder.encode`.
    """

    def __init__(self, encoder: Encoder, seconds: float) -> None:
        self.encoder = encoder
        self.seconds = seconds

    def encode(self, batch: Sequence[Utterance], waves: Mapping[str, np.ndarray]) -> Features:
        """``[layer][utterance]`` -> (T, d) of a batch of `batches`; ``waves`` by utterance id.

        Raises `DataError` that names the utterance which cannot be encoded even alone.
        """
        pieces = batches(batch, self.seconds)
        if len(pieces) > 1:
            return self._joined(pieces, waves)
        padded = len(batch) * batch[0].duration
        try:
            return self._encode([waves[u.id] for u in batch])
        except (DataError, MemoryError, RuntimeError) as error:
            scarce = out_of_memory(error)
            if not (scarce or isinstance(error, DataError)):
                raise
            if len(batch) == 1:
                reason = "does not fit into memory" if scarce else str(error)
                raise DataError(
                    f"{batch[0].wav}: utterance {batch[0].id}, {padded:.1f} s: {reason}"
                ) from None
            if scarce:
                self.seconds = padded / 2
        return self._joined(batches(batch, padded / 2), waves)

    def _encode(self, waves: Sequence[np.ndarray]) -> Features:
        import torch

        with torch.autocast("cuda", torch.bfloat16, enabled=torch.cuda.is_available()):
            return self.encoder.encode_finite(waves)

    def _joined(self, pieces: Sequence[list[Utterance]], waves: Mapping[str, np.ndarray]) -> Features:
        parts = [self.encode(piece, waves) for piece in pieces]
        return [list(chain.from_iterable(of_layer)) for of_layer in zip(*parts, strict=True)]


def _read(batch: Sequence[Utterance]) -> tuple[Sequence[Utterance], dict[str, np.ndarray]]:
    """A batch with its waves by utterance id."""
    waves = {}
    for utterance in batch:
        try:
            waves[utterance.id] = audio.read(utterance.wav)
        except DataError as error:
            raise DataError(f"{error} (utterance {utterance.id})") from None
    return batch, waves


def seconds_of(batch: Iterable[Utterance]) -> float:
    """How much speech there is in a batch."""
    return sum(utterance.duration for utterance in batch)

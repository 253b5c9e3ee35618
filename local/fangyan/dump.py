"""Features of every layer of an encoder as Kaldi archives: ``<layer>/feats.{scp,ark}``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

import numpy as np

from fangyan import audio, datadir
from fangyan.datadir import Utterance
from fangyan.encoders import Encoder, identity, load_encoder
from fangyan.errors import DataError
from fangyan.files import fingerprint, produce, write_text

BATCH_SECONDS = 60.0
"""Padded speech of one batch: enough to keep two cores busy, small enough for any laptop."""


def dump(spec: str, sets: Sequence[Path], out: Path) -> list[Path]:
    """The folders ``out/<set>`` that had to be written: ``<layer>/feats.{scp,ark}`` for each data directory.

    Finished ones are kept; finished means: the same encoder (its files' content) and the same data directory.
    """
    encoder = cache(partial(load_encoder, spec))  # loaded once, and only if there is work
    identified = identity(spec)
    written = []
    for data in sets:
        home = out / data.name
        inputs = {"encoder": identified, "data": datadir.identity(data)}
        if produce(home, inputs, partial(_write, encoder, datadir.read(data), home)):
            written.append(home)
    return written


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


def batches(utterances: Sequence[Utterance], seconds: float = BATCH_SECONDS) -> list[list[Utterance]]:
    """The utterances by length, in batches whose padded length is at most ``seconds`` (or of one utterance)."""
    grouped: list[list[Utterance]] = []
    for utterance in sorted(utterances, key=lambda u: (-u.duration, u.id)):
        if grouped and grouped[-1][0].duration * (len(grouped[-1]) + 1) <= seconds:
            grouped[-1].append(utterance)
        else:
            grouped.append([utterance])
    return grouped


def _write(load: Callable[[], Encoder], utterances: Sequence[Utterance], home: Path, folder: Path) -> None:
    from kaldiio import WriteHelper

    encoder = load()
    with ExitStack() as stack:
        writers = []
        for layer in encoder.layers:
            (folder / layer).mkdir()
            writers.append(
                stack.enter_context(WriteHelper(f"ark,scp:{folder / layer}/feats.ark,{folder / layer}/.scp"))
            )
        for batch, features in _encode(encoder, utterances, home):
            for writer, of_layer in zip(writers, features, strict=True):
                for utterance, matrix in zip(batch, of_layer, strict=True):
                    writer(utterance.id, matrix)
    for layer in encoder.layers:
        index = folder / layer / ".scp"
        lines = sorted(index.read_text().replace(f"{folder}/", f"{home}/").splitlines())
        write_text(folder / layer / "feats.scp", "".join(f"{line}\n" for line in lines))
        index.unlink()


def _encode(
    encoder: Encoder, utterances: Sequence[Utterance], home: Path
) -> Iterator[tuple[list[Utterance], list]]:
    from tqdm import tqdm

    with tqdm(total=len(utterances), desc=f"dump {home.name}", unit="utt", disable=None) as bar:
        for batch in batches(utterances):
            try:
                yield batch, encoder.encode([audio.read(u.wav) for u in batch])
            except DataError as error:
                raise DataError(f"{error} (in the batch {', '.join(u.id for u in batch)})") from None
            bar.update(len(batch))

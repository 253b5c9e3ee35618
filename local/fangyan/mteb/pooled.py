"""An encoder of speech as MTEB takes models: the mean frame of each recording, compared by cosine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta, ScoringFunction

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.encoders import best_device, identity
from fangyan.features.at_layer import load_at_layer
from fangyan.features.embedding import mean
from fangyan.features.pipeline import ENCODED_SECONDS, Fitting, batches
from fangyan.files import fingerprint


class PooledEncoder(AbsEncoder):
    """One layer of an encoder: (n, d) mean frames of n recordings, the vectors of ``embed --pool mean``.

    A recording that comes again, as in several subsets of a task, is not encoded again.
    """

    def __init__(self, spec: str, layer: str = "") -> None:
        encoder = load_at_layer(spec, layer)
        self.mteb_model_meta = describe(spec, str(encoder.layer))
        self._fitting = Fitting(encoder, ENCODED_SECONDS[best_device()])
        self._known: dict[bytes, np.ndarray] = {}

    def encode(self, inputs: Iterable[Mapping[str, Sequence]], **_: Any) -> np.ndarray:
        """(n, d) float32 of batches whose ``audio`` are recordings as `wave` takes them.

        `DataError` that names the one that cannot be encoded, by its ``id`` if it has one.
        """
        return np.stack([vector for batch in inputs for vector in self._vectors(batch)])

    def _vectors(self, batch: Mapping[str, Sequence]) -> list[np.ndarray]:
        """The vector of each recording of a batch."""
        waves = [wave(item) for item in batch["audio"]]
        keys = [sha256(samples).digest() for samples in waves]
        names = batch.get("id", range(1, len(waves) + 1))
        new = {key: (f"{name}", samples) for key, name, samples in zip(keys, names, waves, strict=True)}
        self._learn({key: found for key, found in new.items() if key not in self._known})
        return [self._known[key] for key in keys]

    def _learn(self, new: Mapping[bytes, tuple[str, np.ndarray]]) -> None:
        """Encodes what is new, in batches that fit into memory."""
        named = dict(new.values())
        keys = {name: key for key, (name, _) in new.items()}
        utterances = (
            Utterance(name, "recording", "", "", "", "", len(samples) / audio.SAMPLE_RATE)
            for name, samples in named.items()
        )
        for piece in batches(utterances, self._fitting.seconds):
            (frames,) = self._fitting.encode(piece, named)
            for utterance, found in zip(piece, frames, strict=True):
                self._known[keys[utterance.id]] = mean(found)


def wave(item: Mapping[str, Any]) -> np.ndarray:
    """The (N,) waveform at 16 kHz of ``array``, (N,) or (channels, N), at ``sampling_rate``."""
    samples = np.asarray(item["array"], np.float32)
    return audio.resample(samples.mean(0) if samples.ndim > 1 else samples, int(item["sampling_rate"]))


def describe(spec: str, layer: str) -> ModelMeta:
    """What MTEB files results of an encoder at a layer under; ``revision`` follows from the content of its files."""
    name = re.sub(r"[^\w.+-]+", "-", f"{spec}-{layer}", flags=re.ASCII)
    known = {
        "name": f"fangyan/{name}",
        "revision": fingerprint(identity(spec), layer),
        "framework": ["PyTorch"],
        "similarity_fn_name": ScoringFunction.COSINE,
        "use_instructions": False,
        "modalities": ["audio"],
    }
    return ModelMeta.create_empty(known)

"""Discrete units: of each frame of one layer of an encoder, the nearest of k centroids; a folder says of which.

    units.safetensors   centroids (k, d) float32
    units.yaml          encoder: its SPEC; layer; merged: whether neighbouring frames of one unit are one unit

A SPEC whose argument begins with ``./`` names what lies in that folder, so that a model of units can be carried about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import yaml
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from fangyan import config
from fangyan.encoders import Encoder, SomeLayers, load_encoder
from fangyan.errors import DataError
from fangyan.files import write_text

WEIGHTS, SETTINGS = FILES = "units.safetensors", "units.yaml"
HERE = "./"
BLOCK = 256
"""Frames whose products with all centroids are in memory at a time, in the cache of a processor."""
KINDS = {"encoder": str, "layer": str, "merged": bool}


@dataclass(frozen=True)
class UnitModel:
    """Frames -> units: ``encoder``, a SPEC, ``layer``, one of its layers, ``centroids``, (k, d) float32.

    ``merged``: runs of a unit are one.
    """

    encoder: str
    layer: str
    centroids: np.ndarray
    merged: bool = False

    @property
    def k(self) -> int:
        """How many units there are."""
        return len(self.centroids)

    def assign(self, frames: np.ndarray) -> np.ndarray:
        """(T,) int64, or fewer where runs are merged: the nearest centroid of each of the (T, d) frames.

        Of equally near ones it is the first. `DataError` for frames of another width than the centroids.
        """
        if frames.shape[1] != self.centroids.shape[1]:
            raise DataError(
                f"units of {self.encoder} at {self.layer} are of frames of {self.centroids.shape[1]} numbers, "
                f"got {frames.shape[1]}"
            )
        units = np.empty(len(frames), np.int64)
        for start in range(0, len(frames), BLOCK):
            block = np.asarray(frames[start : start + BLOCK], np.float32) @ self.centroids.T
            block -= self._half
            block.argmax(1, units[start : start + BLOCK])
        return merge(units) if self.merged else units

    @cached_property
    def _half(self) -> np.ndarray:
        """(k,) half the squared length of each centroid: the nearest has the greatest product, less this."""
        return ((self.centroids.astype(np.float64) ** 2).sum(1) / 2).astype(np.float32)

    def load_encoder(self, device: str | None = None) -> Encoder:
        """The encoder, at its layer alone."""
        return SomeLayers(load_encoder(self.encoder, device), [self.layer])

    def save(self, folder: Path) -> None:
        """Writes ``units.safetensors`` and ``units.yaml``."""
        weights = save({"centroids": np.ascontiguousarray(self.centroids, np.float32)})
        (folder / WEIGHTS).write_bytes(weights)  # save_file lets nobody else read it
        settings = {"encoder": self.encoder, "layer": self.layer, "merged": self.merged}
        write_text(folder / SETTINGS, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))


def load(folder: Path) -> UnitModel:
    """The model of a folder; `DataError` for what is none."""
    path = folder / SETTINGS
    if not path.is_file():
        raise DataError(f"{folder}: no model of units, it has no {SETTINGS}: make one with fangyan kmeans")
    settings = config.load(path)
    if not isinstance(settings, dict) or any(
        not isinstance(settings.get(name), kind) for name, kind in KINDS.items()
    ):
        raise DataError(f"{path}: has encoder and layer, words, and merged, true or false, got {settings!r}")
    try:
        centroids = load_file(folder / WEIGHTS)["centroids"]
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(f"{folder / WEIGHTS}: no centroids can be read from it: {error}") from None
    if centroids.ndim != 2 or 0 in centroids.shape:
        raise DataError(f"{folder / WEIGHTS}: centroids are (k, d) numbers, got {centroids.shape}")
    family, _, argument = settings["encoder"].partition(":")
    if argument.startswith(HERE) and ".." in Path(argument).parts:
        raise DataError(
            f"{path}: an encoder {HERE} lies in the folder of its units, got {settings['encoder']}"
        )
    spec = f"{family}:{folder / argument}" if argument.startswith(HERE) else settings["encoder"]
    return UnitModel(spec, settings["layer"], centroids, settings["merged"])


def merge(units: Sequence[int] | np.ndarray) -> np.ndarray:
    """The units with each run of one unit as one: 3 3 5 5 3 is 3 5 3."""
    units = np.asarray(units)
    return units[np.flatnonzero(np.diff(units, prepend=-1))]

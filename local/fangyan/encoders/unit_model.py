"""Discrete units: of each frame of one layer of an encoder, the nearest of k centroids; a folder says of which.

    units.safetensors   centroids (k, d) float32; of phones bias (k,) float32 as well
    units.yaml          encoder: its SPEC; layer; merged: whether neighbouring frames of one unit are one unit;
                        of phones names: what the units are called

Units that are phones are those of a linear classifier: the unit of a frame x is that with the greatest x . w + b, w
being its row of ``centroids``. The nearest centroid c is the same of w = c, b = -|c|^2 / 2.

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
CENTROIDS, BIAS = "centroids", "bias"


@dataclass(frozen=True)
class UnitModel:
    """Frames -> units: ``encoder``, a SPEC, ``layer``, one of its layers, ``centroids``, (k, d) float32.

    ``merged``: runs of a unit are one. ``bias``, (k,) float32, and ``names``: of phones, else none.
    """

    encoder: str
    layer: str
    centroids: np.ndarray
    merged: bool = False
    bias: np.ndarray | None = None
    names: tuple[str, ...] = ()

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
            block += self._offset
            block.argmax(1, units[start : start + BLOCK])
        return merge(units) if self.merged else units

    @cached_property
    def _offset(self) -> np.ndarray:
        """(k,) the bias; less half its squared length, the product of a frame with its nearest centroid is greatest."""
        if self.bias is not None:
            return self.bias
        return (-(self.centroids.astype(np.float64) ** 2).sum(1) / 2).astype(np.float32)

    def load_encoder(self, device: str | None = None) -> Encoder:
        """The encoder, at its layer alone."""
        return SomeLayers(load_encoder(self.encoder, device), [self.layer])

    def save(self, folder: Path) -> None:
        """Writes ``units.safetensors`` and ``units.yaml``."""
        tensors = {CENTROIDS: self.centroids} | ({} if self.bias is None else {BIAS: self.bias})
        weights = save({name: np.ascontiguousarray(tensor, np.float32) for name, tensor in tensors.items()})
        (folder / WEIGHTS).write_bytes(weights)  # save_file lets nobody else read it
        settings = {"encoder": self.encoder, "layer": self.layer, "merged": self.merged}
        settings |= {"names": list(self.names)} if self.names else {}
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
    centroids, bias = _load_weights(folder / WEIGHTS)
    names = _check_names(path, settings.get("names", []), len(centroids))
    family, _, argument = settings["encoder"].partition(":")
    if argument.startswith(HERE) and ".." in Path(argument).parts:
        raise DataError(
            f"{path}: an encoder {HERE} lies in the folder of its units, got {settings['encoder']}"
        )
    spec = f"{family}:{folder / argument}" if argument.startswith(HERE) else settings["encoder"]
    return UnitModel(spec, settings["layer"], centroids, settings["merged"], bias, names)


def _load_weights(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The centroids, and the bias where there is one."""
    try:
        tensors = load_file(path)
        centroids, bias = tensors[CENTROIDS], tensors.get(BIAS)
    except (OSError, KeyError, SafetensorError) as error:
        raise DataError(f"{path}: no centroids can be read from it: {error}") from None
    if centroids.ndim != 2 or 0 in centroids.shape:
        raise DataError(f"{path}: centroids are (k, d) numbers, got {centroids.shape}")
    if bias is not None and bias.shape != centroids.shape[:1]:
        raise DataError(f"{path}: the bias is a number for each of {len(centroids)} units, got {bias.shape}")
    for name, tensor in ((CENTROIDS, centroids), (BIAS, bias)):
        if tensor is not None and not np.isfinite(tensor).all():
            raise DataError(
                f"{path}: finite numbers are needed, {name} has nan or inf: make the model of units anew"
            )
    return centroids, bias


def _check_names(path: Path, names: object, k: int) -> tuple[str, ...]:
    """The names of the units; none, or one for each."""
    listed = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not listed or (names and len({*names}) != k) or len({*names}) != len(names):
        raise DataError(f"{path}: names are {k} different words, one for each unit, got {names!r}")
    return tuple(names)


def merge(units: Sequence[int] | np.ndarray) -> np.ndarray:
    """The units with each run of one unit as one: 3 3 5 5 3 is 3 5 3."""
    units = np.asarray(units)
    return units[np.flatnonzero(np.diff(units, prepend=-1))]

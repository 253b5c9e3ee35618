"""Texts as hidden units: a network learns, of transcribed speech, which units each phone is spoken as, and how long.

    column of units, phones aligned by `phone_units` -> `fastspeech` -> OUT, which `text_units` reads as

Losses (Zhang et al. 2024): cross entropy of units with label smoothing, and the squared error of log(duration + 1). The
weights that are kept are those with the most units right on speakers held out, at the durations that were spoken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from fangyan import config as configs
from fangyan.data import datadir
from fangyan.encoders import identity as encoder_identity
from fangyan.encoders import unit_model
from fangyan.errors import DataError, UserError
from fangyan.files import fingerprint, produce, write_text
from fangyan.ipa import dictionaries
from fangyan.units.column import units_of
from fangyan.units.phone_units import Transcribed, aligned, load_aligner, read_transcripts, split

if TYPE_CHECKING:
    from fangyan.units.fastspeech import FastSpeech

WEIGHTS, SETTINGS = "text_to_unit.safetensors", "text_to_unit.yaml"
LONGEST = 10_000
"""What no phone lasts, whatever the units are of."""
KEYS = ("names", "k", "centroids")
"""What a trained network has beside its settings."""


@dataclass(frozen=True)
class Settings:
    """The values of a configuration: the sizes of the network, then how it is trained; by default SpeechLM's."""

    blocks: int = 4
    width: int = 256
    heads: int = 2
    filter: int = 1024
    kernel: int = 9
    predictor_width: int = 256
    predictor_kernel: int = 3
    predictor_dropout: float = 0.5
    dropout: float = 0.1
    label_smoothing: float = 0.1
    learning_rate: float = 5e-4
    warm_up: float = 0.3
    updates: int = 10_000
    batch_units: int = 20_000
    clip: float = 5.0
    valid_every: int = 500

    @classmethod
    def read(cls, path: Path) -> "Settings":
        """Those of a YAML file, whose keys may all be absent; `DataError` for others, and for what is no such value."""
        found = configs.compose(path)
        configs.check_keys(found, {field.name: None for field in fields(cls)}, f"{path}")
        for name, value in found.items():
            whole = isinstance(getattr(cls, name), int)
            number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value < inf:
                hint = ": YAML takes 5e-4 for a word, write 5.0e-4" * _is_number(value)
                raise DataError(
                    f"{path}: {name} is a {'whole ' * whole}number from 0 up, got {value!r}{hint}"
                )
        settings = cls(**found)
        for rule, holds in settings._rules().items():
            if not holds:
                raise DataError(f"{path}: {rule}")
        return settings

    def _rules(self) -> dict[str, bool]:
        """What must hold, and whether it does."""
        sizes = (self.width, self.heads, self.filter, self.predictor_width, self.updates, self.valid_every)
        steps, lost = (
            (self.learning_rate, self.clip),
            (self.dropout, self.predictor_dropout, self.label_smoothing),
        )
        return {
            "width, heads, filter, predictor_width, updates and valid_every are above 0": min(sizes) > 0,
            "learning_rate and clip are above 0, or nothing is learnt": min(steps) > 0,
            "width is a multiple of twice the heads": self.width % max(2 * self.heads, 1) == 0,
            "kernel and predictor_kernel are odd": bool(self.kernel % 2 and self.predictor_kernel % 2),
            "dropout, predictor_dropout and label_smoothing are below 1, or nothing is learnt": max(lost) < 1,
            "warm_up is at most 1": self.warm_up <= 1,
        }


def _is_number(value: object) -> bool:
    """Whether a value is a word that means a number."""
    try:
        return isinstance(value, str) and isfinite(float(value))
    except ValueError:
        return False


@dataclass(frozen=True)
class Spoken:
    """A transcribed utterance: (N,) phones, (N,) how many units each lasts, and (T,) the units, T their sum."""

    phones: np.ndarray
    durations: np.ndarray
    units: np.ndarray


@dataclass(frozen=True)
class TextToUnit:
    """A trained network, the ``names`` of the phones that it reads, and the fingerprint of the units it writes."""

    network: "FastSpeech"
    names: tuple[str, ...]
    centroids: str

    def predict(self, phones: Sequence[int]) -> np.ndarray:
        """(T,) the units of phones: each lasts as predicted, a unit at least; `DataError` for more than `LONGEST`."""
        import torch

        with torch.inference_mode():
            numbers, padding = torch.tensor([phones]), torch.zeros(1, len(phones), dtype=torch.bool)
            read, lasting = self.network.read(numbers, padding)
            lasts = lasting.exp().sub(1).round()
            if not lasts.max() <= LONGEST:
                raise DataError(
                    f"the network from texts to units has a phone last {lasts.max().item():g} units: learn it anew "
                    "with a lower learning_rate or more updates"
                )
            durations = lasts.long().clamp(1)
            logits, _ = self.network.speak(read, durations)
        return logits[0].argmax(-1).numpy()


def text_to_unit(
    phones: Path, units: Path, sets: Sequence[Path], column: str, config: Path, out: Path, seed: int = 1
) -> bool:
    """Writes a `TextToUnit` to the folder ``out``, says whether it had to.

    ``phones``: a model of `phone_units`, which aligns; ``units``: a model of hidden units, whose ``column`` the data
    directories have, of which ``wav.scp`` and ``text`` are read as well. `UserError` for units that are merged, or of
    another model; `DataError` as `phone_units`.
    """
    settings = Settings.read(config)
    models = {"phones": load_aligner(phones), "units": unit_model.load(units)}
    if models["phones"].merged or models["units"].merged:
        raise UserError(
            f"{units}: merged units do not tell how long they last: make a model without --merged"
        )
    inputs = {"settings": asdict(settings), "seed": seed, "dictionaries": dictionaries.identity()}
    inputs |= {
        name: fingerprint(folder / unit_model.WEIGHTS)
        for name, folder in (("phones", phones), ("units", units))
    }
    inputs |= {"encoder": encoder_identity(models["phones"].encoder)}
    inputs |= {"data": [datadir.identity(data, column) for data in sets]}

    def build(folder: Path) -> None:
        from fangyan.units import fastspeech_training

        chance = np.random.default_rng(seed)
        transcripts = read_transcripts(sets)
        by_id = {key: found for data in sets for key, found in units_of(units, data, column).items()}
        learnt, held_out = _spoken(models["phones"], transcripts, by_id, chance)
        names, k = models["phones"].names, models["units"].k
        network = fastspeech_training.train(learnt, held_out, len(names), k, settings, seed)
        save(TextToUnit(network, names, inputs["units"]), settings, k, folder)

    return produce(out, {"text_to_unit": inputs}, build)


def _spoken(
    model: unit_model.UnitModel,
    transcribed: Sequence[Transcribed],
    units: Mapping[str, np.ndarray],
    chance: np.random.Generator,
) -> tuple[list[Spoken], list[Spoken]]:
    """Utterances to learn from, and those of speakers held out; of one speaker alone they are the same."""
    found = {key: to_spoken(phones, ends, units[key]) for key, phones, ends in aligned(model, transcribed)}
    learnt, held_out = split([t for t in transcribed if t.utterance.id in found], chance)
    return [found[key] for key in learnt], [found[key] for key in held_out or learnt]


def to_spoken(phones: Sequence[int], ends: np.ndarray, units: np.ndarray) -> Spoken:
    """An utterance whose phones end at ``ends``, fractions of it, and whose units may be of another rate."""
    bounds = np.rint(ends * len(units)).astype(np.int64)
    return Spoken(np.array(phones), np.diff(bounds, prepend=0), np.asarray(units, np.int64))


def save(model: TextToUnit, settings: Settings, k: int, folder: Path) -> None:
    """Writes ``text_to_unit.safetensors`` and ``text_to_unit.yaml``."""
    from safetensors.torch import save as to_bytes

    (folder / WEIGHTS).write_bytes(
        to_bytes({n: t.contiguous() for n, t in model.network.state_dict().items()})
    )
    told = asdict(settings) | {"names": list(model.names), "k": k, "centroids": model.centroids}
    write_text(folder / SETTINGS, yaml.safe_dump(told, allow_unicode=True, sort_keys=False))


def read_settings(folder: Path) -> dict[str, Any]:
    """What ``text_to_unit.yaml`` says; `DataError` for a folder of something else."""
    path = folder / SETTINGS
    told = configs.load(path) if path.is_file() else None
    keys = {*KEYS, *(field.name for field in fields(Settings))}
    if not isinstance(told, dict) or told.keys() != keys or not isinstance(told["names"], list):
        raise DataError(f"{path}: no network from texts to units: make one with fangyan text_to_unit")
    return told


def load(folder: Path) -> TextToUnit:
    """The network of a folder; `DataError` for what is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from fangyan.units.fastspeech import FastSpeech

    told = read_settings(folder)
    names, k, centroids = (told.pop(name) for name in KEYS)
    try:
        network = FastSpeech(len(names), k, Settings(**told))
        network.load_state_dict(load_file(folder / WEIGHTS))
        if not all(weight.isfinite().all() for weight in network.state_dict().values()):
            raise DataError(
                f"{folder / WEIGHTS}: finite numbers are needed, got nan or inf: make the network anew"
            )
    except (TypeError, RuntimeError, OSError, SafetensorError) as error:
        raise DataError(f"{folder / WEIGHTS}: is not of {SETTINGS} beside it: {error}") from None
    return TextToUnit(network.eval(), tuple(names), centroids)

"""Phones on time: where a model of `fangyan.units.phone_units` aligns those of each transcript, silence among them."""

from collections.abc import Mapping
from pathlib import Path

from fangyan.ipa import dictionaries
from fangyan.measure.units.stretches import Stretch
from fangyan.units.assign import identity_of as units_identity
from fangyan.units.phone_units import aligned, load_aligner, read_transcripts


def identity_of(folder: Path) -> Mapping[str, object]:
    """What decides where phones are, beside the data; `UserError` for a folder of units that are no phones."""
    names = load_aligner(folder).names
    return {"names": names, "units": units_identity(folder), "dictionaries": dictionaries.identity()}


def find(folder: Path, data: Path) -> dict[str, list[Stretch]]:
    """The phones of each utterance by id, by the model of ``folder``; what cannot be read or aligned is told on stderr.

    `DataError` where nothing can.
    """
    model = load_aligner(folder)
    return {
        key: [Stretch(model.names[phone], end) for phone, end in zip(phones, ends.tolist(), strict=True)]
        for key, phones, ends in aligned(model, read_transcripts([data]))
    }

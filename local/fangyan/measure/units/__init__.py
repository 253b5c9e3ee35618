"""The unit report: how models of units use their codebook, and what units tell of words, varieties and speakers.

    recordings -> every encoder once, at the layers of all models -> units of each frame -> a row for each model

Which layer gives units that are shared by varieties? One whose units tell much of characters (`information.told`)
and make translations alike (`agreement`), but little of variety and speaker. What is measured of a column stands beside
what it is by chance, since counts of few frames are never fair, and the less so the more units there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fangyan.data import datadir, durations
from fangyan.data.datadir import SPOKEN, Utterance
from fangyan.encoders import SomeLayers, load_encoder, unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.features.pipeline import SPEECH, seconds_of
from fangyan.files import produce
from fangyan.measure.units import characters, phones
from fangyan.measure.units.stretches import Stretch, cut
from fangyan.progress import Progress
from fangyan.tables import Amount, Count, Fraction, Total, write_rows
from fangyan.units.agreement import Trio, agreement, translated, trios
from fangyan.units.assign import assigned, blocks, identity_of
from fangyan.units.information import perplexity, told

NAME = "units.tsv"
CHARACTER, PHONE = "character", "phone"
"""What a transcript is made of, as columns are called."""

type Units = dict[str, np.ndarray]
"""Id of an utterance -> (T,) units, a unit for each frame."""

type Said = Mapping[str, Sequence[Stretch]]
"""Id of an utterance -> its characters, or its phones, on time."""


@dataclass(frozen=True)
class UnitRow:
    """What is measured of a model of units, of every frame even where it merges runs; empty where nothing could be.

    ``used``: the fraction of units that occur. ``*_bits``, ``*_nmi``, ``*purity``: of `fangyan.units.information`,
    ``*_chance``: the same by chance. ``translations``, ``others``, ``found``: of `fangyan.units.agreement`.
    """

    units: str
    encoder: str
    layer: str
    k: Count
    frames: Count
    used: Fraction
    perplexity: Amount
    variety_bits: Amount
    variety_nmi: Fraction
    variety_chance: Fraction
    speaker_bits: Amount | None = None
    speaker_nmi: Fraction | None = None
    speaker_chance: Fraction | None = None
    pairs: Total = 0
    translations: Fraction | None = None
    others: Fraction | None = None
    found: Fraction | None = None
    aligned: Total = 0
    character_bits: Amount | None = None
    character_nmi: Fraction | None = None
    character_chance: Fraction | None = None
    purity: Fraction | None = None
    purity_chance: Fraction | None = None
    cluster_purity: Fraction | None = None
    aligned_phones: Total = 0
    phone_bits: Amount | None = None
    phone_nmi: Fraction | None = None
    phone_chance: Fraction | None = None
    phone_purity: Fraction | None = None
    phone_purity_chance: Fraction | None = None
    phone_cluster_purity: Fraction | None = None


def report(
    models: Sequence[Path], data: Path, out: Path, align: str = "", by_phones: Path | None = None
) -> bool:
    """Writes ``out/units.tsv``, a `UnitRow` for each folder of a model of units, and says whether it had to.

    ``data``: a data directory with varieties; speakers and sentences are those that it names. ``align``: the SPEC of a
    model that says where each character is (`characters.find`), ``by_phones``: the folder of a model that aligns phones
    (`phones.find`); without them, columns on characters and on phones are empty.
    `DataError` for what is no model of units, `UserError` for a model that says no such thing.
    """
    loaded = {folder: unit_model.load(folder) for folder in models}
    told_by = characters.transcript_of(align) if align else None
    inputs = {
        "models": [[f"{folder}", model.encoder, identity_of(folder)] for folder, model in loaded.items()],
        "data": datadir.identity(data),
        "align": characters.identity_of(align, told_by) if told_by else {},
        "phones": phones.identity_of(by_phones) if by_phones else {},
    }

    def build(folder: Path) -> None:
        needs = {*SPOKEN} | ({told_by.column} if told_by else set())
        utterances = durations.measured(datadir.read(data, needs))
        said = {
            CHARACTER: characters.find(align, utterances, told_by) if told_by else {},
            PHONE: phones.find(by_phones, data) if by_phones else {},
        }
        compared, found = trios(utterances), _units(loaded, utterances)
        rows = [
            _row(f"{path}", model, utterances, found[path], compared, said) for path, model in loaded.items()
        ]
        write_rows(folder / NAME, rows, UnitRow)

    return produce(out, {"unit_report": inputs}, build)


def _units(models: Mapping[Path, UnitModel], utterances: Sequence[Utterance]) -> dict[Path, Units]:
    """The units of all frames by each model; each encoder hears an utterance once, whatever is made of it."""
    found: dict[Path, Units] = {folder: {} for folder in models}
    for spec in dict.fromkeys(model.encoder for model in models.values()):
        every = {f: replace(model, merged=False) for f, model in models.items() if model.encoder == spec}
        encoder = SomeLayers(load_encoder(spec), [model.layer for model in every.values()])
        parts = blocks(utterances)
        with Progress(f"units of {spec}", seconds_of(utterances), SPEECH) as bar:
            for part, units in zip(parts, assigned([*every.values()], encoder, parts), strict=True):
                for key, of_models in units.items():
                    for folder, of_model in zip(every, of_models, strict=True):
                        found[folder][key] = of_model.astype(np.int32)
                bar.update(seconds_of(part))
    return found


def _row(
    name: str,
    model: UnitModel,
    utterances: Sequence[Utterance],
    units: Units,
    compared: Sequence[Trio],
    said: Mapping[str, Said],
) -> UnitRow:
    counts = np.bincount(np.concatenate([*units.values()]), minlength=model.k)
    alike = agreement(compared, units)
    return UnitRow(
        units=name,
        encoder=model.encoder,
        layer=model.layer,
        k=model.k,
        frames=int(counts.sum()),
        used=float((counts > 0).mean()),
        perplexity=perplexity(counts),
        aligned=len(said[CHARACTER]),
        aligned_phones=len(said[PHONE]),
        **_of_speech(utterances, units, model.k),
        **(vars(alike) if alike else {}),
        **_of_said(CHARACTER, "", units, said[CHARACTER], model.k),
        **_of_said(PHONE, "phone_", units, said[PHONE], model.k),
    )


def _of_speech(utterances: Sequence[Utterance], units: Units, k: int) -> dict[str, float]:
    """The columns on varieties, and on speakers where one of them is heard twice."""
    groups, said = [units[utterance.id] for utterance in utterances], translated(utterances)
    found: dict[str, float] = {}
    for label in ("variety", "speaker"):
        labels = [getattr(utterance, label) for utterance in utterances]
        if label == "variety" or len({*labels}) < len(labels):
            of_label, chance = told(groups, labels, k, said)
            found |= {
                f"{label}_bits": of_label.bits,
                f"{label}_nmi": of_label.nmi,
                f"{label}_chance": chance.nmi,
            }
    return found


def _of_said(label: str, prefix: str, units: Units, said: Said, k: int) -> dict[str, float]:
    """The columns on characters or on phones, where there are any; ``prefix``: of the columns on purity."""
    pieces = [piece for key, found in said.items() for piece in cut(units[key], found)]
    if not pieces:
        return {}
    found, chance = told([of_piece for _, of_piece in pieces], [name for name, _ in pieces], k)
    return {
        f"{label}_bits": found.bits,
        f"{label}_nmi": found.nmi,
        f"{label}_chance": chance.nmi,
        f"{prefix}purity": found.purity,
        f"{prefix}purity_chance": chance.purity,
        f"{prefix}cluster_purity": found.cluster_purity,
    }

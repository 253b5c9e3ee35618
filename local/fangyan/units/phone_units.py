"""A model of units that are phones: frames of a layer of any encoder, classified as the transcripts teach it.

    transcripts -> phones -> utterances drawn by the seed -> encoder -> `phone_classifier` -> UNITS

It is a model of units as that of k-means is: a column of it, a report and a training on it are the same. Beside it
``durations.tsv``: how many frames each phone lasts, for `text_units`. A tenth of the speakers is not learnt from, and
says how well the phones are found.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fangyan.data import datadir, durations
from fangyan.data.datadir import Utterance
from fangyan.data.entries import locate_id
from fangyan.encoders import Encoder, SomeLayers, check_spec, identity, load_encoder, unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError, shown
from fangyan.features.at_layer import check_each
from fangyan.features.pipeline import BATCH_SECONDS, SPEECH, batches, encoded, seconds_of
from fangyan.files import produce
from fangyan.ipa import dictionaries
from fangyan.ipa.phones import UNKNOWN, read_phones
from fangyan.progress import Progress
from fangyan.rounding import percent
from fangyan.tables import Amount, Total, write_rows
from fangyan.units.column import check_apart
from fangyan.units.kmeans import shares
from fangyan.units.phone_classifier import Example, Linear, align, labels, learn

SILENCE = "SIL"
"""The unit of silence, with which every utterance begins and ends."""
DURATIONS = "durations.tsv"
FRAMES = 200_000
HELD_OUT = 10
"""One speaker in so many is not learnt from."""


@dataclass(frozen=True)
class PhoneDuration:
    """A row of ``durations.tsv``: how often a phone was aligned; mean and deviation of how many frames it lasts."""

    phone: str
    times: Total
    mean: Amount
    deviation: Amount


@dataclass(frozen=True)
class Transcribed:
    """An utterance and its phones."""

    utterance: Utterance
    phones: tuple[str, ...]


def phone_units(
    spec: str, layer: str, sets: Sequence[Path], out: Path, seed: int = 1, frames: int = FRAMES
) -> bool:
    """Writes the `UnitModel` of phones and ``durations.tsv`` to the folder ``out``, says whether it had to.

    ``sets``: data directories with ``wav.scp`` and ``text``; ``utt2lang`` tells the dictionary. ``frames``: as many at
    most. Finished means: the same of all these, the same encoder, recordings and dictionaries. `DataError` where no
    utterance has phones and frames enough for them.
    """
    check_spec(spec)
    check_each(spec, [layer])
    settings = {"spec": spec, "layer": layer, "seed": seed, "frames": frames}
    read_from = {"encoder": identity(spec), "data": [datadir.identity(data) for data in sets]}
    read_from |= {"dictionaries": dictionaries.identity()}

    def build(folder: Path) -> None:
        chance = np.random.default_rng(seed)
        encoder = SomeLayers(load_encoder(spec), [layer])
        drawn = draw(read_transcripts(sets), encoder.rate_of(layer), frames, chance)
        names = (SILENCE, UNKNOWN, *sorted({p for t in drawn for p in t.phones} - {UNKNOWN}))
        examples = fitting(drawn, encode(encoder, [t.utterance for t in drawn]), names)
        learnt, held_out = split([t for t, _ in examples], chance)
        by_id = {t.utterance.id: example for t, example in examples}
        model = learn([by_id[key] for key in learnt], len(names), seed)
        UnitModel(spec, layer, model.weight, bias=model.bias, names=names).save(folder)
        rows = measure_durations(model, [by_id[key] for key in learnt], names)
        write_rows(folder / DURATIONS, rows, PhoneDuration)
        _report(model, [by_id[key] for key in held_out], names, len(learnt))

    return produce(out, {"phone_units": settings | read_from}, build)


def read_transcripts(sets: Iterable[Path]) -> list[Transcribed]:
    """The utterances of data directories that can be read, with their phones; on stderr those that cannot.

    `DataError` where none can.
    """
    found, unread = [], []
    check_apart(sets)
    for data in sets:
        for utterance in durations.measured(datadir.read(data, ["wav.scp", "text"])):
            reading = read_phones(utterance)
            if reading.words:
                found.append(Transcribed(utterance, tuple(reading.phones)))
            else:
                unread.append((data, utterance))
    if unread:
        data, first = unread[0]
        said = (
            f"{locate_id(data / 'text', first.id)}: no dictionary reads {shown(first.text)!r} of {first.id}, variety "
            f"{first.variety or 'unknown'}, and no utt2ipa does: "
        )
        if not found:
            raise DataError(f"{said}nothing to learn phones from: is there an utt2lang?")
        print(f"{said}{len(unread):,} such utterances are left out", file=sys.stderr)
    return found


def draw(
    transcribed: Sequence[Transcribed], rate: float, frames: int, chance: np.random.Generator
) -> list[Transcribed]:
    """Whole utterances of at most ``frames`` frames together, as many frames of each speaker, by chance; in order."""
    spoken: dict[str, list[int]] = {}
    for n, one in enumerate(transcribed):
        spoken.setdefault(one.utterance.speaker, []).append(n)
    lengths = [int(rate * one.utterance.duration) + 1 for one in transcribed]
    sizes = {speaker: sum(lengths[n] for n in places) for speaker, places in spoken.items()}
    kept: list[int] = []
    for speaker, quota in shares(sizes, frames).items():
        places = chance.permutation(spoken[speaker])
        kept += places[np.cumsum([lengths[n] for n in places]) <= quota].tolist()
    return [transcribed[n] for n in sorted(kept)]


def encode(encoder: Encoder, utterances: Sequence[Utterance]) -> dict[str, np.ndarray]:
    """The (T, d) float32 frames of an encoder's only layer, of each utterance by its id."""
    found: dict[str, np.ndarray] = {}
    with Progress("phones: frames", seconds_of(utterances), SPEECH) as bar:
        for batch, (matrices,) in encoded(encoder, batches(utterances, BATCH_SECONDS)):
            frames = (np.asarray(matrix, np.float32) for matrix in matrices)
            found |= zip((u.id for u in batch), frames, strict=True)
            bar.update(seconds_of(batch))
    return found


def to_example(phones: Iterable[str], frames: np.ndarray, names: Sequence[str]) -> Example:
    """What is aligned: silence, the phones, silence. A phone that is none of ``names`` is `UNKNOWN`."""
    number = {name: n for n, name in enumerate(names)}
    unknown = number[UNKNOWN]
    return Example(frames, [0, *(number.get(phone, unknown) for phone in phones), 0])


def fitting(
    drawn: Sequence[Transcribed], frames: dict[str, np.ndarray], names: Sequence[str]
) -> list[tuple[Transcribed, Example]]:
    """Those that can be aligned; on stderr how many cannot. `DataError` where none can."""
    found = [(t, to_example(t.phones, frames[t.utterance.id], names)) for t in drawn]
    short = [(t, example) for t, example in found if not example.fits]
    if short:
        first, example = short[0]
        said = (
            f"{first.utterance.wav}: utterance {first.utterance.id} has {len(example.frames)} frames for "
            f"{len(example.phones)} phones and silences: is that what it says? "
        )
        if len(short) == len(found):
            raise DataError(f"{said}No utterance has frames enough: take a layer of more frames a second")
        print(f"{said}{len(short):,} such utterances of {len(found):,} are left out", file=sys.stderr)
    elif not found:
        raise DataError("--frames is less than any utterance has: take more")
    return [(t, example) for t, example in found if example.fits]


def load_aligner(folder: Path, instead: str = "") -> UnitModel:
    """A model of phones, by which transcripts can be aligned; `UserError` for a folder of other units.

    ``instead``: what may be done where it is not phones that one wants. `DataError` for names that are none of ours.
    """
    model = unit_model.load(folder)
    if not model.names:
        raise UserError(
            f"{folder}: units without names are no phones: name a model of fangyan phone_units{instead}"
        )
    if model.names[:2] != (SILENCE, UNKNOWN):
        raise DataError(
            f"{folder / unit_model.SETTINGS}: names of phones begin with {SILENCE} and {UNKNOWN}, got "
            f"{', '.join(model.names[:2])}: make the model anew with fangyan phone_units"
        )
    return model


def aligned(
    model: UnitModel, transcribed: Sequence[Transcribed]
) -> Iterator[tuple[str, list[int], np.ndarray]]:
    """Of each utterance that can be aligned its id, its phones and silences, and where these end as fractions of it."""
    encoder = SomeLayers(load_encoder(model.encoder), [model.layer])
    frames = encode(encoder, [t.utterance for t in transcribed])
    classifier = Linear(model.centroids, model.bias)
    for one, example in fitting(transcribed, frames, model.names):
        ends = np.array([part.end for part in align(classifier, example)])
        yield one.utterance.id, list(example.phones), ends / len(example.frames)


def split(transcribed: Sequence[Transcribed], chance: np.random.Generator) -> tuple[list[str], list[str]]:
    """The ids that are learnt from, and those of held-out speakers: a tenth of them, none where there is one alone."""
    speakers = sorted({t.utterance.speaker for t in transcribed})
    count = max(1, len(speakers) // HELD_OUT) if len(speakers) > 1 else 0
    held_out = {*chance.permutation(speakers)[:count].tolist()}
    ids = [[], []]
    for one in transcribed:
        ids[one.utterance.speaker in held_out].append(one.utterance.id)
    return ids[0], ids[1]


def measure_durations(
    model: Linear, examples: Iterable[Example], names: Sequence[str]
) -> list[PhoneDuration]:
    """How long each phone lasts where it is aligned."""
    lasting: list[list[int]] = [[] for _ in names]
    for example in examples:
        for phone, part in zip(example.phones, align(model, example), strict=True):
            lasting[phone].append(part.end - part.start)
    return [
        PhoneDuration(name, len(found), float(np.mean(found)), float(np.std(found)))
        if found
        else PhoneDuration(name, 0, 0.0, 0.0)
        for name, found in zip(names, lasting, strict=True)
    ]


def _report(model: Linear, held_out: Sequence[Example], names: Sequence[str], learnt: int) -> None:
    """Tells how many frames of held-out speakers are of the phone that they are aligned with."""
    said = f"phone_units: {len(names):,} units of {learnt:,} utterances"
    if held_out:
        wanted = [labels(example, align(model, example)) for example in held_out]
        right = sum(
            int((model.log_probabilities(e.frames).argmax(1) == phones).sum())
            for e, phones in zip(held_out, wanted, strict=True)
        )
        counts = Counter(np.concatenate(wanted).tolist())
        said += (
            f"; of {counts.total():,} frames of speakers held out {percent(right / counts.total())} % are of the phone "
            f"that they are aligned with (the commonest phone is {percent(max(counts.values()) / counts.total())} %)"
        )
    print(said, file=sys.stderr)

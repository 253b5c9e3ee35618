"""Units of texts that nobody speaks: phones, each repeated as long as it lasts, in a directory beside those of speech.

    text -> phones of each word -> silences -> durations drawn by the seed -> DIR/units

Durations are normal, of at least a frame. Measured ones are those that the model of units was aligned with, and silence
stands at both ends, as it was aligned. Published ones are of SpeechLM (Zhang et al. 2024, arXiv 2209.15329): a phone
lasts 5 +- 2.5 frames of 10 ms, a silence 14 +- 7, at both ends and, with probability 0.25, between two words. Bounds
are rounded to frames of the encoder, so that how long a text lasts does not depend on their rate.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from zlib import crc32

import numpy as np

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.data.entries import line
from fangyan.encoders import unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError, shown
from fangyan.files import fingerprint, produce, stamp, write_lines
from fangyan.folders import make_folder
from fangyan.ipa import dictionaries
from fangyan.ipa.phones import UNKNOWN, read_phones
from fangyan.progress import track
from fangyan.tables import Count, read_rows, write_rows
from fangyan.units import text_to_unit
from fangyan.units.column import COLUMN, HOME, check_apart
from fangyan.units.phone_units import DURATIONS, SILENCE, PhoneDuration, load_aligner

MANDARIN = {"text_cmn": "cmn"}
"""Columns that are of one variety, whichever is spoken."""
MEASURED, PUBLISHED = KINDS = ("measured", "published")
PHONE, PAUSE = (5.0, 2.5), (14.0, 7.0)
"""Mean and deviation of the published durations, in frames of 10 ms."""
PUBLISHED_RATE = 100.0
PAUSES = {MEASURED: 0.0, PUBLISHED: 0.25}
"""How often there is silence after a word."""
UNREAD = "unread.tsv"


@dataclass(frozen=True)
class Unread:
    """A row of ``unread.tsv``: a character that nothing reads, or a phone that the model has not; where it is first."""

    symbol: str
    times: Count
    first: str


@dataclass(frozen=True)
class Wording:
    """A text, where it stands, the numbers of the phones of each word, and what of it has no unit."""

    utterance: Utterance
    place: str
    words: tuple[tuple[int, ...], ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Durations:
    """How long each unit lasts: means and deviations, (k,) in frames that are ``scale`` frames of the encoder."""

    means: np.ndarray
    deviations: np.ndarray
    pauses: float
    scale: float = 1.0


def text_units(
    model: Path,
    sets: Sequence[Path],
    column: str,
    out: Path,
    kind: str = MEASURED,
    seed: int = 1,
    network: Path | None = None,
) -> bool:
    """Writes a directory of texts with their units to ``out``, and what has none; says whether it had to.

    ``model``: a folder of `phone_units`. ``sets``: data directories, recordings or none, with ``column``: ``text``, of
    the variety, or ``text_cmn``, Mandarin. ``kind``: of durations. ``network``: a folder of `text_to_unit`, for a
    ``model`` of hidden units, whose durations are predicted. A symbol without a unit is `UNKNOWN`, a text without
    a phone is left out. `DataError` where all are, `UserError` for units that are no phones.
    """
    source = _Durations(model, kind, seed) if network is None else _Network(model, network)
    inputs = {"column": column, "dictionaries": dictionaries.identity(), **source.identity}
    inputs |= {"data": [datadir.tables(data) for data in sets]}

    def build(folder: Path) -> None:
        wordings = read_wordings(sets, column, source.names)
        make = source.load()
        by_id = {w.utterance.id: make(w) for w in track(wordings, "text_units", "texts")}
        write_texts(folder, [w.utterance for w in wordings], by_id)
        make_folder(folder / HOME / COLUMN)
        stamp(folder / HOME / COLUMN, {"centroids": source.centroids}, [folder / COLUMN])
        _report_unread(folder, wordings, out)

    return produce(out, {"text_units": inputs}, build)


class _Durations:
    """Units that are phones, repeated by durations that are drawn."""

    def __init__(self, model: Path, kind: str, seed: int) -> None:
        self.model, self.kind, self.seed = model, kind, seed
        self.units = load_aligner(model, ", or with --model what fangyan text_to_unit learnt of these units")
        self.names, self.centroids = self.units.names, fingerprint(model / unit_model.WEIGHTS)
        self.identity = {
            "centroids": self.centroids,
            "names": list(self.names),
            "durations": kind,
            "seed": seed,
        }
        if kind == MEASURED:
            self.identity |= {"measured": fingerprint(_aligned(model, self.units))}

    def load(self) -> Callable[[Wording], np.ndarray]:
        """A function from a text to its units."""
        durations = KNOWN[self.kind](self.model, self.units)
        return lambda wording: draw_units(wording, durations, self.seed)


class _Network:
    """Hidden units, which a network predicts from phones."""

    def __init__(self, model: Path, network: Path) -> None:
        unit_model.load(model)
        self.network, told = network, text_to_unit.read_settings(network)
        self.names, self.centroids = tuple(told["names"]), fingerprint(model / unit_model.WEIGHTS)
        if told["centroids"] != self.centroids:
            raise UserError(
                f"{network}: was learnt of other units than those of {model}: name these with --units, or learn it "
                "anew with fangyan text_to_unit"
            )
        self.identity = {"centroids": self.centroids, "network": fingerprint(network / text_to_unit.WEIGHTS)}

    def load(self) -> Callable[[Wording], np.ndarray]:
        """A function from a text to its units."""
        network = text_to_unit.load(self.network)

        def predict(wording: Wording) -> np.ndarray:
            try:
                return network.predict([0, *chain.from_iterable(wording.words), 0])
            except DataError as error:
                raise DataError(
                    f"{wording.place}: {wording.utterance.id}: {error} ({self.network})"
                ) from None

        return predict


def read_wordings(sets: Iterable[Path], column: str, names: Sequence[str]) -> list[Wording]:
    """The texts of data directories that have phones, by id; on stderr those that have none."""
    found, silent = [], []
    for utterance, place in _texts(sets, column):
        wording = _to_wording(utterance, place, names)
        (found if wording.words else silent).append(wording)
    if silent:
        first = silent[0]
        said = (
            f"{first.place}: nothing of the text of {first.utterance.id} is read, variety "
            f"{first.utterance.variety or 'unknown'}, {shown(first.utterance.text)!r}: "
        )
        if not found:
            raise DataError(f"{said}no dictionary has this variety, or utt2lang does not name it")
        print(f"{said}{len(silent):,} such texts are left out", file=sys.stderr)
    return sorted(found, key=lambda wording: wording.utterance.id)


def _texts(sets: Iterable[Path], column: str) -> Iterator[tuple[Utterance, str]]:
    """Each utterance with what ``column`` says as its text, in the variety of that, and the place where it stands."""
    check_apart(sets)
    for data in sets:
        rows = datadir.read(data, (column,) if column in MANDARIN else (column, "utt2lang"))
        for n, row in enumerate(rows, 1):
            if column in MANDARIN:
                row = replace(row, text=row.text_cmn, variety=MANDARIN[column], ipa="")
            yield row, f"{data / column}:{n}"


def _to_wording(utterance: Utterance, place: str, names: Sequence[str]) -> Wording:
    number = {name: n for n, name in enumerate(names)}
    reading = read_phones(utterance)
    words = tuple(tuple(number.get(p, number[UNKNOWN]) for p in word) for word in reading.words)
    lacking = tuple(phone for phone in reading.phones if phone not in number)
    return Wording(utterance, place, words, reading.unread + lacking)


def measured_durations(model: Path, units: UnitModel) -> Durations:
    """Those in ``durations.tsv`` of a folder; of a phone that was not aligned, those of all together."""
    rows = _aligned(model, units)
    times = np.array([row.times for row in rows])
    found = np.array([(row.mean, row.deviation) for row in rows])
    if times[1:].any():
        found[times == 0] = np.average(found[1:], axis=0, weights=times[1:])
    return Durations(found[:, 0], found[:, 1], PAUSES[MEASURED])


def _aligned(model: Path, units: UnitModel) -> list[PhoneDuration]:
    rows = read_rows(model / DURATIONS, PhoneDuration)
    if [row.phone for row in rows] != [*units.names]:
        raise DataError(
            f"{model / DURATIONS}: a row for each of the {units.k} phones, got others or none: make the model anew "
            f"with fangyan phone_units, or take --durations {PUBLISHED}"
        )
    return rows


def published_durations(model: Path, units: UnitModel) -> Durations:
    """Those of SpeechLM, at the rate of the encoder, which is loaded for it."""
    kinds = np.array([PAUSE if name == SILENCE else PHONE for name in units.names])
    rate = units.load_encoder().rate_of(units.layer)
    return Durations(kinds[:, 0], kinds[:, 1], PAUSES[PUBLISHED], rate / PUBLISHED_RATE)


KNOWN: dict[str, Callable[[Path, UnitModel], Durations]] = {
    MEASURED: measured_durations,
    PUBLISHED: published_durations,
}


def draw_units(wording: Wording, durations: Durations, seed: int) -> np.ndarray:
    """(T,) the units of a text, each at least once; by the seed and the id, whatever else there is."""
    chance = np.random.default_rng([seed, crc32(wording.utterance.id.encode())])
    spoken = [0, *wording.words[0]]
    for word in wording.words[1:]:
        spoken += [0, *word] if chance.random() < durations.pauses else word
    units = np.array([*spoken, 0])
    lasting = np.maximum(chance.normal(durations.means[units], durations.deviations[units]), 1)
    bounds = np.rint(np.cumsum(durations.scale * lasting)).astype(np.int64)
    return np.repeat(units, np.maximum(np.diff(bounds, prepend=0), 1))


def write_texts(folder: Path, utterances: Sequence[Utterance], units: Mapping[str, Sequence[int]]) -> None:
    """Writes a data directory without recordings: texts with variety, speaker and sentence, and the column of units."""
    values = {
        "text": lambda u: u.text,
        "utt2lang": lambda u: u.variety,
        "utt2spk": lambda u: u.speaker,
        "utt2sent": lambda u: u.sentence,
        COLUMN: lambda u: " ".join(map(str, units[u.id])),
    }
    for name, value in values.items():
        write_lines(folder / name, (line(folder / name, u.id, value(u)) for u in utterances))
    datadir.write_speakers(folder, ((u.id, u.speaker) for u in utterances))


def _report_unread(folder: Path, wordings: Iterable[Wording], out: Path) -> None:
    """Writes ``unread.tsv``, and tells on stderr of the first symbol, where there are any."""
    counts: Counter[str] = Counter()
    places: dict[str, str] = {}
    for wording in wordings:
        counts.update(wording.unread)
        for symbol in wording.unread:
            places.setdefault(symbol, f"{wording.place} ({wording.utterance.id})")
    rows = [Unread(symbol, times, places[symbol]) for symbol, times in counts.most_common()]
    write_rows(folder / UNREAD, rows, Unread)
    if rows:
        print(
            f"{rows[0].first}: {shown(rows[0].symbol)!r} has no unit and is {UNKNOWN}: {len(rows):,} such symbols, "
            f"{counts.total():,} times: {out / UNREAD}",
            file=sys.stderr,
        )

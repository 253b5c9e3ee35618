"""Recordings at one layer of an encoder: audio files, folders of them and Kaldi data directories in, frames out."""

import os
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import batched, chain
from pathlib import Path

import numpy as np

from fangyan.corpora import kaldi
from fangyan.data import audio
from fangyan.data.columns import FILES
from fangyan.data.datadir import Dropped, Utterance, count_reasons
from fangyan.data.durations import measure_durations
from fangyan.data.names import is_id
from fangyan.encoders import best_device
from fangyan.errors import DataError, UserError, seen_from
from fangyan.features import sentences
from fangyan.features.archive import entry
from fangyan.features.at_layer import AtLayer, load_at_layer
from fangyan.features.pipeline import BATCH_SECONDS, ENCODED_SECONDS, READERS, SPEECH, Fitting, ahead, batches
from fangyan.features.sentences import Sentence
from fangyan.files import atomic, read_text, write_lines
from fangyan.progress import Progress

type Encoded = tuple[Utterance, np.ndarray | DataError]


def find_recordings(path: Path) -> list[Utterance | Dropped]:
    """What ``path`` names: an audio file, all those in a folder, or the utterances of a Kaldi data directory.

    Of a data directory only ``wav.scp`` is needed; what its tables disagree about is left out by name. The id of a file
    is its path. `DataError` for a folder without audio and for what does not exist.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder{seen_from(path)}")
    if (path / "wav.scp").exists():
        return kaldi.utterances(path, complete=False)
    files = _below(path) if path.is_dir() else [str(path)]
    return [Utterance(id=file, wav=file, text="", speaker="", variety="", sentence="") for file in files]


def unique_recordings(paths: Iterable[Path]) -> list[Utterance]:
    """The utterances of all ``paths``, each once, what is left out is reported; `DataError` where two have one id."""
    found: dict[str, Utterance] = {}
    for path in paths:
        records = find_recordings(path)
        if dropped := [record for record in records if isinstance(record, Dropped)]:
            print(
                f"{path}: left out: {count_reasons(dropped)}: the first is {dropped[0].id}", file=sys.stderr
            )
        for utterance in (record for record in records if isinstance(record, Utterance)):
            if place_of(found.setdefault(utterance.id, utterance)) != place_of(utterance):
                raise DataError(f"{utterance.wav}: ids are unique, got {utterance.id} again")
    return list(found.values())


def place_of(utterance: Utterance) -> tuple[str, float, float | None]:
    """Where a recording lies: what is named twice is one."""
    return os.path.realpath(utterance.wav), utterance.start, utterance.end


def encode_batches(encoder: AtLayer, utterances: Sequence[Utterance], title: str) -> Iterator[list[Encoded]]:
    """Batches of the utterances, longest first, each with its (T, d) frames, or with why it has none.

    Ids are unique. It knows the duration of each utterance; its id names it in errors.
    """
    timed, failed = measure_durations(utterances)
    yield failed
    fitting = Fitting(encoder, ENCODED_SECONDS[best_device()])
    with Progress(title, sum(u.duration for u in timed), SPEECH) as bar:
        for read in ahead(_read, batches(timed, BATCH_SECONDS), READERS):
            waves = {u.id: wave for u, wave in read if not isinstance(wave, DataError)}
            yield [(u, wave) for u, wave in read if isinstance(wave, DataError)]
            yield _encode(fitting, [u for u, _ in read if u.id in waves], waves)
            bar.update(sum(u.duration for u, _ in read))


def frames_of(
    encoder: AtLayer, utterances: Sequence[Utterance], title: str
) -> Iterator[tuple[str, np.ndarray]]:
    """The id of each utterance with its (T, d) frames, longest first; those that have none are reported at the end.

    `DataError` where none has.
    """
    lost: list[Dropped] = []
    for utterance, frames in chain.from_iterable(encode_batches(encoder, utterances, title)):
        if isinstance(frames, DataError):
            lost.append(Dropped(utterance.id, "not encoded", str(frames)))
        else:
            yield utterance.id, frames
    report_left_out(lost, len(utterances))


def report_left_out(lost: Sequence[Dropped], count: int) -> None:
    """Tells on stderr what of ``count`` recordings was left out, a line each; `DataError` where nothing is left."""
    if lost and len(lost) == count:
        others = f" (and none of {count} recordings is left)" if count > 1 else ""
        raise DataError(f"{lost[0].detail}{others}")
    for one in lost:
        name = "" if one.detail.startswith(one.id) else f"{one.id}: "
        print(f"left out: {name}{one.detail}", file=sys.stderr)


def embed(spec: str, paths: Sequence[Path], out: Path, layer: str = "", pool: str = "") -> None:
    """Writes ``out``: the (T, d) float32 frames of all that ``paths`` name (`find_recordings`) by their id.

    ``out``: ``.npz``, or ``.ark`` with its ``.scp`` beside it. ``pool``: a name of `POOLS`, for one (d,) float32 vector
    of each recording instead. What cannot be read or encoded is left out and reported.
    `UserError` for another suffix, layer or pool, `DataError` for ids that are not unique and where nothing is left.
    """
    _check_out(out, pool)
    utterances = unique_recordings(paths)
    with WRITERS[out.suffix](out) as write:  # before the encoder, which takes long to load
        encoder = load_at_layer(spec, layer)
        for key, frames in frames_of(encoder, utterances, "embed"):
            write(key, POOLS[pool](frames) if pool else frames)


def embed_texts(spec: str, texts: Mapping[str, str], out: Path, layer: str = "", pool: str = "") -> None:
    """Writes ``out``: as `embed`, of ``texts`` by an encoder of text or a model with a text side, by the text itself.

    ``texts``: text -> where it stands, which a `DataError` names for one that is too long.
    """
    _check_out(out, pool)
    numbered = [Sentence(f"{n}", text, place) for n, (text, place) in enumerate(texts.items(), 1)]
    with WRITERS[out.suffix](out) as write:
        encoder = load_at_layer(spec, layer, "text")
        for batch in batched(numbered, sentences.BATCH):
            (found,) = sentences.encode(encoder, batch)
            for sentence, frames in zip(batch, found, strict=True):
                write(sentence.text, POOLS[pool](frames) if pool else frames)


def read_texts(typed: Iterable[str], lines: Path | None = None) -> dict[str, str]:
    """The sentences that are typed or stand in a file, one a line, each once -> where; blank ones are no sentences."""
    found = [(text, "--text") for text in typed]
    if lines:
        found += [(text, f"{lines}:{n}") for n, text in enumerate(read_text(lines).splitlines(), 1)]
    texts: dict[str, str] = {}
    for text, place in found:
        if words := " ".join(text.split()):
            texts.setdefault(words, place)
    if not texts:
        raise UserError(f"{lines or '--text'}: one sentence at least, got none")
    return texts


def mean(frames: np.ndarray) -> np.ndarray:
    """The (d,) float32 mean of (T, d) frames, of the length it has: their cosine is what pooled retrieval compares."""
    from fangyan.features.frames import checked, mean_frame

    return mean_frame(checked([frames])[0]).float().numpy()


POOLS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"mean": mean}
"""How the frames of a recording become one vector."""


def _check_out(out: Path, pool: str) -> None:
    """`UserError` for an ``--out`` of no known form or that would replace a table of recordings, or a ``pool``."""
    if pool and pool not in POOLS:
        raise UserError(f"--pool {pool}: how frames become one vector: {', '.join(POOLS)}")
    if out.suffix not in WRITERS:
        raise UserError(f"--out {out}: the suffix says the form, one of {' '.join(WRITERS)}")
    if out.with_suffix(".scp").name in FILES:
        raise UserError(f"--out {out}: its index would be {out.with_suffix('.scp')}, a list of recordings")


def only_recording(path: Path) -> Utterance:
    """The recording that ``path`` names; `UserError` where it names several, or none."""
    found = unique_recordings([path])
    if len(found) != 1:
        raise UserError(f"{path}: one recording is expected here, got {len(found)}")
    return found[0]


@contextmanager
def _npz(out: Path) -> Iterator[Callable[[str, np.ndarray], None]]:
    """What adds an array to an npz file, as np.savez would, but with one in memory at a time."""
    with atomic(out) as temporary, zipfile.ZipFile(temporary, "w") as bundle:

        def write(key: str, frames: np.ndarray) -> None:
            with bundle.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(frames), allow_pickle=False)

        yield write


@contextmanager
def _ark(out: Path) -> Iterator[Callable[[str, np.ndarray], None]]:
    """What adds a matrix or vector to a Kaldi archive; its index, sorted, is written last."""
    lines: list[str] = []
    with atomic(out) as temporary, temporary.open("wb") as archive:

        def write(key: str, frames: np.ndarray) -> None:
            if not is_id(key):
                raise DataError(f"{key!r}: a key of an archive has no blanks: rename the file, or write .npz")
            lines.append(f"{key} {out}:{archive.tell() + len(f'{key} '.encode())}\n")
            archive.writelines(entry(key, frames))

        yield write
    write_lines(out.with_suffix(".scp"), sorted(lines))


WRITERS: dict[str, Callable[[Path], AbstractContextManager]] = {".npz": _npz, ".ark": _ark}


def _below(folder: Path) -> list[str]:
    """The audio files in a folder and its subfolders, hidden ones left out, in code point order."""
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.join(place, n)
            for n in names
            if n.lower().endswith(audio.SUFFIXES) and not n.startswith(".")
        ]
    if not found:
        raise DataError(
            f"{folder}: expected wav.scp or audio files ({' '.join(audio.SUFFIXES)}) in it, found none"
        )
    return sorted(found)


def _read(batch: Iterable[Utterance]) -> list[Encoded]:
    """Each utterance with its wave, or why it has none."""

    def wave(utterance: Utterance) -> np.ndarray | DataError:
        try:
            return audio.read(utterance.wav, utterance.start, utterance.end)
        except DataError as error:
            return error

    return [(utterance, wave(utterance)) for utterance in batch]


def _encode(fitting: Fitting, batch: Sequence[Utterance], waves: dict[str, np.ndarray]) -> list[Encoded]:
    """Each utterance with its frames; where the encoder refuses the batch, one by one."""
    if not batch:
        return []
    try:
        (frames,) = fitting.encode(batch, waves)
        return list(zip(batch, frames, strict=True))
    except DataError as error:
        if len(batch) == 1:
            return [(batch[0], error)]
        return [found for utterance in batch for found in _encode(fitting, [utterance], waves)]

"""Text to speech, to recordings and to IPA by espeak-ng, from the wheel `espeakng-loader`.

The same text and voice give the same samples, in any order and any process. espeak-ng by itself does not see to
that: the flutter of its voices goes on from utterance to utterance, whatever is reset, and the breath of a Klatt voice
(Reed) is drawn from the random numbers of the C library, which go on however often espeak-ng is loaded. So each call
loads the library anew, which takes a few milliseconds, and seeds both.
"""

import _ctypes
import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from fangyan.data import audio
from fangyan.data.datadir import Utterance
from fangyan.environment import install_extra
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT, read_table

PHONES = ROOT / "conf" / "phones.tsv"
SOURCES = (PHONES, Path(__file__))
"""What decides the IPA of a text, beside espeak-ng itself."""

# constants of espeak-ng's speak_lib.h
_SYNCHRONOUS = 2
_UTF8 = 1
_BY_CHARACTER = 1
_RATE, _PITCH = 1, 3
_MNEMONICS_PARTED_BY = ord("_") << 8

SEED = 1
"""Of the noise of breathy voices: the library's own, and that of the C library."""

_OnSamples = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """A manner of speaking: espeak-ng voice and variant (``yue+m3``), words a minute, pitch 0 to 99."""

    name: str
    rate: int = 170
    pitch: int = 50


@dataclass(frozen=True)
class Recording:
    """What is to be spoken for an utterance, and how; ``text`` as the voice can read it."""

    utterance: Utterance
    text: str
    voice: Voice


def synthesise_recording(folder: Path, recording: Recording) -> Utterance:
    """The utterance with its recording in ``folder``, 16 kHz and made unless it is there, and its duration."""
    wav = folder / f"{recording.utterance.id}.wav"
    try:
        info = audio.probe(wav)
    except DataError:
        audio.write(wav, audio.resample(*synthesise(recording.text, recording.voice)))
        info = audio.probe(wav)
    return replace(recording.utterance, wav=str(wav), duration=info.duration)


def synthesise(text: str, voice: Voice) -> tuple[np.ndarray, int]:
    """The samples of ``text``, (N,) float32 in [-1, 1], and their rate in Hz; `UserError`: unknown voice."""
    spoken = [np.zeros(0, np.int16)]

    @_OnSamples
    def collect(samples, count, _events) -> int:
        if samples and count:
            spoken.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    data = text.encode()
    with _engine(voice) as (library, rate):
        library.espeak_SetSynthCallback(collect)
        library.espeak_Synth(data, len(data) + 1, 0, _BY_CHARACTER, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    return np.concatenate(spoken).astype(np.float32) / 32768, rate


def ipa(text: str, voice: str) -> str:
    """The IPA of ``text`` as an espeak-ng voice reads it: words parted by spaces, tone letters after each vowel.

    ``text`` is one phrase without punctuation (of several, espeak-ng may lose the last). `UserError` for more, and
    for a sound that ``conf/phones.tsv`` lacks for the voice: text which the voice cannot read, and would spell out
    in English, does not pass.
    """
    words = [
        [phone.strip("',") for phone in word.split("_")]
        for word in re.split(r"[ |]+", _mnemonics(text, voice))
    ]
    return " ".join(filter(None, (_transcribe(word, voice) for word in words)))


def respell_hakka(pfs: str) -> str:
    """Pha̍k-fa-sṳ as the voice ``hak`` reads it best: syllables apart, y for i where i would cost the tone.

    That voice forgets the tone of iu, io, iung, iong without a mark and of ia, io, iu with that of tone 8.
    """
    return re.sub(r"i(?=[ou](ng)?\b|[aou]\u030d)", "y", pfs.replace("-", " "))


def version() -> str:
    """The version of espeak-ng."""
    with _engine(Voice("yue")) as (library, _):
        library.espeak_Info.restype = ctypes.c_char_p
        return library.espeak_Info(None).decode()


def stamp() -> list[object]:
    """What recordings depend on beside text and voice: the version of espeak-ng, the seed of its noise."""
    return [version(), SEED]


def _mnemonics(text: str, voice: str) -> str:
    rest = ctypes.c_char_p(text.encode())
    with _engine(Voice(voice)) as (library, _):
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        mnemonics = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _MNEMONICS_PARTED_BY)
    if rest.value:
        raise UserError(f"IPA is made of one phrase without punctuation, got {text!r}")
    return mnemonics.decode()


def _transcribe(word: list[str], voice: str) -> str:
    table = _phones(voice)
    parts = [part for phone in word for part in re.fullmatch(r"(.*?)(\d*)", phone).groups() if part]
    try:
        sounds = "".join(table[part] for part in parts)
    except KeyError as error:
        raise UserError(f"{PHONES}: no IPA for {error} of voice {voice}, met in {'_'.join(word)}") from None
    return re.sub(
        r"ʰ(?![aɐeɛəɤɚiɨʅɿoɔuʊɪyœɵjw])", "", sounds
    )  # a stop that ends its syllable is not aspirated


@cache
def _phones(voice: str) -> dict[str, str]:
    language = voice.partition("-")[0]
    return {row["espeak"]: row["ipa"] for row in read_table(PHONES) if row["voice"] == language}


@contextmanager
def _engine(voice: Voice) -> Iterator[tuple[ctypes.CDLL, int]]:
    """The espeak-ng library as freshly loaded, set to a voice, and its sample rate."""
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        raise UserError(
            f"speech synthesis needs espeakng-loader ({error}): {install_extra('mini')}"
        ) from None
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if rate <= 0 or library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise UserError(f"espeak-ng has no voice {voice.name!r}, or no data: reinstall espeakng-loader")
        library.espeak_SetParameter(_RATE, voice.rate, 0)
        library.espeak_SetParameter(_PITCH, voice.pitch, 0)
        library.espeak_ng_SetRandSeed(SEED)
        ctypes.CDLL(None).srand(SEED)
        yield library, rate
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)

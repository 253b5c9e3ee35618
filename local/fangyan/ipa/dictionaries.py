"""IPA of a wording, as a dictionary reads it: for utterances whose data has none.

ASR-free: no recogniser takes part, only the text and tables of readings, so nothing that was learnt from speech decides
what counts as sounding alike. What this route cannot hear is the speaker: it gives the reading of a dictionary, not
what was said, so no accent, no slip, no reduction, no sandhi, no fusion (儿 stays a syllable of its own). Of the
readings of a character it takes that of the longest phrase it stands in, which may be the wrong one.

Routes, by the code of the variety
- ``cmn``: Han in either script, by pypinyin; syllables as IPA by pinyin-to-ipa (after Duanmu 2007 and Lin 2007).
- ``yue``: Han, by ToJyutping (the dictionary of rime-cantonese).
- ``hak``: Pha̍k-fa-sṳ, not Han, by the voice of espeak-ng, phrase by phrase.

IPA is broad, as espeak-ng and fieldwork write it, so that dictionaries differ less in notation: without marks of length
(in Cantonese it goes with the quality of the vowel) and of vowels that are not syllabic.
What has no reading (digits, foreign words, rare characters) is ``□``, which `ipa.phonetic_distance` counts as unknown.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from unicodedata import category

from fangyan.data.datadir import Utterance
from fangyan.data.text import is_han, simplify
from fangyan.errors import UserError
from fangyan.files import fingerprint
from fangyan.ipa import espeak, phonetic_distance
from fangyan.progress import track
from fangyan.tables import Count

UNREAD = "□"
"""Stands for what has no reading: a character, for espeak-ng a phrase."""

NARROW = dict.fromkeys(map(ord, "ː\u032f\u0311"))
"""Marks that the libraries write and the house does not: length, and two signs of a vowel that is not syllabic."""

DATA, NONE = "utt2ipa", "none"
"""Sources that are no dictionary."""
PACKAGES = ("pypinyin", "pinyin-to-ipa", "ToJyutping", "espeakng-loader", "panphon")


@dataclass(frozen=True)
class IpaSource:
    """A row of ``pronunciation.tsv``: where the IPA of so many utterances of a variety came from.

    That is ``utt2ipa`` (the data's own), a dictionary, or ``none``.
    """

    variety: str
    source: str
    utterances: Count


@dataclass(frozen=True)
class Route:
    """A dictionary, and what it makes of a text: the IPA of each syllable or phrase."""

    dictionary: str
    read: Callable[[str], Iterator[str]]


def read_ipa(text: str, variety: str) -> str:
    """The IPA of ``text`` as the dictionary of a variety reads it, syllables parted by spaces.

    '' where the variety has no route, or the dictionary no reading of any of it. `UserError` where espeak-ng is
    needed and not installed.
    """
    spoken = list(ROUTES[variety].read(text)) if variety in ROUTES else []
    return " ".join(spoken) if set(spoken) - {UNREAD} else ""


def identity() -> str:
    """A fingerprint of what readings come from: versions of the dictionaries and of panphon, our table of phones."""
    return fingerprint({name: _version(name) for name in PACKAGES}, espeak.PHONES)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # espeak-ng is optional
        return NONE


def add_ipa(utterances: Iterable[Utterance]) -> tuple[list[Utterance], list[IpaSource]]:
    """The utterances, with IPA from their wording where they had none, and where IPA came from."""
    completed = [_completed(utterance) for utterance in track([*utterances], "IPA", "utterances")]
    counts = Counter((utterance.variety, source) for utterance, source in completed)
    rows = [IpaSource(*of, n) for of, n in sorted(counts.items())]
    return [utterance for utterance, _ in completed], rows


def _completed(utterance: Utterance) -> tuple[Utterance, str]:
    if utterance.ipa:
        return utterance, DATA
    read = read_ipa(utterance.text, utterance.variety)
    return replace(utterance, ipa=read), ROUTES[utterance.variety].dictionary if read else NONE


def _mandarin(text: str) -> Iterator[str]:
    from pinyin_to_ipa import pinyin_to_ipa
    from pypinyin import Style, lazy_pinyin

    def unread(run: str) -> list[str]:
        return [UNREAD for char in run if is_spoken(char)]

    for syllable in lazy_pinyin(simplify(text), Style.TONE, errors=unread):
        phones = UNREAD if syllable == UNREAD else "".join(next(iter(pinyin_to_ipa(syllable))))
        yield phones.translate(NARROW)


def _cantonese(text: str) -> Iterator[str]:
    from ToJyutping import get_ipa_list

    for char, read in get_ipa_list(text):
        if read or is_spoken(char):
            yield (read or UNREAD).translate(NARROW)


def _hakka(text: str) -> Iterator[str]:
    for phrase in re.split(r"[^\w\s\u0300-\u036f]+", text.replace("-", " ")):
        if phrase.strip():
            yield UNREAD if any(map(is_han, phrase)) else _pfs(phrase)


def _pfs(phrase: str) -> str:
    espeak.version()  # that espeak-ng is missing is an error; that it cannot read something is not
    try:
        return espeak.ipa(espeak.respell_hakka(phrase), "hak")
    except UserError:
        return UNREAD


def is_spoken(char: str) -> bool:
    """Whether a character says something: all but spaces and punctuation."""
    return category(char)[0] not in "ZP"


ROUTES = {
    "cmn": Route("pypinyin", _mandarin),
    "yue": Route("ToJyutping", _cantonese),
    "hak": Route("espeak-ng", _hakka),
}


def notices(
    utterances: Sequence[Utterance], sources: Iterable[IpaSource], unknown: Counter[str]
) -> Iterator[str]:
    """What a reader of tables should know of the IPA behind them; ``unknown``: of `phonetic_distance.count_unknown`."""
    read = [row for row in sources if row.source not in (DATA, NONE)]
    if read:
        counts = ", ".join(f"{row.variety} by {row.source} ({row.utterances})" for row in read)
        yield f"IPA is the reading of a dictionary for {counts}"
    if unknown:
        some = ", ".join(f"{symbol!r} ({count})" for symbol, count in unknown.most_common(5))
        yield f"{len(unknown)} IPA symbols are left out of the phonetic distance: {some}"
    if silent := [u for u in utterances if not len(phonetic_distance.segments(u.ipa))]:
        yield (
            f"{len(silent)} utterances have no IPA that panphon knows, so they are left out of the pronunciation "
            f"control: the first is {silent[0].id}, {silent[0].ipa!r}"
        )

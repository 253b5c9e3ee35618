"""Phones of a text: what a dictionary reads, else the IPA of the data, split into the segments of panphon.

One sound has one spelling (`phonetic_distance.to_segments`), so initials, glides, vowels and codas are phones. Tones
are none: they are of a syllable and of no part of it, and no two sources write them alike. The dictionary comes first,
so that transcripts and unpaired texts are read alike; the data's own IPA where no dictionary reads all of a text. What
neither reads is `UNKNOWN`, one for each character (a phrase of Hakka), as a word that a lexicon lacks.
"""

from dataclasses import dataclass
from functools import cache

from fangyan.data.datadir import Utterance
from fangyan.ipa.dictionaries import NARROW, UNREAD, is_spoken, read_ipa
from fangyan.ipa.phonetic_distance import is_segment, spell

UNKNOWN = "<UNK>"


@dataclass(frozen=True)
class Reading:
    """The phones of each word, or syllable where the source parts no words, and what of the text nothing reads.

    No words where nothing of the text is read at all.
    """

    words: tuple[tuple[str, ...], ...]
    unread: tuple[str, ...] = ()

    @property
    def phones(self) -> list[str]:
        """The phones of all words, in order."""
        return [phone for word in self.words for phone in word]


def read_phones(utterance: Utterance) -> Reading:
    """How the ``text`` of an utterance sounds in its variety; `UserError` as `dictionaries.read_ipa`."""
    return _read(utterance.text, utterance.variety, utterance.ipa)


@cache
def _read(text: str, variety: str, ipa: str) -> Reading:
    read = read_ipa(text, variety)
    if read and UNREAD not in read:
        return Reading(_words(read))
    if ipa:
        return Reading(_words(ipa), tuple(symbol for symbol in spell(ipa) if not is_segment(symbol)))
    unread = tuple(char for char in text if is_spoken(char) and not read_ipa(char, variety))
    return Reading(_words(read), unread or (text,))


def _words(ipa: str) -> tuple[tuple[str, ...], ...]:
    spelt = (spell(word.translate(NARROW)) for word in ipa.split())
    return tuple(tuple(s if is_segment(s) else UNKNOWN for s in word) for word in spelt if word)

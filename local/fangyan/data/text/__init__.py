"""Transcripts in the one normal form in which they are learnt and compared.

In this order: plain characters (`data.text.characters`: NFKC and more); annotations out (``<SPOKEN_NOISE>``,
``[LAUGHTER]``, a romanisation in brackets as in 食飯 (tsia̍h-pn̄g)); digits spoken (`data.text.numerals`), if so chosen;
what the form keeps, so that punctuation and spaces go; one script (`data.text.script`); one character for a word, if
so chosen. Reference and hypothesis of a CER and what a model learns to write pass through the same `NormalForm`.
Characters of a variety's own (佢 哋 冇 𠊎 𨋢) stay.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fangyan.data.text.characters import HAN, LATIN, ranges, restore_zeros, to_plain
from fangyan.data.text.characters import is_han as is_han
from fangyan.data.text.numerals import spell_digits
from fangyan.data.text.script import VARIANTS, WORDS, converter
from fangyan.data.text.script import simplify as simplify
from fangyan.errors import UserError

TRUTH = {"false": False, "true": True}
CHOICES = {
    "latin": TRUTH,
    "digits": {word: word for word in ("dropped", "kept", "spoken")},
    "script": {word: word for word in ("t2s", "s2t", "kept")},
    "variants": TRUTH,
}
"""What a form may say: name -> word -> value."""


@dataclass(frozen=True)
class NormalForm:
    """What is left of a transcript; by default Han characters in simplified script.

    ``latin``: Latin words too, in lower case, parted from one another by a space. ``digits``: dropped, kept or spoken,
    as Han numerals (`spell_digits`). ``script``: t2s or s2t, to simplified or traditional (`data.text.script`), or
    kept as it is. ``variants``: in place of a character of ``conf/variants.tsv`` the standard one.
    """

    latin: bool = False
    digits: str = "dropped"
    script: str = "t2s"
    variants: bool = False

    @classmethod
    def parse(cls, words: str) -> "NormalForm":
        """The form that ``NAME=VALUE`` words say, ``latin=true digits=spoken``; `UserError` for others."""
        chosen = {}
        for word in words.split():
            name, _, value = word.partition("=")
            if value not in CHOICES.get(name, ()):
                known = " ".join(f"{name}={'|'.join(values)}" for name, values in CHOICES.items())
                raise UserError(f"a text form is NAME=VALUE words out of {known}; got {word!r}")
            chosen[name] = CHOICES[name][value]
        return cls(**chosen)

    @property
    def tables(self) -> list[Path]:
        """The files of ``conf/`` that it depends on."""
        return [WORDS] * (self.script != "kept") + [VARIANTS] * self.variants


DEFAULT = NormalForm()
WIDEST = NormalForm(latin=True, digits="kept", script="kept")
REMEDIES = {
    "digits": "choose digits=spoken or digits=kept where they were read out",
    "Latin letters": "choose latin=true where they were read out",
    "characters of private use": "write the characters of Unicode in their place",
    "other letters": "no form keeps them; write them in Han or Latin where they were read out",
}
"""Kind of what a form may leave out though it was spoken -> what to do."""


def normalise(text: str, form: NormalForm = DEFAULT) -> str:
    """A transcript in a normal form; empty where nothing of it is left.

    Normalising again changes nothing, but for some rare words in traditional script (伙夫).
    """
    kept = BETWEEN_HAN.sub("", " ".join(_kept(form).findall(_readable(text, form))))
    return converter(form.script, form.variants)(kept)


def count_removed(text: str, form: NormalForm = DEFAULT) -> Counter[str]:
    """Kind of `REMEDIES` -> the number of characters that were spoken and that the form leaves out.

    Punctuation, symbols and what `strip_annotations` takes out are no speech and do not count; a mark counts with its
    letter.
    """
    return Counter(filter(None, map(_kind, _kept(form).sub("", _readable(text, form)))))


def removals(texts: Mapping[str, str], form: NormalForm = DEFAULT) -> list[str]:
    """One line a kind that the form removes from some of ``texts`` (utterance id -> transcript), to be printed:

    ``12 of 240 transcripts hold digits, which the form leaves out, such as s1-a (在 19 世纪): see digits=spoken``.
    """
    examples: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for key, text in texts.items():
        for kind in count_removed(text, form):
            counts[kind] += 1
            examples.setdefault(kind, f"{key} ({text})")
    return [
        f"{counts[kind]:,} of {len(texts):,} transcripts hold {kind}, which the form leaves out, "
        f"such as {examples[kind]}: {remedy}"
        for kind, remedy in REMEDIES.items()
        if kind in counts
    ]


def has_words(text: str) -> bool:
    """Whether some form leaves anything of a transcript: a Han character, a Latin letter or a digit."""
    return bool(_kept(WIDEST).search(strip_annotations(text).lower()))


def strip_annotations(text: str) -> str:
    """``text``, `to_plain`, without what was not said: annotations and romanisations in brackets."""
    return ANNOTATION.sub(" ", to_plain(text).replace("’", "'"))


LATIN_CHARACTER = re.compile(f"[{ranges(LATIN)}]")
ANNOTATION = re.compile(rf"<[^<>]*>|\[[^][]*\]|\((?=[^()]*[{ranges(LATIN)}])[^(){ranges(HAN)}]*\)")
BETWEEN_HAN = re.compile(rf"(?<=[{ranges(HAN)}]) | (?=[{ranges(HAN)}])")


def _readable(text: str, form: NormalForm) -> str:
    """What is to be read, in lower case; 0 and O within a number in Han are its zeros unless the form keeps them."""
    read = spell_digits(strip_annotations(text)) if form.digits == "spoken" else strip_annotations(text)
    return restore_zeros(read.lower(), "0" * (form.digits == "dropped") + "o" * (not form.latin))


def _kind(char: str) -> str:
    """The kind of `REMEDIES` that a character is of; empty where it stands for no speech of its own."""
    category = unicodedata.category(char)
    if char in "0123456789":
        return "digits"
    if category in ("Co", "Cn"):
        return "characters of private use"
    if category[0] not in "LN":
        return ""
    return "Latin letters" if LATIN_CHARACTER.match(char) else "other letters"


@cache
def _kept(form: NormalForm) -> re.Pattern[str]:
    """Runs of Han characters, and of what else is kept; an apostrophe within a word belongs to it."""
    others = ranges(LATIN) * form.latin + "0-9" * (form.digits == "kept")
    words = rf"|[{others}]+(?:'[{others}]+)*" if others else ""
    return re.compile(rf"[{ranges(HAN)}]+{words}")

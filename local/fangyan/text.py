"""Transcripts in the one normal form in which they are compared: Han characters, simplified script."""

import unicodedata
from functools import cache

HAN = (
    (0x3007, 0x3007),  # 〇
    (0x3400, 0x4DBF),  # extension A
    (0x4E00, 0x9FFF),  # the basic block
    (0xF900, 0xFAFF),  # compatibility ideographs (what NFKC leaves of them)
    (0x20000, 0x323AF),  # extensions B to H: 𠊎 and many other dialect characters
)


def is_han(char: str) -> bool:
    """Whether one character is a Han ideograph."""
    return any(first <= ord(char) <= last for first, last in HAN)


@cache
def _simplifier():
    from opencc import OpenCC

    return OpenCC("t2s")


def normalise(text: str) -> str:
    """The normal form of a transcript: NFKC, Han characters only, traditional script made simplified (OpenCC t2s).

    Both sides of every CER pass through it, so punctuation, spaces, Latin letters and the choice of script never
    count as errors. Characters of a variety's own (佢 哋 冇 𠊎) have no simplified form and stay.
    """
    han = "".join(char for char in unicodedata.normalize("NFKC", text) if is_han(char))
    return simplified(han)


def simplified(text: str) -> str:
    """``text`` with its traditional Han characters made simplified (OpenCC t2s); the rest stays as it is."""
    return _simplifier().convert(text)

"""Text in one script, simplified or traditional, whichever scripts it was written in.

OpenCC converts between its own standards; transcripts come in those of Taiwan, of Hong Kong and of the mainland, often
within one corpus. So ``conf/script.tsv`` goes first, with what OpenCC leaves apart (看著 and 看着, 甚麼 and 什麼) or
mistakes for a name, and OpenCC does the rest. A character that OpenCC would move beyond the basic block of Unicode
stays: 嗰 𨋢 餸 孻 𣍐 are written so in either script. Traditional script is made of the simplified, in the standard of
Taiwan, which has one character for 着 and 著, 裏 and 裡; what is one in simplified script is so there too (係 and 系).

Measured (``python -m pytest -s tests/text/test_script.py -k configurations``) on ``tests/text/words.tsv``, 282 words
with both answers given by hand, of which our rows were made; ``kept`` counts answers that stay as they are. And, once,
on the 1,000 sentences of dev and test of UD Chinese-GSD against GSDSimp (47 of 著; our 砲 and 姪 were found there), and
on the 87,332 phrases in either script that OpenCC knows: how many are not what they were when converted ``twice``.

=== ================== ===== ==== ======== =====
to  configuration      right kept wrong 著 twice
=== ================== ===== ==== ======== =====
t2s t2s                233   274  37       21
t2s tw2s               240   246  3        56
t2s hk2s               234   272  37       21
t2s tw2sp              239   246  3        72
t2s rows, then t2s     281   281  0        0
s2t s2t                245   266           1155
s2t s2tw               260   273           1156
s2t s2hk               240   254           1144
s2t t2s, then s2tw     268   268           20
=== ================== ===== ==== ======== =====

tw2s spoils simplified text (什么 becomes 什幺), tw2sp changes words (複製 becomes 拷贝), s2t and s2tw text that is
traditional (萬里 becomes 萬裏). The miss in simplified script is 著有三本書. What goes wrong in traditional script is
where one simplified character serves for two (不准, 姓范), so compare in t2s. A phrase can be found across what parted
its characters, as punctuation goes first: never in those sentences.
"""

import re
from collections.abc import Callable
from functools import cache

from fangyan.files import ROOT, read_table

WORDS, VARIANTS = (ROOT / "conf" / name for name in ("script.tsv", "variants.tsv"))
"""What goes before OpenCC; characters that stand for others."""

BEYOND = re.compile("[^\u0000-\u33ff\u4e00-\uffff]")
"""What lies outside the basic block: extension A, and all beyond the basic plane."""


def simplify(text: str) -> str:
    """``text`` with its traditional Han characters made simplified; the rest stays as it is."""
    return converter("t2s")(text)


@cache
def converter(script: str, variants: bool = False) -> Callable[[str], str]:
    """Text -> text in one script, ``t2s``, ``s2t`` or ``kept``; one character for a word where ``variants``."""
    convert = CONVERSIONS[script]()
    if not variants:
        return convert
    rows = read_table(VARIANTS)
    table = str.maketrans({convert(row["variant"]): convert(row["standard"]) for row in rows})
    return lambda text: convert(text).translate(table)


def _to_simplified() -> Callable[[str], str]:
    rows = read_table(WORDS)
    words = {row["written"]: row["simplified"] for row in rows}
    pattern = re.compile(f"({'|'.join(sorted(words, key=len, reverse=True))})")
    convert = _opencc("t2s")

    def converted(text: str) -> str:
        parts = pattern.split(text)  # what lies between the words, and the words, in turn
        parts[::2] = [part and convert(part) for part in parts[::2]]
        parts[1::2] = [words[part] for part in parts[1::2]]
        return "".join(parts)

    return converted


def _to_traditional() -> Callable[[str], str]:
    """By way of simplified script, so that a text comes out as one and the same whichever script it was in."""
    convert = _opencc("s2tw")
    return lambda text: convert(simplify(text))


def _opencc(configuration: str) -> Callable[[str], str]:
    from opencc import OpenCC

    convert = OpenCC(configuration).convert
    return lambda text: _within(text, convert(text))


def _within(text: str, converted: str) -> str:
    """``converted``, but for what conversion moved out of the basic block: a character for a character."""
    if not BEYOND.search(converted):
        return converted
    return "".join(old if BEYOND.match(new) else new for old, new in zip(text, converted, strict=True))


CONVERSIONS: dict[str, Callable[[], Callable[[str], str]]] = {
    "t2s": _to_simplified,
    "s2t": _to_traditional,
    "kept": lambda: str,
}

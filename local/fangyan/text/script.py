"""Text in one script, simplified or traditional, whichever scripts it was written in.

OpenCC converts between its own standards; transcripts come in those of Taiwan, of Hong Kong and of the mainland, often
within one corpus. So ``conf/script.tsv`` goes first, with what OpenCC leaves apart (看著 and 看着, 甚麼 and 什麼) or
mistakes for a name, and OpenCC does the rest. A character that OpenCC would move beyond the basic block of Unicode
stays: 嗰 𨋢 餸 孻 𣍐 are written so in either script.

Measured (``python -m pytest -s tests/text/test_script.py -k configurations``) on ``tests/text/words.tsv``, 282 words
with both answers given by hand, of which our rows were made; ``kept`` counts answers that stay as they are. And, once,
on the 1,000 sentences of dev and test of UD Chinese-GSD against GSDSimp (47 of 著; our 砲 and 姪 were found there):

=== ================ ===== ==== ========
to  configuration    right kept wrong 著
=== ================ ===== ==== ========
t2s t2s              233   274  37
t2s tw2s             240   246  3
t2s hk2s             234   272  37
t2s tw2sp            239   246  3
t2s rows, then t2s   281   281  0
s2t s2t              245   266
s2t s2tw             260   273
s2t s2hk             240   254
s2t rows, then s2tw  271   273
=== ================ ===== ==== ========

tw2s spoils simplified text (什么 becomes 什幺), tw2sp changes words (複製 becomes 拷贝). The miss in simplified script
is 著有三本書. What s2t gets wrong is where one simplified character serves for two (不准, 姓范), so compare in t2s. A
phrase can be found across what parted its characters, as punctuation goes first: never in those sentences.
"""

import re
from collections.abc import Callable
from functools import cache

from fangyan.files import ROOT, read_table

CONFIGURATIONS = {"t2s": "t2s", "s2t": "s2tw"}
"""The script of a form -> the configuration of OpenCC: Taiwan's standard has one character for 着 and 著, 裏 and 裡."""

BEYOND = re.compile("[^\u0000-\u33ff\u4e00-\uffff]")
"""What lies outside the basic block: extension A, and all beyond the basic plane."""


def simplified(text: str) -> str:
    """``text`` with its traditional Han characters made simplified; the rest stays as it is."""
    return converter("t2s")(text)


@cache
def converter(script: str, variants: bool = False) -> Callable[[str], str]:
    """Text -> text in one script, ``t2s``, ``s2t`` or ``kept``; one character for a word where ``variants``."""
    convert = _conversion(script) if script in CONFIGURATIONS else str
    if not variants:
        return convert
    rows = read_table(ROOT / "conf" / "variants.tsv")
    table = str.maketrans({convert(row["variant"]): convert(row["standard"]) for row in rows})
    return lambda text: convert(text).translate(table)


def _conversion(script: str) -> Callable[[str], str]:
    from opencc import OpenCC

    rows = read_table(ROOT / "conf" / "script.tsv")
    words = {row["written"]: row[script] for row in rows if row[script] != "."}
    pattern = re.compile("|".join(sorted(words, key=len, reverse=True)))
    convert = OpenCC(CONFIGURATIONS[script]).convert

    def converted(text: str) -> str:
        plain = pattern.sub(lambda match: words[match[0]], text)
        return _within(plain, convert(plain))

    return converted


def _within(text: str, converted: str) -> str:
    """``converted``, but for what conversion moved out of the basic block: a character for a character."""
    if not BEYOND.search(converted):
        return converted
    return "".join(old if BEYOND.match(new) else new for old, new in zip(text, converted, strict=True))

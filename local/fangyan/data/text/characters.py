"""The characters of transcripts: which are Han, which Latin, and the plain ones that stand for all that look alike.

Of Unicode 17, by whole blocks, which later versions fill.
"""

import re
import unicodedata

HAN = (
    (0x3007, 0x3007),  # 〇
    (0x3400, 0x4DBF),  # extension A
    (0x4E00, 0x9FFF),  # the basic block
    (0xF900, 0xFAFF),  # compatibility ideographs (what NFKC leaves of them)
    (0x20000, 0x2A6DF),  # extension B: 𠊎 and many other dialect characters
    (0x2A700, 0x2EE5F),  # extensions C, D, E, F, I
    (0x2F800, 0x2FA1F),  # compatibility ideographs, supplement
    (0x30000, 0x3347F),  # extensions G, H, J
)
LATIN = (
    (0x41, 0x5A),
    (0x61, 0x7A),
    (0xC0, 0xD6),
    (0xD8, 0xF6),
    (0xF8, 0x24F),
    (0x300, 0x36F),
    (0x1E00, 0x1EFF),
)
"""Letters and the marks that combine with them: tâi-lô and Pha̍k-fa-sṳ need both."""


def ranges(blocks: tuple[tuple[int, int], ...]) -> str:
    """Blocks as the inside of a character class."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in blocks)


def is_han(char: str) -> bool:
    """Whether one character is a Han ideograph."""
    return any(first <= ord(char) <= last for first, last in HAN)


def to_plain(text: str) -> str:
    """``text`` in NFKC, which nothing invisible divides and where what serves as Han is Han.

    Numbers in one character stay apart from their neighbours: ``4½`` is ``4 1⁄2``, ``①②`` is ``1  2``, ``10²`` is
    ``10^2``. Radicals become their characters (⻄ 西), ○ beside a numeral 〇, a sign of repetition what it repeats.
    """
    if text.isascii():
        return text
    text = SUPERSCRIPT.sub(r"^\g<0>", INVISIBLE.sub("", text).translate(UNITS | NASAL))
    text = unicodedata.normalize("NFKC", ENCLOSED.sub(_number, text)).translate(ALIKE)
    return ZEROS.sub(_zeros, REPEATED.sub(lambda match: match[1] * len(match[0]), text))


def restore_zeros(text: str, letters: str) -> str:
    """``text`` with 〇 for each of ``letters`` that is written for a zero of a number in Han: 二0一八, 二OO八年."""
    if not letters:
        return text
    run = rf"(?<=[{NUMERALS}])[{letters}]+(?=[{NUMERALS}年])"
    return re.sub(run, _zeros, text)


def _zeros(match: re.Match[str]) -> str:
    return "〇" * len(match[0])


def _number(match: re.Match[str]) -> str:
    """A character that is a number of its own, between spaces; NFKC does not know the black discs ❶ to ⓴."""
    char = match[0]
    known = unicodedata.normalize("NFKC", char) != char
    return f" {char if known else round(unicodedata.numeric(char))} "


INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""What Unicode calls ignorable: zero width, direction of writing, selectors of variants."""
SUPERSCRIPT = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
UNITS = dict(zip(range(0x339F, 0x33A7), "mm² cm² m² km² mm³ cm³ m³ km³".split(), strict=True))
"""㎟ to ㎦, the exponent of which NFKC makes a digit like any other."""
NASAL = dict.fromkeys(map(ord, "ⁿᴺ"), "nn")
"""The raised n of Pe̍h-ōe-jī, as Tâi-lô spells it: siⁿ is another word than sin, which NFKC would make of it."""
ENCLOSED = re.compile("[¼-¾⅐-⅟↉①-⒛⓪-⓿❶-➓㉑-㉟㊱-㋋㍘-㍰㏠-㏾🄀-🄊]")
"""Numbers in one character: fractions, in circles, with a full stop, months, hours, days."""
NUMERALS = "〇一二三四五六七八九零"
ZEROS = re.compile(f"(?<=[{NUMERALS}])[○◯]+|[○◯]+(?=[{NUMERALS}])")
REPEATED = re.compile(rf"([○◯{ranges(HAN)}])[々〻]+")
ALIKE = str.maketrans(
    "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼⺽⺾⺿⻀⻁⻂⻃⻄"
    "⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲",
    "厂乛乚乙亻冂𠘨刀刂卜㔾小尐兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺民氵氺灬爫爬丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艺艻虎衤覀西"
    "见角𧢲讠贝𧾷车辶辷辸邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀",
)
"""Radicals -> the characters that Unicode gives as their equivalent."""

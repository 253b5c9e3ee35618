"""Digits as they are read out in Han: 3.5 三点五, 50% 百分之五十, 2018年 二零一八年.

The rules stand in `RULES` in their order, after which no digit is left. One by one are read decimals, what starts with
0, years (1001 to 2099 before 年, but 2000), telephone numbers with hyphens or in fours, versions (1.2.3), and integers
of 8 digits or more, unless all but the first three are 0. A hyphen is minus at the start, after a space or punctuation,
and before degrees and shares (气温-5度), but never after a digit, a Latin letter, degrees or shares (3-5, A-5, 2%-3%).

What only the speaker knows stays open: 2 as 两, a range or a result (3-5 is 三 and 五), years in two digits or without
年, whether 1500年 is a year, 3:15 as a result (三点十五分), 5/3 as a date (三分之五), units. Han is simplified.
"""

import re
from collections.abc import Callable

EACH = str.maketrans("0123456789", "零一二三四五六七八九")
SHARES = {"%": "百", "‰": "千", "‱": "万"}
CURRENCIES = {"¥": "元", "$": "美元", "US$": "美元", "HK$": "港元", "NT$": "新台币", "€": "欧元", "£": "英镑"}
POWERS = {"2": "平方", "3": "立方"}

NUMBER = r"(?<!\d)(?<!\d[.,])(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)*"
MONTH, DAY = "(0?[1-9]|1[0-2])", "(0?[1-9]|[12]\\d|3[01])"
YEAR = r"(?:1\d{3}|20\d\d)(?<!000)"


def spell_digits(text: str) -> str:
    """``text``, plain (`to_plain`), with its digits as they are read out; those of other scripts stay."""
    if not DIGIT.search(text):
        return text
    for pattern, read in RULES:
        text = pattern.sub(read, text)
    return text


def _integer(digits: str) -> str:
    """An integer of up to 16 digits; one by one the longer, and those that start with 0."""
    from cn2an import an2cn

    if len(digits) > 16 or (digits[0] == "0" and digits != "0"):
        return _each(digits)
    return an2cn(digits)


def _each(digits: str) -> str:
    return digits.translate(EACH)


def _number(written: str) -> str:
    """A number with or without commas and decimals; one by one what counts nothing: versions, telephone numbers.

    Such is an integer of 8 digits or more, without commas, if not all but its first three are 0.
    """
    whole, *parts = written.replace(",", "").split(".")
    listed = len(parts) > 1 or (written == whole and len(whole) >= 8 and bool(whole[3:].strip("0")))
    return "点".join([_each(whole) if listed else _integer(whole), *map(_each, parts)])


def _date(match: re.Match[str]) -> str:
    year, _, month, day = match.groups()
    return f"{_each(year)}年{_integer(month.lstrip('0'))}月{_integer(day.lstrip('0'))}日"


def _time(match: re.Match[str]) -> str:
    """10:30 十点三十分, 10:05 十点零五分, 10:00 十点."""
    hour, minute, second = match.groups()
    read = f"{_integer(str(int(hour)))}点"
    if second:
        return f"{read}{_minutes(minute)}分{_minutes(second)}秒"
    return read if minute == "00" else f"{read}{_minutes(minute)}分"


def _minutes(digits: str) -> str:
    return "零" if digits == "00" else _integer(digits)


def _telephone(match: re.Match[str]) -> str:
    """Groups of 8 digits or more in all, one by one; round hundreds are a range."""
    groups = re.findall(r"\d+", match[0])
    count = sum(map(len, groups))
    return match[0] if count < 8 or all(group.endswith("00") for group in groups) else _each("".join(groups))


def _fraction(match: re.Match[str]) -> str:
    whole, above, below = match.groups()
    return (f"{_integer(whole)}又" if whole else "") + f"{_integer(below)}分之{_integer(above)}"


def _power(match: re.Match[str]) -> str:
    sign, exponent = match.groups()
    times = "负" * bool(sign) + _integer(exponent) + "次方"
    return "的" + (times if sign else POWERS.get(exponent, times))


def _share(sign: str, number: str) -> str:
    return f"{SHARES[sign]}分之{_number(number)}"


def _currency(match: re.Match[str]) -> str:
    sign, number, unit = match.groups()
    return f"{_number(number)}{unit}{CURRENCIES[sign]}"


SIGNS = "|".join(re.escape(sign) for sign in sorted(CURRENCIES, key=len, reverse=True))
Read = Callable[[re.Match[str]], str]
RULES: tuple[tuple[re.Pattern[str], Read], ...] = tuple(
    (re.compile(pattern, re.ASCII), read)
    for pattern, read in (
        # 3~5, 5%~10%, 2018~2019年
        (r"(?<=[\d%‰])\s?[~〜∼]\s?(?=[-−]?\d)", lambda match: "到"),
        # 2018-05-03, 2018/5/3, 2018.5.3
        (rf"(?<![\d/.-])(\d{{4}})([-/.]){MONTH}\2{DAY}(?![\d/-])", _date),
        # 10:30, 10:30:15; other colons between numbers are of a ratio
        (r"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])", _time),
        (r"(?<=\d):(?=\d)", lambda match: "比"),
        # 2018年, 2018 年, 2018-2019年, 2018和2019年; 1000年 and 2000年 are how long something lasts
        (
            rf"(?<!\d)(?<!\d[.,])(?:0\d{{3}}|{YEAR})(?=\s*年|\s*[-–—/至到、,和与及或]\s*{YEAR}\s*年)",
            lambda match: _each(match[0]),
        ),
        # 010-12345678, 138-0013-8000, 0912-345-678, +886-2-2345-6789, 138 0013 8000, 2345 6789
        (r"(?<![\d.,-])(?:\d{1,4}(?:-\d{1,4})*-\d{3,8}|(?:\d{3} )?\d{4} \d{4})(?![\d.,-])", _telephone),
        # 3/4, 4 1/2 (4½); not 3/4/5
        (
            r"(?:(?<![\d/.])(\d{1,3})\s+)?(?<![\d/.])(\d{1,3})[/⁄](?!1?(?!\d))([1-9]\d{0,3})(?![\d/]|\.\d)",
            _fraction,
        ),
        # 10^2, as which superscripts come
        (r"(?<=[\d)])\^([−-]?)\+?(\d{1,16})", _power),
        # m^2: a unit is not read
        (r"(?<=[A-Za-z])\^[−-]?\+?\d+", lambda match: " "),
        # -5 where nothing stands before it, 气温-5度, 从-5; neither 3-5 nor A-5
        (
            rf"(?:(?<!\S)(?<!\d\s)|(?<=[(,:;=<>~。、“「『从從是为為到至约約达達]))[-−–](?=\d)|(?<![A-Za-z\d%‰‱°度])[-−–](?={NUMBER}\s?[度°%‰])",
            lambda match: "负",
        ),
        (rf"({NUMBER})\s?([%‰‱])", lambda match: _share(match[2], match[1])),
        (rf"([%‰‱])\s?({NUMBER})", lambda match: _share(match[1], match[2])),
        (rf"({SIGNS})\s?({NUMBER})\s?([万亿百千萬億]*)", _currency),
        (NUMBER, lambda match: _number(match[0])),
        # what the rule before leaves of a list such as 1,2
        (r"\d+", lambda match: _number(match[0])),
    )
)
DIGIT = re.compile("[0-9]")

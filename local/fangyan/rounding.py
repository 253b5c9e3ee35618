"""Numbers as people read them, rounded in one way everywhere: half up, after the six digits that files carry."""

import re
from decimal import ROUND_HALF_UP, Decimal

NONE = "–"
"""In the place of a number that there is not."""


def decimals(number: float | Decimal, places: int, sign: str = "") -> str:
    """``6.3`` for 6.25, ``1,490.84`` for 1490.8449; with ``sign`` "+" it stands before what is not below zero, too."""
    exact = Decimal(f"{number:.6f}")
    if not exact.is_finite():
        return f"{number:{sign}}"
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{rounded or abs(rounded):{sign},}"  # no "-0.0"


def group_digits(text: str) -> str:
    """``text`` with its whole numbers as all are written: ``2,238 sentences`` for "2238 sentences"."""
    return re.sub(r"(?<![\d.,])\d{4,}(?![\d.,])", lambda number: f"{int(number[0]):,}", text)


def percent(fraction: float | None, sign: str = "") -> str:
    """``77.0`` for 0.77; a dash for None."""
    if fraction is None:
        return NONE
    return decimals(100 * Decimal(f"{fraction:.6g}"), 1, sign)


def data_size(count: float) -> str:
    """``999 B``, ``1.0 kB``, ``2.5 GB``: so many bytes in the unit that fits."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{decimals(count, 0 if unit == 'B' else 1)} {unit}"
        count /= 1000
    return f"{decimals(count, 1)} TB"

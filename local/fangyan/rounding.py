"""Fractions as people read them: in percent, rounded half up after the six digits that files carry."""

from decimal import ROUND_HALF_UP, Decimal

NONE = "–"
"""In the place of a number that there is not."""


def percent(fraction: float | None) -> str:
    """``77.0`` for 0.77; a dash for None."""
    if fraction is None:
        return NONE
    exact = Decimal(f"{100 * fraction:.6f}")  # six digits are what the files carry
    return str(exact.quantize(Decimal("0.1"), ROUND_HALF_UP))

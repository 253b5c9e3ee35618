"""The tables of varieties: `conf/varieties.tsv`, their groups and names; `conf/places.tsv`, where they are spoken."""

from dataclasses import dataclass
from functools import cache

from fangyan.files import ROOT, read_table

TABLE = ROOT / "conf" / "varieties.tsv"


@dataclass(frozen=True)
class Variety:
    """One row of the table; ``code`` is what stands in utt2lang."""

    code: str
    iso: str
    glottocode: str
    group: str
    english: str
    chinese: str


@cache
def varieties() -> dict[str, Variety]:
    """The known varieties by code, in the order of the table."""
    return {row["code"]: Variety(**row) for row in read_table(TABLE)}


def group_of(code: str) -> str:
    """The group of a variety; a code that the table lacks (a site, say) is its own group."""
    known = varieties().get(code)
    return known.group if known else code


def coordinates(code: str) -> tuple[float, float] | None:
    """Longitude and latitude, in degrees, of where a variety is spoken; None where the table of places lacks it."""
    return _places().get(code)


@cache
def _places() -> dict[str, tuple[float, float]]:
    rows = read_table(ROOT / "conf" / "places.tsv")
    return {row["code"]: (float(row["longitude"]), float(row["latitude"])) for row in rows}

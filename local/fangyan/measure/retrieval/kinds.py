"""What finds what in a retrieval: speech or text, in speech or text. A mean is over pairs of one kind.

Recordings find recordings as the protocol of the benchmark has it; how well speech finds text is another question, so
where a retrieval has texts, what is said of all its pairs together is said of each kind alone.
"""

from collections.abc import Sequence
from pathlib import Path

from fangyan.features.sentences import OWN
from fangyan.files import made_from
from fangyan.measure.retrieval.tables import Pair

type Columns = Sequence[str]
"""The text columns that a retrieval had sides of."""


def by_kind(folder: Path, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """``speech to text`` -> its rows, in the order of ``pairs``; the stamp of ``folder`` names the text columns."""
    columns = text_columns(folder)
    kinds: dict[str, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(kind_of(columns, pair.source, pair.target), []).append(pair)
    return kinds


def text_columns(folder: Path) -> Columns:
    """The text columns among the sides of the retrieval of a set, as its stamp has them."""
    return (made_from(folder) or {}).get("columns", [])


def kind_of(columns: Columns, source: str, target: str) -> str:
    """``speech to text``, say, of the pair of two sides."""
    return " to ".join(_medium(side, columns) for side in (source, target))


def _medium(side: str, columns: Columns) -> str:
    """Whether a side is of texts: a text column, or of `OWN` a variety, as `sides.text` names them."""
    own = OWN in columns and side.startswith(f"{OWN}:")
    return "text" if own or side in columns else "speech"

"""What the layers of an encoder may be called, those of other packages included."""

import re
from collections.abc import Sequence

from fangyan.errors import DataError

LAYER = re.compile(r"[^\s.+|/][^\s+|/]*")
"""The name of a layer: that of a folder, a word of an option, a cell of tables."""


def check_names(spec: str, names: Sequence[str]) -> None:
    """`DataError` for names of layers that no folder, no option and no table can have, as of another package."""
    odd = [
        name for name in names if not (isinstance(name, str) and name.isprintable() and LAYER.fullmatch(name))
    ]
    twice = [name for n, name in enumerate(names) if name in names[:n]]
    if odd or twice or not names:
        raise DataError(
            f"encoder {spec}: layers are words of names of their own, without + (which joins two), | and / and not "
            f"beginning with a dot, got {(odd or twice or ['none'])[0]!r}{' twice' if twice and not odd else ''}"
        )

"""What other packages add by entry points: found by group and name, loaded when it is asked for."""

from collections.abc import Container
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fangyan.errors import UserError


def installed(group: str, taken: Container[str]) -> dict[str, EntryPoint]:
    """Name -> entry point of a group; what is ``taken`` here stays ours."""
    return {entry.name: entry for entry in entry_points(group=group) if entry.name not in taken}


def load(entry: EntryPoint, kind: str) -> Any:
    """The object that an entry point names; `UserError` with the package where it cannot be imported."""
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"{kind} {entry.name!r} of {entry.dist.name} does not load: {error}") from None

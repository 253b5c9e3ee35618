"""Names of what is defined elsewhere, here or in other packages (by entry point), and imported when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from fangyan.errors import DataError, UserError, known_names


@dataclass(frozen=True)
class Registry:
    """What is known by name. ``kind``: a word for it; ``group``: that of the entry points of other packages.

    ``own``: name -> ``module`` or ``module:object``, as an entry point says it. Other packages cannot take these names.
    ``elsewhere``: name -> what to type for it instead.
    """

    kind: str
    group: str
    own: Mapping[str, str]
    elsewhere: Mapping[str, str] = MappingProxyType({})

    def __contains__(self, name: str) -> bool:
        return name in self.own or name in self.installed()

    def load(self, name: str) -> Any:
        """What ``name`` stands for; `UserError` where nobody has it, or where the package that has it does not load."""
        if name in self.own:
            return EntryPoint(name, self.own[name], self.group).load()
        others = self.installed()
        if name in self.elsewhere and name not in others:
            raise UserError(f"{self.kind} {name!r} is none of these: {self.elsewhere[name]}")
        if name not in others:
            known = known_names(name, [*self.own, *others])
            raise UserError(f"{self.kind} {name!r} is not installed: {known}")
        try:
            return others[name].load()
        except (ImportError, AttributeError) as error:
            package = others[name].dist.name
            raise UserError(f"{self.kind} {name!r} of {package} does not load: {error}") from None

    def installed(self) -> dict[str, EntryPoint]:
        """Name -> entry point of what other packages have."""
        return {entry.name: entry for entry in entry_points(group=self.group) if entry.name not in self.own}

    def package(self, name: str) -> str:
        """The other package that has ``name``, with its version; empty for what is known here."""
        entry = self.installed().get(name)
        return f"{entry.dist.name} {entry.dist.version}" if entry else ""


ASR = "asr"
"""The task of a configuration or a model that names none."""
TASKS = Registry(
    "task",
    "fangyan.tasks",
    {
        ASR: "fangyan.training.tasks.asr:Task",
        "align": "fangyan.training.tasks.align:Task",
        "pretrain": "fangyan.training.tasks.pretrain:Task",
    },
    {"dual": "fangyan train_dual takes its configuration, and so do recipes of egs2/TEMPLATE/dual1"},
)
"""What a model is trained for. Training asks here, and whoever builds the model again."""


def task_name(settings: Mapping[str, Any], source: object) -> str:
    """The task that a configuration names, or a trained model's; `DataError` with ``source`` for what is no name."""
    name = settings.get("task") or ASR
    if not isinstance(name, str):
        raise DataError(f"{source}: task is the name of a training task, got {name!r}")
    return name

"""The options of run.sh: their values, and what recipe and pipeline say of them by themselves."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fangyan import config, environment
from fangyan.files import ROOT

PIPELINE = ROOT / "egs2" / "TEMPLATE" / "emb1" / "emb.sh"
"""The template that most recipes are of."""
RECIPE = Path("run.sh")
"""Of the folder that the options are meant from."""
DEFAULT = re.compile(r"^([a-z][a-z_]*)=(.*)  # ", re.MULTILINE)
"""The line of an option in the pipeline: its name and its value, as a shell quotes it."""


@dataclass(frozen=True)
class Options:
    """The values of the options by name; those nobody has typed; the stages that are to run; the experiment folder.

    ``template``: the script that has these options.
    """

    values: Mapping[str, str]
    stated: Mapping[str, str]
    stages: Sequence[str]
    exp: Path
    template: Path = PIPELINE

    @classmethod
    def parse(
        cls, words: Sequence[str], stages: Sequence[str], exp: Path, template: Path = PIPELINE
    ) -> "Options":
        """The options that ``NAME=VALUE`` words say, on top of those of the recipe and its template."""
        stated = defaults(template) | of_recipe(RECIPE, template)
        values = dict(word.split("=", 1) for word in words)
        return cls(stated | values, stated, stages, exp, template)

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")  # no template has all of them

    def words(self, name: str) -> list[str]:
        """The words of a value."""
        return self[name].split()

    def typed(self, name: str) -> bool:
        """Whether somebody has typed another value than recipe and template say."""
        return self[name] != self.stated.get(name, "")

    def file(self, name: str) -> Path:
        """The file that a value names, of the recipe or else of the repository."""
        return config.find(Path(self[name]))

    def shipped(self, name: str, folder: str) -> bool:
        """Whether the file that a value names lies in a ``folder`` of the repository, unchanged since it was cloned."""
        path = self.file(name).resolve()
        if folder not in path.parts or not path.is_relative_to(ROOT):
            return False
        changed = environment.changed(path)
        return not (self.typed(name) if changed is None else changed)

    @property
    def trains(self) -> bool:
        """Whether the encoder is one that is trained here."""
        return not self["encoder"] and not self["download"]

    def runs(self, *stages: str) -> bool:
        """Whether one of the stages is to run."""
        return bool({*stages} & {*self.stages})


def defaults(template: Path = PIPELINE) -> dict[str, str]:
    """The options of a template, by name, with their defaults."""
    lines = template.read_text(encoding="utf-8").partition("\nparse_options")[0]
    return {name: " ".join(shlex.split(value)) for name, value in DEFAULT.findall(lines)}


def of_recipe(script: Path, template: Path = PIPELINE) -> dict[str, str]:
    """What a recipe says before what was typed, by name."""
    if not script.is_file():
        return {}
    words = shlex.split(script.read_text(encoding="utf-8").rpartition(template.name)[2], comments=True)
    return {name[2:]: value for name, value in pairwise(words) if name.startswith("--")}


def usage(script: Path = RECIPE) -> list[str]:
    """What a recipe says of itself in its first comment, with the line to type."""
    lines = script.read_text(encoding="utf-8").splitlines() if script.is_file() else []
    return [line.removeprefix("# ") for line in lines if line.startswith("# ") and "run.sh" in line]

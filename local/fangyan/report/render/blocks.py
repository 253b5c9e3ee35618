"""The parts that a report is made of; Markdown and HTML are two renderings of them."""

import base64
import re
import shutil
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import ClassVar

from matplotlib.figure import Figure

from fangyan.data import audio
from fangyan.files import atomic
from fangyan.report.read.results import Results
from fangyan.report.render import figures
from fangyan.report.render.tables import Table
from fangyan.style import save


@dataclass(frozen=True)
class Picture:
    """A figure: ``name``.png in ``images/``; on the page too, unless a coloured table there says the same."""

    name: str
    figure: Figure
    alt: str
    caption: str
    on_page: bool = True
    kind: ClassVar[str] = "picture"
    paper: ClassVar[bool] = False
    recordings: ClassVar[tuple] = ()

    def save(self, path: Path) -> None:
        """Writes the figure as PNG to ``path``."""
        save(self.figure, path)

    @property
    def uri(self) -> str:
        """The figure as a data URI, in the colours that the reader prefers."""
        return figures.data_uri(self.figure)


LONGEST = 20
"""Seconds of a recording that a page carries, some 6 kB each."""


@dataclass(frozen=True)
class Recording:
    """A recording that a picture is of: its part there, what is said, and what that is in Mandarin."""

    role: str
    variety: str
    words: str
    mandarin: str = ""  # empty where these are the same words, or it is not known
    file: Path | None = None  # None where the sound may not be handed on

    @property
    def uri(self) -> str:
        """The sound as MP3 in a data URI; empty where it may not be handed on, is not here, or would be too large."""
        if not (self.file and self.file.exists() and audio.probe(self.file).duration <= LONGEST):
            return ""
        import soundfile

        encoded = BytesIO()  # every browser plays MP3, and the same samples give the same bytes
        soundfile.write(encoded, audio.read(self.file), audio.SAMPLE_RATE, format="MP3")
        return "data:audio/mpeg;base64," + base64.b64encode(encoded.getvalue()).decode()


@dataclass(frozen=True)
class Image:
    """A PNG on white paper, drawn by another stage: copied to ``name``.png in ``images/``, and on the page as it is."""

    name: str
    file: Path
    alt: str
    caption: str
    recordings: tuple[Recording, ...] = ()
    kind: ClassVar[str] = "picture"
    on_page: ClassVar[bool] = True
    paper: ClassVar[bool] = True

    def save(self, path: Path) -> None:
        """Writes the PNG to ``path``."""
        with atomic(path) as temporary:
            shutil.copyfile(self.file, temporary)

    @property
    def uri(self) -> str:
        """The PNG as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.file.read_bytes()).decode()


@dataclass(frozen=True)
class Code:
    """Lines to be copied into a terminal."""

    text: str
    kind: ClassVar[str] = "code"


type Block = str | Table | Picture | Image | Code


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def slug(self) -> str:
        """What a link to the section ends with, on the page and where GitHub shows Markdown."""
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")


@dataclass(frozen=True)
class Hero:
    """The one number of a test set, and the sentence that gives it a meaning."""

    value: str
    unit: str
    line: str


def scored_sets(experiment: Results, sets: tuple[str, ...]) -> list[str]:
    """Those of ``sets`` on which retrieval was scored."""
    return [name for name in sets if name in experiment.encoder.seqsim]


def picture_name(kind: str, experiment: Results, name: str) -> str:
    """``heatmap`` for the first test set, ``heatmap_far`` for a further one named far."""
    return kind if name == experiment.tests[0] else f"{kind}_{name}"

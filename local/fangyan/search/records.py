"""What an index says: of itself in its settings, of each recording in an entry."""

import json
import sys
from dataclasses import dataclass
from typing import ClassVar

from fangyan.encoders import identity, load_encoder
from fangyan.errors import UserError
from fangyan.features.at_layer import AtLayer
from fangyan.features.layers import layer_name
from fangyan.search.frame_codecs import DEFAULT

FORMAT = 2
"""1 had no ``frames`` in its settings, and half precision: it is read, and added to, as it is."""


@dataclass(frozen=True)
class Entry:
    """A recording: its id, where it lies, what is said of it, and the size and time of the file."""

    id: str
    wav: str
    start: float
    end: float | None
    variety: str
    text: str
    text_cmn: str
    size: int
    mtime_ns: int

    UNDESCRIBED: ClassVar = ("", "", "")

    @classmethod
    def parse(cls, line: bytes) -> "Entry":
        """The entry that is written in a line of JSON; `ValueError` or `TypeError` for what is none."""
        entry = cls(**json.loads(line))
        numbers = entry.start, entry.start if entry.end is None else entry.end
        texts = entry.id, entry.wav, entry.variety, entry.text, entry.text_cmn
        sound = all(type(x) in (int, float) for x in numbers) and all(type(x) is str for x in texts)
        if not sound or type(entry.size) is not int or type(entry.mtime_ns) is not int:
            raise TypeError
        return entry

    @property
    def place(self) -> tuple[str, float, float | None]:
        """Where it lies: two entries with the same place are two versions of one recording."""
        return self.wav, self.start, self.end

    @property
    def description(self) -> tuple[str, str, str]:
        """What is said of it: variety and wordings."""
        return self.variety, self.text, self.text_cmn

    @property
    def version(self) -> tuple[int, int]:
        """Size and time of the file it was made from."""
        return self.size, self.mtime_ns


@dataclass(frozen=True)
class Settings:
    """What all recordings of an index share.

    ``identity``: of the encoder that ``spec`` names, by content; ``frames``: how they are kept, a name of
    `fangyan.search.frame_codecs.FORMS`.
    """

    spec: str
    identity: dict[str, str]
    layer: str
    dimension: int
    frames: str = DEFAULT
    format: int = FORMAT

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """The settings that are written as JSON; `ValueError` or `TypeError` for what are none."""
        settings = cls(**json.loads(text))
        names = settings.spec, settings.layer, *dict(settings.identity).values()
        if (
            type(settings.dimension) is not int
            or settings.dimension < 1
            or not all(type(x) is str for x in names)
        ):
            raise TypeError
        return settings

    def check(self, spec: str) -> None:
        """Raises `UserError` where ``spec`` (empty: the index's own) gives other features than the index has."""
        if identity(spec or self.spec) != self.identity:
            raise UserError(
                f"{spec or self.spec}: not the encoder of this index, which is {self.spec} as it was when it made "
                "the index: name that one with --encoder SPEC, or make a new index"
            )

    def encoder(self, spec: str = "") -> AtLayer:
        """The encoder that the index was made by, at its layer; ``spec`` says where it lies now, if elsewhere."""
        self.check(spec)
        print(f"{spec or self.spec}: {layer_name(self.layer)}, as the index has it", file=sys.stderr)
        return AtLayer(load_encoder(spec or self.spec), self.layer)

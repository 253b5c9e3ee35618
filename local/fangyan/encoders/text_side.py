"""The text side of a model of speech: the texts of a joint space, placed there by a frozen encoder, its teacher.

Which one it is stands in the configuration of the model: ``teacher``, its SPEC, and ``teacher_prefix``. It is no part
of the model, and is loaded only when there are texts. Where the teacher is a folder, a model that leaves its machine
names the last part of that path alone (`portable`): who uses its text side puts the folder where the program runs.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from yaml import YAMLError

from fangyan.encoders import NO_TEXT_SIDE, Encoder, hub, load_encoder
from fangyan.encoders.choice import JOINT
from fangyan.encoders.families import FAMILIES, form
from fangyan.errors import DataError, UserError

if TYPE_CHECKING:
    from fangyan.encoders.joint import JointSpace

CARD = "README.md"
READER = "pretrained"
"""What a model's configuration says under ``model`` that reads texts itself, as units: `encoders.unit_side`."""
HERE = "./"
"""What begins the path of a folder that is looked for where the program runs; no id of the Hub begins so."""


@dataclass(frozen=True)
class Teacher:
    """What others may know of a teacher: its id on the Hub, or the last part of the path of a ``folder``."""

    name: str
    folder: bool
    prefix: str | None  # None: its own
    licence: str  # empty where it is not known here

    def __str__(self) -> str:
        return f"{self.name} (a folder, not of the Hub)" if self.folder else self.name


class TextSide(Encoder):
    """The texts of a joint space: a ``teacher`` that encodes texts, and the ``space`` that takes its vectors."""

    modality, frame_rate, layers = "text", 0.0, (JOINT,)

    def __init__(self, teacher: Encoder, space: "JointSpace") -> None:
        """`DataError` for a teacher whose vectors are of another size than those of the space."""
        self.teacher, self.space, self.prefix = teacher, space, teacher.prefix
        found, due = len(teacher.encode(["一"])[-1][0][0]), len(space.centre)
        if found != due:
            raise DataError(f"the teacher of this model has vectors of {due} numbers, got one of {found}")

    def encode(self, items: Sequence[str]) -> list[list[np.ndarray]]:
        """``[0][text]`` -> (1, D) float32, L2-normalised."""
        import torch

        self.teacher.prefix = self.prefix
        *_, vectors = self.teacher.encode(items)
        with torch.inference_mode():
            given = torch.from_numpy(np.concatenate(vectors)).to(self.space.centre.device)
            return [[*self.space.texts(given).cpu().numpy()[:, None]]]


def reads_units(settings: Mapping[str, Any]) -> bool:
    """Whether a model reads texts itself, as units."""
    return settings.get("model") == READER


def teacher_of(settings: Mapping[str, Any], source: object) -> str:
    """The SPEC of the text encoder that a model was trained towards; `UserError` for a model without one."""
    spec = settings.get("teacher")
    if not isinstance(spec, str) or not spec:
        raise UserError(f"{source}: {NO_TEXT_SIDE}")
    if (name := spec.partition(":")[0]) in FAMILIES and name != "text":
        raise UserError(f"{source}: a teacher is an encoder of text, {form('text')}, got {spec}")
    return spec


def load_teacher(settings: Mapping[str, Any], source: object, device: str) -> Encoder:
    """The text encoder that ``settings`` name, with their prefix; `UserError` where it was a folder and is not here."""
    spec, prefix = teacher_of(settings, source), settings.get("teacher_prefix")
    folder = Path(spec.partition(":")[2])
    if is_folder(spec) and not folder.exists():
        raise UserError(
            f"{source}: texts are read by the encoder of text that this model was trained towards, a folder "
            f"{folder.name} of those who trained it: get it from them, and put it, or a link to it, at "
            f"{folder.absolute()}"
        )
    if not isinstance(prefix, str | None):
        raise DataError(f"{source}: teacher_prefix is text, got {prefix!r}")
    teacher = load_encoder(spec, device, "text")
    teacher.prefix = teacher.prefix if prefix is None else prefix
    return teacher


def describe(settings: Mapping[str, Any]) -> Teacher | None:
    """What a model's settings say of its teacher; None for a model without one. The Hub is not asked."""
    if not settings.get("teacher"):
        return None
    argument = portable(settings)["teacher"].partition(":")[2]
    known = hub.at_hand(settings["teacher"].partition(":")[2], CARD)
    return Teacher(
        argument.removeprefix(HERE),
        argument.startswith(HERE),
        settings.get("teacher_prefix"),
        _licence(known / CARD) if known else "",
    )


def _licence(card: Path) -> str:
    """What the front matter of a model card says; empty where there is no such card, or it does not say."""
    from huggingface_hub import ModelCard

    try:
        return str(ModelCard.load(card).data.get("license") or "") if card.is_file() else ""
    except (ValueError, YAMLError):
        return ""


def is_folder(spec: str) -> bool:
    """Whether the SPEC of a teacher names a folder, here or on the machine of those who trained towards it."""
    argument = spec.partition(":")[2]
    return argument.startswith((".", "/")) or Path(argument).exists()


def portable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings as others get them: of a teacher that is a folder they name the last part of its path."""
    spec = settings.get("teacher")
    if not (isinstance(spec, str) and is_folder(spec)):
        return dict(settings)
    family, _, argument = spec.partition(":")
    return {**settings, "teacher": f"{family}:{HERE}{os.path.basename(os.path.abspath(argument))}"}

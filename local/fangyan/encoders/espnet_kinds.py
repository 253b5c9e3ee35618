"""What kinds of models ESPnet has: how each is known, which have an encoder that is read here, and why others are not.

An experiment of ours says its ``task``. ESPnet's own say only by their other keys which program wrote them, and packed
ones by what ``meta.yaml`` calls their files: ``asr_train_config``, ``s2t_model_file``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fangyan.errors import DataError
from fangyan.registry import ASR


@dataclass(frozen=True)
class Heard:
    """ESPnet's ``task``, which builds such models, and the ``parts`` of them that features come from.

    ``alone``: what a configuration says instead, where no decoder is wanted; ``what``: the kind in words.
    """

    what: str
    task: str
    parts: tuple[str, ...]
    alone: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


PARTS = ("frontend.", "normalize.", "preencoder.", "encoder.")
PROMPT = ("prompt_encoder.", "embed.", "embed_proj.", "prompt_proj.")
NO_DECODER = MappingProxyType({"specaug": None, "decoder": None, "model_conf": {"ctc_weight": 1.0}})
HEARD = {
    "s2t": Heard(
        "speech to text by tokens of the task (OWSM, Dolphin)",
        "espnet2.tasks.s2t:S2TTask",
        PARTS,
        NO_DECODER,
    ),
    "s2t_ctc": Heard("speech to text by CTC (OWSM-CTC)", "espnet2.tasks.s2t_ctc:S2TTask", PARTS + PROMPT),
    "ssl": Heard("self-supervised learning (XEUS)", "espnet2.tasks.ssl:SSLTask", PARTS),
}
"""Kinds whose encoder is read though nothing is trained for them here, by name."""

OTHERS = {
    "st": "speech translation",
    "s2st": "speech-to-speech translation",
    "tts": "text to speech",
    "svs": "singing voice synthesis",
    "codec": "audio coding",
    "enh": "speech enhancement",
    "enh_s2t": "speech enhancement before recognition",
    "diar": "diarisation",
    "spk": "speaker or language identification",
    "aqa": "judging the quality of audio",
    "classification": "classification",
    "hubert": "HuBERT's pre-training in its first form",
    "lm": "language modelling",
    "wenet": "WeNet, not of ESPnet",
}
"""Kinds whose models are none that could be read, in words."""

SIGNS = (
    ("s2t_ctc", "model", "espnet_ctc"),
    ("s2t", "preprocessor", "s2t"),
    ("ssl", "util", None),
    ("st", "extra_mt_decoder", None),
    ("s2st", "synthesizer", None),
    ("tts", "tts", None),
    ("svs", "svs", None),
    ("codec", "codec", None),
    ("enh_s2t", "subtask_series", None),
    ("enh", "separator", None),
    ("diar", "attractor", None),
    ("spk", "pooling", None),
    ("aqa", "universa", None),
    ("hubert", "pred_masked_weight", None),
    ("lm", "lm", None),
    ("wenet", "dataset_conf", None),
)
"""Kind, a key that only its configurations have, and the value where the key alone does not tell."""


def kind_of(settings: Mapping[str, Any], packed: str = ASR) -> str:
    """The kind of model that a configuration without ``task`` is of; where it has no sign, as it is ``packed``."""
    for kind, key, value in SIGNS:
        if key in settings and value in (None, settings[key]):
            return kind
    return packed


def refusal(source: Path, kind: str) -> DataError:
    """The error for a model of a kind that is not read: what it is, and what may be named instead."""
    read = ", ".join(
        ["speech recognition (asr)", *(f"{heard.what} ({name})" for name, heard in HEARD.items())]
    )
    what = OTHERS.get(kind, f"the kind {kind!r}" if kind else "a kind that it does not name")
    return DataError(
        f"{source}: this is a model of {what}, and the encoder of such a one is not read here: name one of {read}, or "
        "load it in a package of your own"
    )


def load_task(kind: str) -> type:
    """ESPnet's task of a kind in `HEARD`, which answers as a task of ours does; importing it imports ESPnet."""
    base = EntryPoint(kind, HEARD[kind].task, "espnet2").load()
    return type("Task", (_Known, base), {"alone": HEARD[kind].alone})


class _Known:
    """What `fangyan.training.task.Trained` says of a task, for one that nothing is trained by."""

    @classmethod
    def known_classes(cls) -> dict[str, dict[str, type]]:
        return {choice.name: dict(choice.classes) for choice in cls.class_choices_list}

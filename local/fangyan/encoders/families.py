"""The families of encoders as data: the form of their SPECs, the modules that know them, an example of each."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple


class Family(NamedTuple):
    """What a family takes behind the colon of a SPEC (nothing: no colon either), and what an ``example`` of it names.

    ``module``: has `load`, `files` and `facts`, which get ``options``. ``finder``: of a family that reads models, the
    module that finds their files without loading them. ``text_side``: whether its models of speech may have one, which
    ``load_text`` of the module loads, with the same options.
    """

    module: str
    argument: str
    what: str
    example: str
    finder: str = ""
    options: Mapping[str, Any] = MappingProxyType({})
    text_side: bool = False


ESPNET, ESPNET_FILES = "fangyan.encoders.espnet", "fangyan.encoders.espnet_model"
HF, HF_FILES = "fangyan.encoders.huggingface", "fangyan.encoders.pretrained"
LLM, LLM_FILES = "fangyan.encoders.llm", "fangyan.encoders.llm_files"
LLM_FOLDER, LLM_SETTINGS = "llm", "dual.yaml"
"""The folder of an experiment that has such a model, and the file that tells a folder is one."""
SPECTRAL, TEXT, FIRERED = (f"fangyan.encoders.{name}" for name in ("spectral", "sentence", "firered"))
FAMILIES = {
    "espnet": Family(
        ESPNET,
        "experiment folder, model.zip or Hub id",
        "an experiment folder, a model.zip or a Hub id of ESPnet",
        "espnet:exp/a",
        ESPNET_FILES,
        {"trained": True},
        text_side=True,
    ),
    "random": Family(
        ESPNET,
        "the same",
        "the same with untrained weights",
        "random:exp/a",
        ESPNET_FILES,
        {"trained": False},
        text_side=True,
    ),
    "hf": Family(
        HF,
        "Hub id or folder of transformers",
        "a Hub id or a folder of transformers",
        "hf:openai/whisper-small",
        HF_FILES,
    ),
    "text": Family(
        TEXT,
        "Hub id or folder of sentence-transformers",
        "the same of sentence-transformers: it takes texts",
        "text:BAAI/bge-m3",
        TEXT,
    ),
    "llm": Family(
        LLM,
        "experiment, folder or Hub id",
        "an LLM that reads units: experiment, folder or Hub id",
        "llm:exp/a",
        LLM_FILES,
        text_side=True,
    ),
    "firered": Family(
        FIRERED,
        "Hub id or folder of FireRedASR",
        "a Hub id or a folder of FireRedASR",
        "firered:user/name",
        FIRERED,
    ),
    "fbank": Family(SPECTRAL, "", "80 log-mel energies", "fbank", options={"kind": "fbank"}),
    "mfcc": Family(SPECTRAL, "", "13 MFCC with their changes", "mfcc", options={"kind": "mfcc"}),
}


def form(name: str) -> str:
    """What a SPEC of a family looks like: ``hf:<Hub id or folder of transformers>``, ``fbank``."""
    argument = FAMILIES[name].argument
    return f"{name}:<{argument}>" if argument else name


def spec_of(model: Path) -> str:
    """The SPEC of an experiment, or of what was packed from it: of which family is told by what lies there."""
    dual = any((home / LLM_SETTINGS).is_file() for home in (model, model / LLM_FOLDER))
    return f"{'llm' if dual else 'espnet'}:{model}"


FORMS = ", ".join(map(form, FAMILIES))
"""The forms of all SPECs that need no package of others."""

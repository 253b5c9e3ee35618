"""The files of an LLM of transformers: where they lie, and whether they can be read without running code."""

from pathlib import Path

from fangyan.encoders import hub
from fangyan.errors import UserError

SAFE = ("*.json", "*.safetensors", "*.model", "*.txt")
"""Files of a Hub's LLM: settings, tokenizer and weights, none of which can hold code."""
WEIGHTS, PICKLED = "*.safetensors", "*.bin"


def locate(llm: str) -> Path:
    """The folder of an LLM of transformers; `UserError` for what is none that can be trained."""
    folder = hub.locate(llm, SAFE)
    if not (folder / "config.json").is_file():
        raise UserError(f"llm: {llm}: no LLM of transformers, it has no config.json")
    if not any(folder.glob("tokenizer*")):
        raise UserError(
            f"llm: {llm}: it has no tokenizer (tokenizer.json): put the one that it was trained with there"
        )
    if not any(folder.glob(WEIGHTS)):
        held = "pickled weights alone, which are not loaded" if any(folder.glob(PICKLED)) else "no weights"
        raise UserError(f"llm: {llm}: it has {held}: save it with save_pretrained, as safetensors")
    return folder


def files(llm: str) -> list[Path]:
    """What decides the outcome of a training that starts from an LLM: settings, tokenizer and weights."""
    folder = locate(llm)
    return sorted({path for pattern in SAFE for path in folder.glob(pattern)})

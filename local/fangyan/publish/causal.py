"""A language model that reads units as one that writes: the causal model and tokenizer, a folder of transformers.

What was trained is the body of the language model. Where its output layer is its embeddings it is whole with that. Else
the output layer is that of the model training began from, with a row for each new token: the mean of the old ones.
"""

from functools import partial
from pathlib import Path
from typing import Any

from fangyan.dual.settings import RANDOM
from fangyan.encoders import files, hub, llm_files, sentence
from fangyan.encoders.carrying import carry_units, copy
from fangyan.encoders.families import LLM_SETTINGS
from fangyan.encoders.unit_strings import prefix_tokens, unit_tokens
from fangyan.errors import UserError
from fangyan.files import fingerprint, produce
from fangyan.training import summary

SAFE = {"trust_remote_code": False, "use_safetensors": True}


def export(exp: Path, out: Path) -> bool:
    """Writes ``out``, which transformers loads, with ``units`` and ``dual.yaml``; says whether it had to.

    ``exp``: an experiment or a packed model. `UserError` where the output layer is neither there nor to be had.
    """
    folder, start = llm_files.locate(f"{exp}"), str(summary.read(exp).get("init", ""))
    made = {"llm": fingerprint(*files(f"llm:{exp}")), "start": start}
    return produce(out, made, partial(_build, folder, start))


def _build(folder: Path, start: str, out: Path) -> None:
    from transformers import AutoTokenizer

    place = sentence.places(folder)[0]
    with sentence.reading(f"llm:{folder}"):
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        new = [*prefix_tokens(llm_files.read(folder).varieties), *unit_tokens(llm_files.units(folder).k)]
        model = _causal(place, start, tokenizer.convert_tokens_to_ids(new))
        model.save_pretrained(out)
        tokenizer.save_pretrained(out)
    carry_units(llm_files.units(folder), out / llm_files.UNITS)
    copy(folder / LLM_SETTINGS, out / LLM_SETTINGS)


def _causal(place: Path, start: str, new: list[int]) -> Any:
    """The causal language model around the body in ``place``."""
    import torch
    from transformers import AutoModel, AutoModelForCausalLM

    body = AutoModel.from_pretrained(place, dtype=torch.float32, **SAFE)
    if body.config.get_text_config().tie_word_embeddings:
        return AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, **SAFE)
    model = AutoModelForCausalLM.from_pretrained(_source(start, place), dtype=torch.float32, **SAFE)
    old = model.get_output_embeddings().weight.detach().clone()
    rows = body.get_input_embeddings().num_embeddings
    if rows > len(old):
        model.resize_token_embeddings(rows, mean_resizing=False)
    kept = [row for row in range(len(old)) if row not in {*new}]
    with torch.no_grad():
        model.get_output_embeddings().weight[new] = old[kept].mean(0)
    model.base_model.load_state_dict(body.state_dict())
    return model


def _source(start: str, place: Path) -> Path:
    """Where the language model that training began from lies; `UserError` where it is not to be had."""
    if start == RANDOM:
        raise UserError(
            f"{place}: its training began from random weights with an output layer of its own, which is not kept: "
            "leave tie_word_embeddings: false out of llm_conf, and train it anew"
        )
    try:
        return hub.locate(start, sentence.PATTERNS)
    except UserError as error:
        raise UserError(
            f"{place}: the body of a language model, whose output layer is that of {start or 'another model'}, from "
            f"which its training began ({summary.NAME}: init), and that is not to be had: {error}"
        ) from None

"""A tiny language model with random weights that reads units and texts, in the form that an experiment has it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tower_models import random_model

from fangyan.encoders import load_encoder
from fangyan.encoders.unit_model import UnitModel
from fangyan.encoders.unit_strings import prefix_tokens, unit_tokens

SIZES = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 512}
SIZES |= {"num_attention_heads": 2, "num_key_value_heads": 2, "pad_token_id": 2}
CHARACTERS = ("<unk>", "<s>", "</s>", *"我你吃饭看书水喝食飯睇飲")
MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
K = 6


def units_of(encoder: str = "mfcc", layer: str = "mfcc", k: int = K, merged: bool = False) -> UnitModel:
    """Units whose centroids are frames of a noise that grows louder."""
    noise = np.random.default_rng(1).normal(0, 1, 16_000) * np.geomspace(0.001, 1, 16_000)
    frames = load_encoder(encoder, "cpu")(noise.astype(np.float32))[layer]
    return UnitModel(encoder, layer, frames[np.linspace(0, len(frames) - 1, k).astype(int)], merged)


def tokenizer(tokens: Sequence[str], longest: int = 512):
    """One of transformers that cuts a text into characters, and knows the ``tokens`` besides."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({token: n for n, token in enumerate(CHARACTERS)}, "<unk>"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=longest, **names)
    fast.add_tokens([*tokens], special_tokens=True)
    return fast


def build_dual(folder: Path, units: UnitModel | None = None, tokens: Sequence[str] = (), **sizes) -> Path:
    """The model in ``folder``: two blocks, the last token pooled, varieties cmn and yue, texts asked in cmn."""
    import transformers

    units = units or units_of()
    known = tokenizer(tokens or [*prefix_tokens(["cmn", "yue"]), *unit_tokens(units.k)])
    folder.mkdir(parents=True)
    settings = transformers.LlamaConfig(vocab_size=len(known), **{**SIZES, **sizes})
    random_model(transformers.LlamaModel, settings).save_pretrained(folder)
    known.save_pretrained(folder)
    modules = [
        {"idx": n, "name": f"{n}", "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(MODULES)
    ]
    width = settings.hidden_size
    written = {
        "modules.json": modules,
        "config_sentence_transformers.json": {"prompts": {}, "default_prompt_name": None},
        "1_Pooling/config.json": {"embedding_dimension": width, "pooling_mode": "lasttoken"},
        "2_Normalize/config.json": {},
    }
    for name, values in written.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(values))
    (folder / "dual.yaml").write_text("varieties: [cmn, yue]\ntext_variety: cmn\ntext_column: text_cmn\n")
    (folder / "units").mkdir()
    units.save(folder / "units")
    return folder

"""A tiny encoder of sentences with random weights, saved as sentence-transformers saves one."""

import json
from pathlib import Path

from tower_models import random_model

BLOCKS = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
CHARACTERS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"我你吃饭看书水喝食飯睇飲", "query", ":")
MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))


def build_sentence(folder: Path) -> Path:
    """A model of sentence-transformers in ``folder``: a token a character, mean pooling, L2-normalised, 16 tokens."""
    import transformers

    sizes = BLOCKS | {"vocab_size": len(CHARACTERS), "max_position_embeddings": 16, "pad_token_id": 0}
    folder.mkdir(parents=True)
    random_model(transformers.BertModel, transformers.BertConfig(**sizes)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(CHARACTERS))
    transformers.BertTokenizer(f"{folder / 'vocab.txt'}", model_max_length=16).save_pretrained(folder)
    modules = [
        {"idx": n, "name": f"{n}", "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(MODULES)
    ]
    settings = {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}, "default_prompt_name": None},
        "1_Pooling/config.json": {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True},
    }
    for name, values in settings.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(values))
    return folder

"""The LLM that training starts from: one of transformers, or of random weights, with a vocabulary of t + a tokens.

After Gomez et al. 2024 (arXiv 2404.01616, section 2): the table of embeddings, t x m, gets a row for each unit of
speech; here also one for each prefix of variety and modality. How new rows begin is left open there: `ROWS` has two
ways, to be chosen by measurement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from fangyan.dual.llm_folder import locate
from fangyan.dual.settings import RANDOM
from fangyan.encoders.pretrained import first_line, quiet
from fangyan.errors import DataError, UserError, known_names

PAD, UNKNOWN, END = "<pad>", "<unk>", "<end>"
"""The special tokens of a tokenizer of characters."""
OF_TEXTS = ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")
"""What a configuration of transformers has, and the tokens of the texts decide."""
HEADS = ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim")
"""Sizes that have to fit together."""
SEEN = 1e-4
"""Logits of a token that differ by more of the largest have seen what differs; rounding is far below."""


def load(llm: str, folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The causal LM of a folder, in float32, and its tokenizer; `UserError` for another kind of model."""
    safe = {"trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **safe)
        if config.is_encoder_decoder:
            raise UserError(
                f"an encoder-decoder ({config.model_type}); a decoder alone is needed, as Llama or Qwen"
            )
        told = {
            "config": config,
            "dtype": torch.float32,
            "use_safetensors": True,
            "output_loading_info": True,
        }
        with quiet():
            model, report = AutoModelForCausalLM.from_pretrained(folder, **told, **safe)
        if missing := sorted(key for key in report["missing_keys"] if "head" not in key):
            raise UserError(f"the weights are not of a {type(model).__name__}, they lack {missing[0]}")
        check_causal(model)
        return model, AutoTokenizer.from_pretrained(folder, **safe)
    except Exception as error:  # of whatever kind: any values may stand in its files
        raise UserError(f"llm: {llm}: no causal LM that is read here: {first_line(error)}") from None


def make(conf: dict[str, Any], texts: Iterable[str]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal LM of random weights by ``llm_conf`` (``model_type`` and sizes), over the characters of ``texts``."""
    tokenizer = character_tokenizer(texts)
    tied = {"tie_word_embeddings": True, **conf}
    ends = dict.fromkeys(("bos_token_id", "eos_token_id"), tokenizer.eos_token_id)
    told = tied | ends | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    kind = told.pop("model_type", "llama")
    try:
        config = AutoConfig.for_model(kind, **told)
        check_sizes(conf, config, AutoConfig.for_model(kind).to_dict())
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False).float()
        check_causal(model)
    except Exception as error:  # of whatever kind: any values may stand there
        raise DataError(f"llm_conf: no causal LM of transformers: {first_line(error)}") from None
    return model, tokenizer


def check_sizes(conf: Mapping[str, Any], config: PreTrainedConfig, known: Mapping[str, Any]) -> None:
    """`DataError` for a key of ``llm_conf`` that means nothing: none of ``known``, and not read as another of them."""
    made = config.to_dict()
    for key in conf:
        if key in OF_TEXTS:
            raise DataError(f"{key} follows from the texts: leave it out")
        if key in made and key not in known:
            names = known_names(key, sorted(name for name in known if not name.startswith("_")))
            raise DataError(f"unknown key {key!r} of a {config.model_type}: {names}")
    if (layers := getattr(config, "num_hidden_layers", 1)) < 1:
        raise DataError(f"num_hidden_layers: one at least is needed, got {layers}")


def check_causal(model: PreTrainedModel) -> None:
    """`DataError` for a model that cannot compute with its sizes, or of which a token sees what stands after it."""
    training, tokens = model.training, torch.tensor([[2, 1, 2], [2, 1, 1]])
    config = model.config.get_text_config()
    try:
        with torch.no_grad():
            one, other = model.eval()(input_ids=tokens, attention_mask=torch.ones_like(tokens)).logits[:, :2]
    except Exception as error:  # of whatever kind: sizes may fit together or not
        sizes = (
            f"{name} {getattr(config, name)}" for name in HEADS if getattr(config, name, None) is not None
        )
        raise DataError(
            f"a {config.model_type} with {', '.join(sizes)} (those of transformers where none are named) cannot "
            f"compute: {first_line(error)}"
        ) from None
    model.train(training)
    if (one - other).abs().max() > SEEN * one.abs().max():
        raise DataError(
            f"a {config.model_type} reads both ways; a model whose tokens see none that follow is needed, as Llama or "
            "Qwen"
        )


def character_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerBase:
    """A tokenizer whose tokens are the characters of ``texts``, in code point order."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens = [PAD, UNKNOWN, END, *sorted({char for text in texts for char in text})]
    core = Tokenizer(models.WordLevel({token: n for n, token in enumerate(tokens)}, unk_token=UNKNOWN))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token=PAD, unk_token=UNKNOWN, eos_token=END)


def extend(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    units: Sequence[str],
    prefixes: Sequence[str],
    rows: Callable[[Tensor, int], Tensor],
) -> list[int]:
    """The ids of prefixes and units, which a model and its tokenizer now have, each whole wherever it stands in a text.

    ``rows``: old table (t, m), how many -> that many rows (n, m) of the ``units``; prefixes are `mean_covariance`.
    """
    from tokenizers import AddedToken

    known = tokenizer.get_vocab()
    new = [token for token in (*prefixes, *units) if token not in known]
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in new])
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    old = model.get_input_embeddings().weight.detach()[: len(known)].clone()
    if len(tokenizer) > len(model.get_input_embeddings().weight):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    table, others = model.get_input_embeddings().weight, sum(token not in units for token in new)
    with torch.no_grad():
        drawn = torch.cat([mean_covariance(old, others), rows(old, len(new) - others)])
        table[tokenizer.convert_tokens_to_ids(new)] = drawn
    return tokenizer.convert_tokens_to_ids([*prefixes, *units])


def mean_covariance(old: Tensor, count: int) -> Tensor:
    """(count, m) draws of the normal distribution that has the mean and the covariance of the ``old`` rows (t, m)."""
    mean = old.mean(0)
    return mean + torch.randn(count, len(old)) @ (old - mean) / max(len(old) - 1, 1) ** 0.5


def projected(centroids: Tensor) -> Callable[[Tensor, int], Tensor]:
    """Rows that lie to each other as the ``centroids`` (k, d) do: these times a random matrix d x m.

    Brought to the mean of the old rows and their spread about it, which is the same in all directions.
    """

    def rows(old: Tensor, count: int) -> Tensor:
        mean, (_, width) = old.mean(0), old.shape
        new = (centroids - centroids.mean(0)) @ torch.randn(centroids.shape[1], width)
        spread = (old - mean).square().mean().sqrt() / new.square().mean().sqrt().clamp(min=1e-12)
        return mean + spread * new[len(new) - count :]

    return rows


ROWS = {"mean_covariance": lambda _: mean_covariance, "centroids": projected}
"""``new_rows`` of a configuration -> centroids -> what draws the rows of the units."""


def start(
    llm: str, conf: dict[str, Any], texts: Iterable[str]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The LLM that a configuration names, with its tokenizer."""
    return make(conf, texts) if llm == RANDOM else load(llm, locate(llm))

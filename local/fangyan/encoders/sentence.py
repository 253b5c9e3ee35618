"""Encoders of sentences as sentence-transformers publishes them: LaBSE, multilingual E5, BGE-M3, Qwen3-Embedding, ...

``sentence`` is one frame: the embedding as the model's own pipeline makes it (transformer, pooling, normalisation, what
else its ``modules.json`` lists). layer00 is what enters the first block of the transformer, layerNN what block NN
gives, which transformers calls hidden states: a frame for each token, those of the prefix and special ones included.

A prefix that the model's settings have as the default prompt is put before each text; some models want one that stands
in their description only, as E5 does ("query: "). Nothing but data is loaded: neither code that comes with a model nor
pickled objects.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatch
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from fangyan.encoders import Encoder, hub
from fangyan.encoders.facts import Facts, licence
from fangyan.encoders.pretrained import first_line, quiet
from fangyan.errors import DataError, UserError
from fangyan.files import read_json, read_text

MODULES = "modules.json"
WEIGHTS = "*.safetensors"
BOUND = "sentence_bert_config.json"
PICKLED = "pytorch_model*.bin"
PATTERNS = ("*.json", "*.txt", "*.model", WEIGHTS)
"""Settings, vocabularies and parameters, which lie in the folder of the model and in those of its further modules."""

UNUSED = "pooler."
"""A layer of BERT and its kin that sentence-transformers leaves out; some checkpoints lack it."""


class SentenceEncoder(Encoder):
    """A pipeline of sentence-transformers, in single precision: cosines of sentences may lie close together."""

    modality, frame_rate, recommended, masked = "text", 0.0, "sentence", False

    def __init__(self, model) -> None:
        self.model = model.eval()
        self.prefix = model.prompts.get(model.default_prompt_name) or ""
        blocks = len(self._forward(["a"])) - 1
        self.layers = (*(f"layer{n:02d}" for n in range(blocks)), "sentence")

    def encode(self, items: Sequence[str]) -> list[list[np.ndarray]]:
        """``[layer][text]`` -> (T, d) float32; T is 1 at ``sentence``, elsewhere the number of tokens.

        Texts of equally many tokens are encoded together, and so need no padding, which not every model ignores.
        """
        alike: dict[int, list[int]] = defaultdict(list)
        for n, text in enumerate(items):
            alike[self._tokens(text)].append(n)
        found: dict[int, tuple[np.ndarray, ...]] = {}
        for places in alike.values():
            layers = self._forward([items[n] for n in places])
            found |= dict(zip(places, zip(*layers, strict=True), strict=True))
        return [list(layer) for layer in zip(*(found[n] for n in range(len(items))), strict=True)]

    def _tokens(self, text: str) -> int:
        """How many tokens a text with its prefix has; `DataError` for more than the model reads."""
        whole = {"text": {"truncation": False, "verbose": False}}
        made = self.model.preprocess([text], prompt=self.prefix, processing_kwargs=whole)
        tokens, most = made["input_ids"].shape[1], self.model.max_seq_length
        if most and tokens > most:
            raise DataError(f"this encoder reads {most} tokens at once, got {tokens}: cut the text")
        return tokens

    def _forward(self, texts: Sequence[str]) -> list[np.ndarray]:
        """(B, T, d) of each layer for texts of equally many tokens."""
        import torch
        from sentence_transformers.util import batch_to_device

        with torch.inference_mode():
            made = batch_to_device(self.model.preprocess([*texts], prompt=self.prefix), self.model.device)
            made = self.model(made)
        layers = [*made["all_layer_embeddings"], made["sentence_embedding"][:, None]]
        return [layer.float().cpu().numpy() for layer in layers]


def load(argument: str, device: str) -> SentenceEncoder:
    """The model of a folder or the Hub; `UserError` for what is none, `DataError` for weights that do not fit."""
    folder = _folder(argument)
    with reading(f"text:{argument}"):
        return SentenceEncoder(pipeline(folder, device))


@contextmanager
def reading(spec: str) -> Iterator[None]:
    """What transformers and its kin say inside of what they cannot read ends as a `UserError`; ours pass."""
    try:
        with quiet():
            yield
    except UserError:
        raise
    except Exception as error:  # of whatever kind: any values may stand in the settings
        reason = first_line(error)
        if "trust_remote_code" in f"{error}":
            reason = f"it wants code of its own to be run, which is not done here: {reason}"
        raise UserError(f"{spec}: no model of the installed sentence-transformers: {reason}") from None


def facts(argument: str) -> Facts:
    """What is known of the model before its weights are fetched or read; `UserError` for what is none."""
    folder = _folder(argument, (MODULES, "*config*.json"))
    with reading(f"text:{argument}"):
        return described(folder, argument)


def described(folder: Path, argument: str, patterns: Sequence[str] = PATTERNS) -> Facts:
    """The facts that stand in the settings in ``folder``; ``patterns``: of the files that the encoder is read from."""
    there = hub.list_files(argument, folder)
    names = [name for name in there.sizes if any(fnmatch(name, pattern) for pattern in patterns)]
    weights = [name for name in names if fnmatch(name, WEIGHTS)]
    files = there.of([name for name in names if name not in weights], weights)
    return replace(_described(*places(folder)[:-1]), licence=licence(argument, folder), files=files)


def _described(transformer: Path, *further: Path) -> Facts:
    """The facts that stand in the settings of the modules, those of the transformer first."""
    model = _without_numbers(transformer)
    config, modules = model.config.get_text_config(), [_settings(place) for place in further]
    dense = [of for of in modules if "out_features" in of]
    widths = [config.hidden_size, *filter(None, map(_pooled, modules))]
    return Facts(
        model.config.model_type,
        (*(f"layer{n:02d}" for n in range(config.num_hidden_layers + 1)), "sentence"),
        SentenceEncoder.frame_rate,
        widths[-1],
        SentenceEncoder.masked,
        _most_tokens(transformer, config),
        SentenceEncoder.recommended,
        SentenceEncoder.modality,
        sum(weight.numel() for weight in model.parameters())
        + sum((of["in_features"] + bool(of.get("bias"))) * of["out_features"] for of in dense),
    )


def _without_numbers(place: Path) -> Any:
    """The transformer of settings, whose weights have shapes alone."""
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(place, trust_remote_code=False)
    AutoModel._model_mapping[type(config)]  # imports its module: what that makes must not be on meta
    with quiet(), torch.device("meta"):
        return AutoModel.from_config(config, trust_remote_code=False)


def _settings(place: Path) -> dict:
    """The settings of a further module; none where it has none."""
    path = place / "config.json"
    return read_json(path) if path.exists() else {}


def _pooled(settings: dict) -> int:
    """The numbers that a module of pooling or a dense one gives, by its settings; 0 for one that keeps them."""
    width = settings.get("embedding_dimension", settings.get("word_embedding_dimension", 0))
    modes = settings.get("pooling_mode", "")
    flags = sum(value is True for key, value in settings.items() if key.startswith("pooling_mode_"))
    return settings.get("out_features", width * max(1, flags, 0 if isinstance(modes, str) else len(modes)))


def _most_tokens(place: Path, config: Any) -> float:
    """The most tokens read at once: what the pipeline says, else what its tokeniser and its positions allow."""
    said = [(BOUND, "max_seq_length"), ("tokenizer_config.json", "model_max_length")]
    own, tokens = (
        read_json(place / name).get(key) if (place / name).exists() else None for name, key in said
    )
    limits = [own] if isinstance(own, int) else [tokens, getattr(config, "max_position_embeddings", None)]
    return min((number for number in limits if isinstance(number, int)), default=inf)


def files(argument: str) -> list[Path | str]:
    """What decides the features: settings, vocabularies and weights, or what the Hub's cache calls their content."""
    return hub.content(files_in(_folder(argument)), argument)


def files_in(folder: Path) -> list[Path]:
    """Those of the model in ``folder``, in order."""
    return sorted({path for place in places(folder) for pattern in PATTERNS for path in place.glob(pattern)})


def _folder(argument: str, patterns: Sequence[str] = PATTERNS) -> Path:
    folder = hub.locate(argument, patterns)
    if not (folder / MODULES).exists():
        raise UserError(f"text:{argument}: no model of sentence-transformers, it has no {MODULES}")
    return folder


def places(folder: Path) -> list[Path]:
    """The folders of the model and of its modules, the transformer's first."""
    try:
        paths = [Path(module["path"]) for module in json.loads(read_text(folder / MODULES))]
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{folder / MODULES}: must be a list of modules, each with its path") from None
    if away := [path for path in paths if path.is_absolute() or ".." in path.parts]:
        raise DataError(f"{folder / MODULES}: modules lie in the folder of their model, got {away[0]}")
    return [*(folder / path for path in paths), folder]


def _check_safe(folder: Path) -> None:
    """`UserError` where a part of the model is there only in a form that can hold code, or is an adapter of another."""
    for place in places(folder):
        if (place / "adapter_config.json").exists():
            raise UserError(f"{place}: an adapter alone: merge it into the model that it was made for")
        if any(place.glob(PICKLED)) and not any(place.glob(WEIGHTS)):
            raise UserError(f"{place}: pickled weights are not loaded: save them as safetensors")


def pipeline(folder: Path, device: str):
    """The pipeline with its weights; `DataError` where some of the transformer's are lacking.

    `UserError` for weights in a form that can hold code.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    _check_safe(folder)
    settings = {"dtype": torch.float32, "use_safetensors": True}
    model = SentenceTransformer(
        f"{folder}",
        device=device,
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs=settings,
        config_kwargs={"output_hidden_states": True},
    )
    transformer, place = model.transformers_model, places(folder)[0]
    if transformer is None:
        raise UserError(f"its first module is no transformer, but a {type(model[0]).__name__}")
    # Nothing is said of lacking weights by the library, which makes them up.
    _, report = type(transformer).from_pretrained(
        place, config=transformer.config, output_loading_info=True, **settings
    )
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(UNUSED))
    if missing:
        raise DataError(
            f"{place}: the checkpoint is not one of {type(transformer).__name__}: it lacks {', '.join(missing)}"
        )
    return model

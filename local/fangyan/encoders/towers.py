"""The speech encoder in a model of transformers, found without weights, and in what the types of encoders differ.

A model is built on ``meta``, shapes without numbers, so that a language model around an encoder costs nothing. What
hears speech in it is the innermost part whose first argument is speech: the encoder of Whisper, the audio tower of a
speech LLM, wav2vec 2.0 itself. The constants are all that is known of single types; the rest is found by looking.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any

from fangyan.errors import UserError

SPEECH = ("input_features", "input_values", "audio_mel")
"""What transformers calls speech: features of samples, or samples."""
AS_STATES = ("GraniteSpeechCTCEncoder", "GraniteSpeechPlusCTCEncoder")
"""Classes that hear speech, though they call it hidden states."""
BEHIND = ("add_adapter", "use_intermediate_ffn_before_adapter")
"""Settings that put more behind the last block; of its features nothing is left there."""

MASKED = (
    "wav2vec2",
    "wav2vec2-bert",
    "hubert",
    "wavlm",
    "unispeech",
    "unispeech-sat",
    "fun_asr_nano_encoder",
)
"""Model types that keep masked padding out of every layer. The others encode together only what is of equal length."""
MASKLESS = ("voxtral_realtime_encoder",)
"""Their mask is one of frames behind the convolutions, not of features."""
POOLED = ("qwen2_audio_encoder", "audioflamingo3_encoder")
"""Of Whisper's shape, but they normalise means of two frames: no layer has that ``norm``."""
WINDOWS: dict[str, Callable[[Any], int]] = {
    "qwen3_asr_encoder": lambda config: 2 * config.n_window,
    "moonshine_streaming_encoder": lambda config: round(config.sample_rate * config.frame_ms / 1000),
}
"""Of how many features an encoder wants whole windows, by its settings; the last one is padded."""
POSITIONS = {
    "fun_asr_nano_encoder": "max_position_embeddings",
    "nemotron_asr_streaming_encoder": "max_position_embeddings",
}
"""The setting that says how many frames there are positions for, where that is a limit."""
PIECES: dict[str, Callable[[Any], float]] = {
    "CohereAsrFeatureExtractor": lambda extractor: extractor.max_audio_clip_s - extractor.overlap_chunk_second
}
"""The seconds beyond which a feature extractor cuts an utterance."""
SOUND = "audio speech asr mel wav sampling_rate sample_rate acoustic hop_length conv_dim whisper moonshine".split()
"""Words of which the settings of a speech encoder, or of its feature extractor, have one."""
BLOCKS_OF_OTHER_USE = {"fun_asr_nano_encoder": "num_timestamp_prediction_layers"}
"""The setting that says how many of the last blocks serve something else than to recognise speech."""
UNDIVIDED = ("whisper", "speech_to_text", "moonshine")
"""Types of which all parts of a checkpoint are fetched and counted, as they always were."""


@dataclass(frozen=True)
class Tower:
    """A speech encoder in a model, both without weights: the module ``path`` of ``whole``, or that itself."""

    whole: Any
    path: str

    @property
    def encoder(self) -> Any:
        """The speech encoder."""
        return self.whole.get_submodule(self.path)


def find(folder: Path) -> Tower:
    """The speech encoder that the settings in ``folder`` describe; `UserError` where they describe none."""
    import torch
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        kind = _class(config)  # imports its module: what that makes for itself must not be on meta
        for extra in BEHIND:
            if getattr(config, extra, False):
                setattr(config, extra, False)
        with torch.device("meta"):
            whole = kind(config)
        path = _path(whole)
    except Exception as error:  # of whatever kind: any values may stand in the configuration
        raise UserError(f"{folder}: no model of the installed transformers ({first_line(error)})") from None
    if path is None:
        raise UserError(
            f"{folder}: no speech encoder, but a model of type {config.model_type}: one is needed with a part that "
            "takes samples or features of speech"
        )
    return Tower(whole, path)


def is_like_whisper(encoder: Any) -> bool:
    """Whether an encoder is built of what Whisper's is: two convolutions, learnt positions, blocks, a norm."""
    parts = ("conv1", "conv2", "embed_positions", "layers", "layer_norm")
    return all(hasattr(encoder, part) for part in parts) and hasattr(encoder.config, "max_source_positions")


def speaks_of_sound(settings: Any) -> bool:
    """Whether a word of sound stands anywhere in settings, as it does in those of every speech encoder."""
    text = f"{settings}".lower()
    return any(word in text for word in SOUND)


def recommended(settings: Any) -> str:
    """The layer to compare utterances at, by the settings of an encoder (a mapping) or of a model around it."""
    of = settings.get("model_type")
    blocks, others = (settings.get(key) for key in ("num_hidden_layers", BLOCKS_OF_OTHER_USE.get(of)))
    if isinstance(blocks, int) and isinstance(others, int) and 0 < others < blocks:
        return f"layer{blocks - others:02d}"
    inner = (recommended(value) for value in settings.values() if isinstance(value, dict))
    return next(filter(None, inner), "")


def first_line(error: Exception) -> str:
    """The first line of what an error says, and the next after a colon; its kind where it says little."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines or isinstance(error, KeyError):
        return " ".join([type(error).__name__, *lines[:1]])
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])


def _class(config: Any) -> type:
    """The class that a model was saved as, else the one that transformers makes of such a configuration."""
    from importlib import import_module

    from transformers import MODEL_MAPPING, PreTrainedModel

    module = import_module(type(config).__module__.replace("configuration_", "modeling_"))
    kinds = {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, PreTrainedModel) and kind.config_class is type(config)
    }
    named = [kinds[name] for name in config.architectures or () if name in kinds]
    if named:
        return named[0]
    if type(config) in MODEL_MAPPING:
        return MODEL_MAPPING[type(config)]
    if not kinds:
        raise ValueError(f"it makes no model of a configuration of type {config.model_type} alone")
    return next(filter(_hears, kinds.values()), [*kinds.values()][-1])


def _path(whole: Any) -> str | None:
    """The first of the innermost parts of a model that hear speech."""
    hearing = [name for name, part in whole.named_modules() if _hears(type(part))]
    inner = (name for name in hearing if not any(_holds(name, other) for other in hearing))
    return next(inner, None)


def _holds(name: str, other: str) -> bool:
    return name != other and (not name or other.startswith(f"{name}."))


@cache
def _hears(kind: type) -> bool:
    from transformers import PreTrainedModel

    if not issubclass(kind, PreTrainedModel):
        return False
    first = [*signature(kind.forward).parameters][1:2]  # behind self
    return first in ([name] for name in SPEECH) or kind.__name__ in AS_STATES

"""Tiny speech LLMs and recognisers with random weights, saved whole as published ones are, or their encoder alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple


def each(value: Any, names: str) -> dict[str, Any]:
    """Each of the ``names`` with that value."""
    return dict.fromkeys(names.split(), value)


SIZES = each(32, "hidden_size hidden_dim decoder_hidden_size d_model output_dim out_hidden_size embed_dim")
SIZES |= each(32, "encoder_hidden_size output_proj_dims")
SIZES |= each(
    64, "intermediate_size encoder_ffn_dim decoder_ffn_dim ffn_dim speech_encoder_intermediate_size"
)
SIZES |= each(2, "num_hidden_layers encoder_layers speech_encoder_layers num_layers conf_num_hidden_layers")
SIZES |= each(1, "decoder_layers depth t2u_encoder_layers t2u_decoder_layers")
SIZES |= each(0, "num_kv_shared_layers")
SIZES |= each(
    2, "num_attention_heads num_key_value_heads num_heads encoder_attention_heads conf_num_attention_heads"
)
SIZES |= each(2, "decoder_attention_heads speech_encoder_attention_heads num_experts_per_tok")
SIZES |= each(
    60, "vocab_size vocab_size_per_layer_input speech_vocab_size t2u_vocab_size unit_hifi_gan_vocab_size"
)
SIZES |= each(4, "num_experts num_local_experts") | each(16, "head_dim moe_intermediate_size")
SIZES |= each(8, "downsample_hidden_size hidden_size_per_layer_input dec_channels")
SIZES |= {"conv_dim": [16] * 7, "upsample_initial_channel": 32}
"""What is made small wherever it stands in a configuration."""
DERIVED = (
    "layer_types per_layer_config id2label label2id rope_parameters activation_sparsity_pattern dtype".split()
)
"""What a configuration makes of its sizes; asked for again, it would contradict them."""


class Model(NamedTuple):
    """The class of a published model and of its extractor; the frames a second of its blocks, whether a norm."""

    kind: str
    extractor: str
    rate: float
    norm: bool
    sizes: Mapping[str, Any] = {}
    """Values beside `SIZES`; a name with dots says where it stands."""
    settings: Mapping[str, Any] = {}
    """Values of the feature extractor."""


MELS = {"feature_size": 128}
WHISPER, PARAKEET = "WhisperFeatureExtractor", "ParakeetFeatureExtractor"
GEMMA, STREAMING = "Gemma4AudioFeatureExtractor", "NemotronAsrStreamingFeatureExtractor"
GRANITE, SEAMLESS = "GraniteSpeechFeatureExtractor", "SeamlessM4TFeatureExtractor"
MUTE = {".enable_audio_output": False}
HEADS = {".num_key_value_heads": 2}
FEW = {"subsampling_conv_channels": 8}
ADAPTOR = {"num_timestamp_prediction_layers": 1, "adaptor_config.intermediate_size": 8}
HEARING = {"audio_config": {"model_type": "gemma4_audio"}, "subsampling_conv_channels": [128, 4]}
TOWERS = {
    "qwen3-asr": Model("Qwen3ASRForConditionalGeneration", "Qwen3ASRFeatureExtractor", 13, True),
    "qwen2.5-omni": Model("Qwen2_5OmniForConditionalGeneration", WHISPER, 50, False, MUTE, MELS),
    "qwen3-omni": Model("Qwen3OmniMoeForConditionalGeneration", WHISPER, 13, True, MUTE, MELS),
    "qwen2-audio": Model("Qwen2AudioForConditionalGeneration", WHISPER, 50, False, {}, MELS),
    "voxtral": Model("VoxtralForConditionalGeneration", WHISPER, 50, True, {}, MELS),
    "audio-flamingo-3": Model("AudioFlamingo3ForConditionalGeneration", WHISPER, 50, False, {}, MELS),
    "music-flamingo": Model("MusicFlamingoForConditionalGeneration", WHISPER, 50, False, {}, MELS),
    "glm-asr": Model("GlmAsrForConditionalGeneration", WHISPER, 50, True, {}, MELS),
    "fun-asr": Model(
        "FunAsrNanoForConditionalGeneration", "FunAsrNanoFeatureExtractor", 50 / 3, False, ADAPTOR
    ),
    "parakeet-ctc": Model("ParakeetForCTC", PARAKEET, 12.5, False, FEW),
    "parakeet-tdt": Model("ParakeetForTDT", PARAKEET, 12.5, False, FEW),
    "parakeet-rnnt": Model("ParakeetForRNNT", PARAKEET, 12.5, False, FEW),
    "canary": Model("CanaryForConditionalGeneration", PARAKEET, 12.5, False, FEW, MELS),
    "cohere": Model("CohereAsrForConditionalGeneration", "CohereAsrFeatureExtractor", 12.5, False, FEW),
    "medasr": Model("LasrForCTC", "LasrFeatureExtractor", 25, True),
    "granite-5": Model("GraniteSpeech5ForCTC", "GraniteSpeech5FeatureExtractor", 12.5, False),
    "granite": Model("GraniteSpeechForConditionalGeneration", GRANITE, 50, False),
    "granite-plus": Model("GraniteSpeechPlusForConditionalGeneration", GRANITE, 50, False),
    "seamless": Model("SeamlessM4TModel", SEAMLESS, 50, True),
    "seamless-v2": Model("SeamlessM4Tv2Model", SEAMLESS, 50, True),
    "gemma-4": Model("Gemma4ForConditionalGeneration", GEMMA, 25, False, HEARING),
    "embedding-gemma-2": Model("EmbeddingGemma2Model", GEMMA, 25, False, HEARING),
    "gemma-3n": Model("Gemma3nAudioEncoder", "Gemma3nAudioFeatureExtractor", 25, False),
    "omniasr": Model("OmniASRForConditionalGeneration", "OmniASRFeatureExtractor", 50, True),
    "omniasr-ctc": Model("OmniASRForCTC", "OmniASRFeatureExtractor", 50, True),
    "voxtral-realtime": Model(
        "VoxtralRealtimeForConditionalGeneration", "VoxtralRealtimeFeatureExtractor", 50, True
    ),
    "moss": Model(
        "MossTranscribeDiarizeForConditionalGeneration", "MossTranscribeDiarizeFeatureExtractor", 50, True
    ),
    "nemotron": Model("NemotronAsrStreamingForRNNT", STREAMING, 12.5, False, FEW),
    "nemotron-3.5": Model("Nemotron3_5AsrForRNNT", STREAMING, 12.5, False, FEW),
    "moonshine-streaming": Model(
        "MoonshineStreamingForConditionalGeneration", "Wav2Vec2FeatureExtractor", 50, True, HEADS
    ),
    "speecht5": Model("SpeechT5ForSpeechToText", "SpeechT5FeatureExtractor", 50, False),
}
"""Name -> a model with an encoder of two blocks."""


def build(name: str, whole: Path, alone: Path) -> Any:
    """The model of that name, saved in the folder ``whole``, its encoder in ``alone``, each with its extractor."""
    import transformers

    from fangyan.encoders import towers

    described = TOWERS[name]
    kind = getattr(transformers, described.kind)
    model = random_model(kind, shrunken(kind.config_class, described.sizes))
    model.save_pretrained(whole)
    model.get_submodule(towers.find(whole).path).save_pretrained(alone)
    for folder in (whole, alone):
        extractor(name).save_pretrained(folder)
    return model


def extractor(name: str) -> Any:
    """The feature extractor that the model of that name is published with."""
    import transformers

    return getattr(transformers, TOWERS[name].extractor)(**TOWERS[name].settings)


def shrunken(kind: type, sizes: Mapping[str, Any] = {}) -> Any:
    """The configuration of that class, with every size in it small."""
    plain = {key: value for key, value in sizes.items() if "." not in key}
    parts = {key: value for key, value in plain.items() if isinstance(value, dict)}
    values = dict(_shrink(kind(**parts).to_dict(), SIZES | plain))
    for path, value in sizes.items():
        *way, last = path.split(".")
        place = values
        for step in filter(None, way):
            place = place[step]
        if way:
            place[last] = value
    return kind(**values)


def _shrink(values: Mapping[Any, Any], sizes: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and key not in DERIVED:
            yield key, dict(_shrink(value, sizes))
        elif key in sizes and value is not None:
            yield key, sizes[key]
        elif f"{key}".endswith("token_id") and isinstance(value, int):
            yield key, min(value, 3)
        elif key not in DERIVED:
            yield key, value


def random_model(kind: type, config: Any) -> Any:
    """A model far from what transformers starts from: there, biases of 0 hide mistakes."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = kind(config).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(0.1 * torch.randn_like(weight))
            for norm in model.modules():
                if isinstance(norm, torch.nn.BatchNorm1d):
                    norm.running_mean.normal_()
    return model

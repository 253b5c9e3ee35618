"""Tiny models with random weights, saved as published ones are, and the Hub's cache without a Hub."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from tower_models import random_model

BLOCKS = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
CONVOLUTIONS = {"conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
BASE = BLOCKS | CONVOLUTIONS | {"vocab_size": 20}
STABLE = BASE | {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
SEW = BASE | {"conv_dim": (16,) * 13}
DATA2VEC = BASE | {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 5}
BERT = BLOCKS | {"feature_projection_input_dim": 160, "vocab_size": 20}
ADAPTED = BERT | {
    "add_adapter": True,
    "use_intermediate_ffn_before_adapter": True,
    "position_embeddings_type": "relative",
}
BOTH = {"encoder_layers": 2, "decoder_layers": 1, "d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
BOTH |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 50}
BOTH |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
MELS = ("SeamlessM4TFeatureExtractor", {"padding_value": 1})
WAVE = ("Wav2Vec2FeatureExtractor", {})

TINY = {
    "wav2vec2": ("Wav2Vec2ForCTC", "Wav2Vec2Config", BASE, WAVE),
    "wav2vec2-stable": ("Wav2Vec2ForCTC", "Wav2Vec2Config", STABLE, WAVE),
    "wav2vec2-adapter": ("Wav2Vec2Model", "Wav2Vec2Config", STABLE | {"add_adapter": True}, WAVE),
    "mms": ("Wav2Vec2ForCTC", "Wav2Vec2Config", STABLE | {"adapter_attn_dim": 8}, WAVE),
    "hubert": ("HubertModel", "HubertConfig", BASE, WAVE),
    "hubert-stable": ("HubertModel", "HubertConfig", STABLE, WAVE),
    "hubert-batch-norm": ("HubertModel", "HubertConfig", BASE | {"conv_pos_batch_norm": True}, WAVE),
    "wavlm": ("WavLMModel", "WavLMConfig", BASE, WAVE),
    "wavlm-stable": ("WavLMModel", "WavLMConfig", STABLE, WAVE),
    "unispeech": ("UniSpeechModel", "UniSpeechConfig", BASE, WAVE),
    "unispeech-sat": ("UniSpeechSatModel", "UniSpeechSatConfig", STABLE, WAVE),
    "w2v-bert": ("Wav2Vec2BertModel", "Wav2Vec2BertConfig", BERT, MELS),
    "w2v-bert-adapter": ("Wav2Vec2BertForCTC", "Wav2Vec2BertConfig", ADAPTED, MELS),
    "conformer": ("Wav2Vec2ConformerModel", "Wav2Vec2ConformerConfig", BASE, WAVE),
    "data2vec": ("Data2VecAudioModel", "Data2VecAudioConfig", DATA2VEC, WAVE),
    "sew": ("SEWModel", "SEWConfig", SEW, WAVE),
    "sew-d": ("SEWDModel", "SEWDConfig", SEW, WAVE),
    "speech2text": (
        "Speech2TextForConditionalGeneration",
        "Speech2TextConfig",
        BOTH | {"conv_channels": 32},
        ("Speech2TextFeatureExtractor", {}),
    ),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", BOTH, ("WhisperFeatureExtractor", {})),
    "text": ("BertModel", "BertConfig", BLOCKS | {"vocab_size": 20}, WAVE),
}
"""Name -> class of the model, class and values of its configuration, class and values of its feature extractor."""


def build(name: str, folder: Path) -> Path:
    """A model of that name in ``folder``."""
    import transformers

    model, config, values, (extractor, settings) = TINY[name]
    save_random(getattr(transformers, model), getattr(transformers, config)(**values), folder)
    getattr(transformers, extractor)(**settings).save_pretrained(folder)
    return folder


def save_random(model: type, config, folder: Path) -> None:
    """Writes a model with random weights."""
    random_model(model, config).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A function: name in `TINY` -> the folder of its model, built once; not to be changed."""
    home = tmp_path_factory.mktemp("tiny")
    return lambda name: home / name if (home / name).exists() else build(name, home / name)


@pytest.fixture(scope="session")
def all_tiny() -> tuple[str, ...]:
    """The names in `TINY`."""
    return tuple(TINY)


@pytest.fixture
def copy(tiny, tmp_path):
    """A function: name in `TINY` -> a copy of the folder of its model that may be changed."""
    return lambda name: Path(shutil.copytree(tiny(name), tmp_path / name))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test here reaches a network: the Hub is asked for nothing, and nothing else connects."""
    import socket

    def refuse(*args):
        raise OSError("a test wants a network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A function that puts the files of a folder into a cache of the Hub, as downloads lie there; gives the blobs."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))

    def put(repository: str, folder: Path) -> Path:
        home = cache / f"models--{repository.replace('/', '--')}"
        (home / "blobs").mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "refs" / "main").write_text("c" * 40)
        for file in (path for path in folder.rglob("*") if path.is_file()):
            blob = home / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
            shutil.copy(file, blob)
            link = home / "snapshots" / ("c" * 40) / file.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blob)
        return home / "blobs"

    return put


@pytest.fixture(scope="session")
def noise():
    """A function: numbers of samples -> waveforms of noise of these lengths, always the same."""
    return lambda *sizes: [
        np.random.default_rng(size).normal(0, 0.1, size).astype(np.float32) for size in sizes
    ]

import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model, WhisperConfig, WhisperModel

from fangyan.errors import DataError, UserError
from fangyan.files import ROOT
from fangyan.training.initialise import INIT_WEIGHTS, write_weights

SIZES = {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 8, "encoder_ffn_dim": 64}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "micro.yaml"
    path.write_text(
        f"include: {ROOT}/conf/train/whisper.yaml\n"
        "encoder_conf: {num_blocks: 2, output_size: 32, attention_heads: 2, linear_units: 64}\n"
        "decoder_conf: {attention_heads: 2}\n"
    )
    return path


def published(folder, **sizes):
    shape = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2} | SIZES | sizes
    WhisperModel(WhisperConfig(**shape)).save_pretrained(folder)
    return str(folder)


def test_every_weight_of_the_encoder_goes_to_its_place(config, tmp_path):
    source = published(tmp_path / "hub")
    write_weights(source, config, tmp_path)
    found = torch.load(tmp_path / INIT_WEIGHTS, weights_only=True)
    reference = WhisperModel.from_pretrained(source).encoder.state_dict()
    assert len(found) == len(reference)
    assert torch.equal(found["encoder.embed.positions.weight"], reference["embed_positions.weight"])
    assert torch.equal(found["encoder.encoders.1.fc2.bias"], reference["layers.1.fc2.bias"])
    assert torch.equal(found["encoder.after_norm.weight"], reference["layer_norm.weight"])


def test_another_size_is_refused_with_the_list_of_keys(config, tmp_path):
    source = published(tmp_path / "hub", encoder_layers=3, num_mel_bins=128)
    with pytest.raises(DataError) as error:
        write_weights(source, config, tmp_path)
    lines = str(error.value).splitlines()
    assert f"16 weights do not fit the encoder of {config}; --train_config is to name one" in lines[0]
    assert "  embed.conv1.weight: [32, 128, 3] instead of [32, 80, 3]" in lines
    assert "  encoders.2.fc1.weight: [64, 32] instead of nothing" in lines
    assert len(lines) == 17
    assert not (tmp_path / INIT_WEIGHTS).exists()


def test_what_is_no_whisper_is_refused(config, tmp_path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    Wav2Vec2Model(Wav2Vec2Config(**sizes, num_conv_pos_embedding_groups=2)).save_pretrained(
        tmp_path / "other"
    )
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "other")
    with pytest.raises(UserError, match="a Whisper model is needed, got wav2vec2"):
        write_weights(str(tmp_path / "other"), config, tmp_path)
    with pytest.raises(UserError, match="known are a Hugging Face id, a folder, espnet:"):
        write_weights("hf:openai/whisper-tiny", config, tmp_path)

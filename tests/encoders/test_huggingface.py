import numpy as np
import pytest
import torch

from fangyan.encoders import huggingface, load_encoder
from fangyan.errors import DataError, UserError


def test_a_tenth_of_a_second_is_the_shortest_and_whispers_longest_is_30_s(tiny, noise):
    for name in ("wav2vec2", "whisper", "sew"):
        encoder = load_encoder(f"hf:{tiny(name)}", "cpu")
        assert all(len(features) for features in encoder(noise(1_600)[0]).values())
        with pytest.raises(DataError, match=r"hears 1600 samples \(0\.1 s\) .*at once, got 1599 "):
            encoder.encode(noise(16_000, 1_599))
    whisper = load_encoder(f"hf:{tiny('whisper')}", "cpu")
    assert len(whisper(noise(480_000)[0])["norm"]) == 1500
    with pytest.raises(DataError, match=r"to 480159 samples \(30\.01 s\) at once, got 480320"):
        whisper.encode(noise(16_000, 480_320))


def test_whisper_hears_30_s_as_transformers_does(tiny, noise):
    from transformers import WhisperFeatureExtractor, WhisperModel

    (wave,) = noise(480_000)
    mels = WhisperFeatureExtractor.from_pretrained(tiny("whisper"))(
        wave, sampling_rate=16_000, return_tensors="pt"
    )
    with torch.inference_mode():
        whole = WhisperModel.from_pretrained(tiny("whisper")).eval().encoder
        expected = whole(mels["input_features"], output_hidden_states=True)
    found = load_encoder(f"hf:{tiny('whisper')}", "cpu")(wave)
    for layer, wanted in zip(("layer00", "layer01", "norm"), expected.hidden_states, strict=True):
        assert np.allclose(found[layer], wanted[0].numpy(), rtol=1e-4, atol=1e-4)


def test_whisper_computes_what_was_said_and_no_30_s(tiny, noise):
    encoder = load_encoder(f"hf:{tiny('whisper')}", "cpu")
    seen = []
    encoder.model.encoders[0].register_forward_pre_hook(lambda block, args: seen.append(args[0].shape[1]))
    encoder.encode(noise(16_000, 48_000))
    assert seen == [150]


def test_only_what_masks_padding_encodes_unequal_lengths_together(tiny, noise):
    sizes = {}
    for name in ("hubert", "hubert-batch-norm", "data2vec"):
        encoder = load_encoder(f"hf:{tiny(name)}", "cpu")
        seen = sizes[name] = []
        encoder.blocks[0].register_forward_pre_hook(lambda block, args, seen=seen: seen.append(len(args[0])))
        encoder.encode(noise(16_000, 9_001, 16_000))
    assert sizes == {"hubert": [3], "hubert-batch-norm": [1, 2], "data2vec": [1, 2]}


@pytest.mark.parametrize("name", ["hubert-batch-norm", "data2vec", "conformer", "sew"])
def test_without_that_distinction_padding_would_leak(name, tiny, noise):
    encoder = load_encoder(f"hf:{tiny(name)}", "cpu")
    waves = noise(16_000, 9_001)
    alone = encoder(waves[1])[encoder.layers[-1]]
    encoder.masked = True
    together = encoder.encode(waves)[-1][1][: len(alone)]
    assert np.abs(alone - together).max() > 1e-2


def test_group_norm_over_a_padded_batch_would_leak(tiny, noise):
    encoder = load_encoder(f"hf:{tiny('wav2vec2')}", "cpu")
    waves = noise(16_000, 9_001)
    alone = encoder(waves[1])["layer02"]
    assert np.allclose(encoder.encode(waves)[-1][1], alone, atol=1e-4)
    encoder.model.feature_extractor = encoder.model.feature_extractor.front
    assert np.abs(encoder.encode(waves)[-1][1] - alone).max() > 1e-2


def test_half_precision_weights_are_computed_in_single(copy, noise):
    from transformers import AutoModel

    folder = copy("hubert")
    AutoModel.from_pretrained(folder, dtype=torch.float16).save_pretrained(folder)
    encoder = load_encoder(f"hf:{folder}", "cpu")
    assert {weight.dtype for weight in encoder.model.parameters()} == {torch.float32}
    assert encoder(noise(16_000)[0])["layer02"].dtype == np.float32


def test_loudness_matters_where_the_settings_of_the_model_do_not_normalise_it(copy, noise):
    folder, (wave,) = copy("wav2vec2-stable"), noise(16_000)
    settings = folder / "preprocessor_config.json"

    def difference() -> float:
        encoder = load_encoder(f"hf:{folder}", "cpu")
        return np.abs(encoder(wave)["layer00"] - encoder(3 * wave)["layer00"]).max()

    assert difference() < 1e-3
    settings.write_text(settings.read_text().replace('"do_normalize": true', '"do_normalize": false'))
    assert difference() > 1e-1


def test_a_model_without_blocks_is_refused():
    with pytest.raises(UserError, match="Linear is no stack of blocks"):
        huggingface._stack(torch.nn.Linear(1, 1))

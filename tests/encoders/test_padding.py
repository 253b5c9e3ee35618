"""Padding never leaks: every encoder class of ESPnet, with every option by which frames meet."""

import espnet_models
import numpy as np
import pytest
from espnet_models import FOREIGN, REFUSED, TINY, configurations, random_model, settings

from fangyan.encoders import load_encoder
from fangyan.encoders.espnet import ESPnetEncoder, frame_count
from fangyan.errors import DataError, UserError


def leak(encoder, items) -> float:
    """The largest difference between features alone and in a batch, relative to the largest feature."""
    together, found = encoder.encode(items), 0.0
    for n, item in enumerate(items):
        for layer, (alone,) in enumerate(encoder.encode([item])):
            assert together[layer][n].shape == alone.shape
            assert np.isfinite(alone).all()
            found = max(found, np.abs(together[layer][n] - alone).max() / np.abs(alone).max())
    return found


def shortest(model) -> int:
    """The least number of samples that an encoder hears."""
    return next(n for n in range(8_000) if frame_count(model, n) >= 1)


@pytest.mark.parametrize("name", TINY)
def test_padding_never_leaks_and_the_shortest_utterance_is_heard(name, noise):
    tried = []
    for values in configurations(name):
        try:
            model = random_model(settings(name, values))
        except DataError as refused:  # positions and attention that ESPnet does not combine
            assert "AssertionError: assert" in str(refused) or "unknown encoder_attn_layer" in str(refused)
            continue
        encoder, least = ESPnetEncoder(model, "cpu"), shortest(model)
        assert leak(encoder, noise(16_000, 9_001, least, 20_479, 16_000)) < 1e-5, values
        assert {len(x) for (x,) in encoder.encode(noise(least))} == {frame_count(model, least)}, values
        with pytest.raises(DataError, match=f"hears {least} samples .* at once, got {least - 1} "):
            encoder.encode(noise(16_000, least - 1))
        tried.append(values)
    assert len(tried) >= 8


def test_a_text_among_longer_ones_has_the_features_that_it_has_alone(tiny_sentence):
    encoder = load_encoder(f"text:{tiny_sentence}", "cpu", "text")
    assert leak(encoder, ["我", "你看书你看书你看书", "我吃饭", "你"]) < 1e-6


@pytest.mark.parametrize("name", ["conformer", "e_branchformer", "branchformer", "multiconv_conformer"])
def test_legacy_positions_would_leak_and_others_are_encoded_together(name, noise):
    waves = noise(16_000, 9_001)
    for positions, masked in (("legacy", False), ("latest", True)):
        values = TINY[name][0] | {"rel_pos_type": positions}
        encoder = ESPnetEncoder(random_model(settings(name, values)), "cpu")
        assert encoder.masked == masked
        encoder.masked = True
        assert (leak(encoder, waves) < 1e-5) == masked


def test_an_utterance_longer_than_the_table_of_positions_changes_no_later_one(noise):
    values = TINY["conformer"][0] | {"max_pos_emb_len": 40}
    encoder = ESPnetEncoder(random_model(settings("conformer", values)), "cpu")
    first, long, again = (
        encoder.encode(waves)[-1][0] for waves in (noise(16_000), noise(48_000), noise(16_000))
    )
    assert len(long) > 40 > len(first)
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    "others",
    [
        {"normalize": None, "normalize_conf": {}},
        {"normalize_conf": {"norm_means": False}},
        {"preencoder": "linear", "preencoder_conf": {"input_size": 80, "output_size": 12}},
        {"frontend": "whisper_logmel", "frontend_conf": {"n_mels": 40}},
        {"frontend_conf": espnet_models.FRONT_END | {"win_length": None, "hop_length": 128}},
        {"frontend_conf": espnet_models.FRONT_END | {"apply_stft": True, "htk": True}},
        {
            "frontend": "sliding_window",
            "frontend_conf": {"hop_length": 200, "win_length": 400},
            "preencoder": "sinc",
            "preencoder_conf": {},
            "normalize": None,
            "normalize_conf": {},
        },
    ],
)
def test_what_stands_before_the_encoder_hears_each_utterance_alone(others, noise):
    model = random_model(settings("e_branchformer", TINY["e_branchformer"][0], **others))
    assert leak(ESPnetEncoder(model, "cpu"), noise(16_000, 9_001, 20_479)) < 1e-5


@pytest.mark.parametrize("name", REFUSED)
def test_an_encoder_without_layers_is_refused_in_a_sentence(name, tmp_path):
    values, message = REFUSED[name]
    folder = espnet_models.experiment(settings(name, values), tmp_path / "exp")
    with pytest.raises(UserError, match=message) as refused:
        load_encoder(f"espnet:{folder}", "cpu")
    assert str(folder) in str(refused.value)


def test_no_front_end_is_refused_in_a_sentence(tmp_path):
    front = {"frontend": None, "frontend_conf": {}, "input_size": 80}
    described = settings("e_branchformer", TINY["e_branchformer"][0], **front)
    folder = espnet_models.experiment(described, tmp_path / "exp")
    with pytest.raises(UserError, match="must say its hop_length"):
        load_encoder(f"espnet:{folder}", "cpu")


@pytest.mark.parametrize("mode", ["standard", "depth_only"])
@pytest.mark.parametrize("norm", ["group_norm", "layer_norm"])
def test_convolutions_on_the_waveform_hear_each_utterance_alone(mode, norm, noise):
    shapes = [[16, 10, 5], [16, 8, 8], [16, 4, 4]]
    front = {"frontend": "wav2vec_cnn", "normalize": None, "normalize_conf": {}}
    front["frontend_conf"] = {"norm_mode": norm, "conv_mode": mode, "bias": True, "shapes": shapes}
    values = TINY["e_branchformer"][0] | {"input_layer": "linear"}
    model = random_model(settings("e_branchformer", values, **front))
    encoder, least = ESPnetEncoder(model, "cpu"), shortest(model)
    assert encoder.frame_rate == 16_000 / (5 * 8 * 4)
    assert leak(encoder, noise(16_000, 9_001, least, 20_479)) < 1e-5
    assert {len(x) for (x,) in encoder.encode(noise(least))} == {1}


def test_every_encoder_that_espnet_knows_is_here():
    from fangyan.encoders.espnet_build import task_class

    assert {*TINY, *REFUSED, *FOREIGN, "hf_whisper"} == set(task_class().known_classes()["encoder"])

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from fangyan.encoders.whisper import LogMel, PaddingFree
from fangyan.errors import DataError

SIZES = {"encoder_layers": 2, "d_model": 32, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}


def whole(positions=1500):
    """A transformers encoder with random weights, the same for any number of positions."""
    torch.manual_seed(1)
    encoder = WhisperEncoder(WhisperConfig(**SIZES)).eval()
    for name, weight in encoder.named_parameters():
        if name.endswith("bias"):  # transformers makes them 0, which would hide mistakes in padding
            torch.nn.init.normal_(weight, std=0.5)
    cut = WhisperEncoder(WhisperConfig(**SIZES, max_source_positions=positions)).eval()
    state = encoder.state_dict()
    cut.load_state_dict(state | {"embed_positions.weight": state["embed_positions.weight"][:positions]})
    return cut


def noise(*sizes):
    generator = np.random.default_rng(1)
    return [generator.normal(0, 0.1, size).astype(np.float32) for size in sizes]


def padded(waves):
    tensors = [torch.from_numpy(wave) for wave in waves]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True), torch.tensor([len(w) for w in waves])


@pytest.mark.parametrize("bands", [80, 128])
def test_log_mels_are_those_of_the_reference_feature_extractor(bands):
    reference, ours = WhisperFeatureExtractor(feature_size=bands), LogMel(bands)
    waves = [*noise(16_000, 16_001, 4_321, 480, 16_159), np.zeros(3_200, np.float32)]
    batch, frames = ours(*padded(waves))
    for wave, mels, count in zip(waves, batch, frames, strict=True):
        expected = reference(wave, sampling_rate=16_000, padding="do_not_pad")["input_features"][0].T
        alone, _ = ours(*padded([wave]))
        assert expected.shape == (count, bands)
        assert np.allclose(mels[:count], expected, atol=1e-4)
        assert np.allclose(alone[0], expected, atol=1e-4)
        assert not mels[count:].any()


def test_30_s_of_padding_give_what_transformers_computes():
    encoder, wave = whole(), np.pad(noise(32_000)[0], (0, 448_000))
    mels, frames = LogMel(80)(*padded([wave]))
    reference = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        expected = encoder(reference, output_hidden_states=True)
        layers, counts = PaddingFree(encoder).eval()(mels, frames)
    assert counts.tolist() == [1500]
    for found, wanted in zip(layers[:2], expected.hidden_states[:2], strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)
    assert torch.allclose(layers[-1], expected.last_hidden_state, atol=1e-4)


@pytest.mark.parametrize("positions", [1, 7, 40])
def test_a_short_input_is_computed_as_by_a_whisper_that_is_made_for_its_length(positions):
    encoder, mels = whole(positions), torch.randn(1, 2 * positions, 80)
    with torch.inference_mode():
        layers, _ = PaddingFree(whole()).eval()(mels, torch.tensor([2 * positions]))
        expected = encoder(mels.transpose(1, 2)).last_hidden_state
    assert torch.allclose(layers[-1], expected, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_what_stands_in_the_padding_does_not_matter(lengths):
    encoder = PaddingFree(whole()).eval()  # which seeds torch
    mels = torch.randn(len(lengths), max(lengths) + 3, 80)
    for row, length in zip(mels, lengths, strict=True):
        row[length:] = torch.nan
    with torch.inference_mode():
        layers, counts = encoder(mels, torch.tensor(lengths))
        assert counts.tolist() == [(length + 1) // 2 for length in lengths]
        for n, length in enumerate(lengths):
            alone, _ = encoder(mels[n : n + 1, :length], torch.tensor([length]))
            for one, many in zip(alone, layers, strict=True):
                assert torch.allclose(one[0], many[n, : counts[n]], atol=1e-5)


def test_checkpointing_changes_no_gradient():
    gradients = []
    for checkpointing in (False, True):
        encoder = PaddingFree(whole(), checkpointing).train()
        layers, _ = encoder(torch.ones(2, 20, 80), torch.tensor([20, 11]))
        layers[-1].sum().backward()
        gradients.append(encoder.embed.conv1.weight.grad)
    assert gradients[0].abs().max() > 0
    assert torch.allclose(*gradients, atol=1e-6)


def test_more_than_whisper_can_hear_at_once_is_refused():
    encoder = PaddingFree(whole(100))
    with pytest.raises(DataError, match=r"hears at most 2 s at once, got 2.02 s: cut the utterance"):
        encoder(torch.zeros(1, 202, 80), torch.tensor([202]))

import numpy as np
import pytest

from fangyan.encoders import load_encoder
from fangyan.errors import DataError, UserError

WAVES = [
    np.random.default_rng(n).normal(0, 0.1, size).astype(np.float32) for n, size in enumerate((16_000, 4_000))
]


@pytest.mark.parametrize(("kind", "width"), [("fbank", 80), ("mfcc", 39)])
def test_a_hundred_normalised_frames_a_second(kind, width):
    encoder = load_encoder(kind)
    assert (encoder.layers, encoder.frame_rate) == ((kind,), 100.0)
    long, short = encoder.encode(WAVES)[0]
    assert (long.shape, short.shape) == ((101, width), (26, width))
    assert long.dtype == np.float32
    assert np.abs(long.mean(0)).max() < 1e-4
    assert np.allclose(long.std(0), 1, atol=1e-3)
    assert np.array_equal(encoder(WAVES[1])[kind], short)


def test_a_louder_recording_has_the_same_filter_bank_features():
    encoder = load_encoder("fbank")
    assert np.allclose(encoder(WAVES[0])["fbank"], encoder(3 * WAVES[0])["fbank"], atol=1e-3)


def test_a_low_and_a_high_tone_differ_where_they_should():
    time = np.arange(16_000) / 16_000
    both = np.concatenate([np.sin(2 * np.pi * f * time).astype(np.float32) for f in (200, 4000)])
    features = load_encoder("fbank")(both)["fbank"]
    assert features[10:90, :10].mean() > 0.5 > -0.5 > features[110:190, :10].mean()


def test_digital_silence_gives_finite_features():
    assert np.isfinite(load_encoder("mfcc")(np.zeros(16_000, np.float32))["mfcc"]).all()


def test_too_short_and_superfluous_arguments_are_refused():
    with pytest.raises(DataError, match="hears 400 samples"):
        load_encoder("fbank")(np.zeros(399, np.float32))
    with pytest.raises(UserError, match="takes no argument"):
        load_encoder("fbank:80")

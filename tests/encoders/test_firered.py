import shutil
from argparse import Namespace

import firered_models
import numpy as np
import pytest
import torch
from torchaudio.compliance.kaldi import fbank

from fangyan.encoders import identity, load_encoder
from fangyan.encoders.firered import read_cmvn
from fangyan.errors import DataError, UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return firered_models.build(tmp_path_factory.mktemp("firered"))


@pytest.fixture(scope="module")
def weights(folder):
    with torch.serialization.safe_globals([Namespace]):
        found = torch.load(folder / "model.pth.tar", weights_only=True)["model_state_dict"]
    return {key.removeprefix("encoder."): value.double().numpy() for key, value in found.items()}


def test_layers_are_the_blocks_at_25_frames_a_second(folder, noise):
    encoder = load_encoder(f"firered:{folder}", "cpu")
    assert (encoder.layers, encoder.frame_rate) == (("layer00", "layer01", "layer02"), 25)
    for samples, frames in ((400, 1), (400 + 3 * 160, 1), (400 + 4 * 160, 2), (16_000, 25)):
        assert {len(x) for (x,) in encoder.encode(noise(samples))} == {frames}


def test_features_do_not_depend_on_the_batch(folder, noise):
    encoder, waves = load_encoder(f"firered:{folder}", "cpu"), noise(16_000, 9_001, 400, 20_479, 12_345)
    together = encoder.encode(waves)
    for n, wave in enumerate(waves):
        for layer, (alone,) in enumerate(encoder.encode([wave])):
            assert together[layer][n].shape == alone.shape
            assert np.abs(together[layer][n] - alone).max() < 1e-5 * max(1, np.abs(alone).max())


def test_every_layer_is_that_of_a_literal_reference(folder, weights, noise):
    (wave,) = noise(7_000)
    found = load_encoder(f"firered:{folder}", "cpu")(wave)
    energies = fbank(torch.from_numpy(wave)[None] * 32_768, num_mel_bins=80).double().numpy()
    mean = np.random.default_rng(0).uniform(5, 15, 80)
    x = subsample((energies - mean) / 3, weights)
    for n, name in enumerate(("layer00", "layer01", "layer02")):
        x = block(x, weights, f"layer_stack.{n - 1}") if n else x
        assert found[name].shape == x.shape
        assert np.abs(found[name] - x).max() < 1e-4


def subsample(frames, weights):
    """(t, 80) -> (t / 4, d): six frames of zeros behind, then two convolutions of stride 2, one number at a time."""
    planes = np.concatenate([frames, np.zeros((6, 80))])[None]
    for n in (0, 2):
        kernel, bias = (weights[f"input_preprocessor.conv.{n}.{name}"] for name in ("weight", "bias"))
        size = [(length - 3) // 2 + 1 for length in planes.shape[1:]]
        made = np.zeros((len(bias), *size))
        for channel, row, column in np.ndindex(*made.shape):
            window = planes[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            made[channel, row, column] = max(0, (window * kernel[channel]).sum() + bias[channel])
        planes = made
    flat = planes.transpose(1, 0, 2).reshape(planes.shape[1], -1)  # channels outside, bands inside
    return flat @ weights["input_preprocessor.out.weight"].T + weights["input_preprocessor.out.bias"]


def norm(x, weights, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def swish(x):
    return x / (1 + np.exp(-x))


def half(x, weights, home):
    inside = norm(x, weights, f"{home}.net.0")
    inside = swish(inside @ weights[f"{home}.net.1.weight"].T + weights[f"{home}.net.1.bias"])
    inside = inside @ weights[f"{home}.net.4.weight"].T + weights[f"{home}.net.4.bias"]
    return 0.5 * x + 0.5 * (x + inside)


def attend(x, weights, home):
    """Of query i and key j: (q_i + u) k_j + (q_i + v) p_(i - j), over the root of the width of a head."""
    q, k, v = (norm(x, weights, f"{home}.layer_norm_{n}") @ weights[f"{home}.w_{n}s.weight"].T for n in "qkv")
    size, width = len(x), x.shape[1] // firered_models.HEADS
    found = np.zeros_like(x)
    for head in range(firered_models.HEADS):
        part = slice(head * width, (head + 1) * width)
        u, w = weights[f"{home}.pos_bias_u"][head], weights[f"{home}.pos_bias_v"][head]
        scores = np.zeros((size, size))
        for i, j in np.ndindex(size, size):
            position = sinusoid(i - j, x.shape[1]) @ weights[f"{home}.linear_pos.weight"].T
            scores[i, j] = (q[i, part] + u) @ k[j, part] + (q[i, part] + w) @ position[part]
        likely = np.exp(scores / np.sqrt(width))
        found[:, part] = likely / likely.sum(1, keepdims=True) @ v[:, part]
    return x + found @ weights[f"{home}.fc.weight"].T


def sinusoid(distance, d):
    angles = distance / 10_000 ** (np.arange(0, d, 2) / d)
    return np.stack([np.sin(angles), np.cos(angles)], 1).ravel()


def convolve(x, weights, home):
    wide = norm(x, weights, f"{home}.pre_layer_norm") @ weights[f"{home}.pointwise_conv1.weight"][:, :, 0].T
    inside, gate = np.split(wide, 2, 1)
    inside = inside / (1 + np.exp(-gate))
    kernel = weights[f"{home}.depthwise_conv.weight"][:, 0]
    around = kernel.shape[1] // 2
    padded = np.pad(inside, ((around, around), (0, 0)))
    made = np.stack([(padded[t : t + kernel.shape[1]] * kernel.T).sum(0) for t in range(len(x))])
    made = swish(norm(made, weights, f"{home}.batch_norm"))
    return x + made @ weights[f"{home}.pointwise_conv2.weight"][:, :, 0].T


def block(x, weights, home):
    x = half(x, weights, f"{home}.ffn1")
    x = convolve(attend(x, weights, f"{home}.mhsa"), weights, f"{home}.conv")
    return norm(half(x, weights, f"{home}.ffn2"), weights, f"{home}.layer_norm")


def test_an_utterance_is_no_longer_than_there_are_positions_for(folder):
    encoder = load_encoder(f"firered:{folder}", "cpu")
    longest = encoder.heard.stop - 1
    assert len(encoder.encode([np.ones(longest, np.float32)])[0][0]) == firered_models.POSITIONS
    with pytest.raises(DataError, match=f"hears 400 samples .* to {longest} samples .*, got {longest + 1} "):
        encoder.encode([np.ones(longest + 1, np.float32)])


def test_the_encoder_of_the_llm_lies_beside_its_adapter(folder, noise, tmp_path):
    shutil.copytree(folder, tmp_path / "llm")
    (tmp_path / "llm/model.pth.tar").rename(tmp_path / "llm/asr_encoder.pth.tar")
    (tmp_path / "llm/model.pth.tar").write_bytes(b"an adapter")
    (wave,) = noise(16_000)
    found, expected = (load_encoder(f"firered:{home}", "cpu")(wave) for home in (tmp_path / "llm", folder))
    assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)


def test_a_model_of_the_hub_is_that_of_its_folder(folder, cached):
    cached("user/firered", folder)
    assert load_encoder("firered:user/firered", "cpu").layers == ("layer00", "layer01", "layer02")
    assert identity("firered:user/firered") == identity("firered:user/firered")


class Malice:
    def __reduce__(self):
        return exec, ("open('pwned', 'w')",)


def saved(folder, thing):
    torch.save(thing, folder / "model.pth.tar")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: saved(f, {"args": Malice(), "model_state_dict": {}}),
            "not a whole checkpoint of plain tensors",
        ),
        (
            lambda f: saved(f, {"args": Namespace(x=Malice()), "model_state_dict": {}}),
            "not a whole checkpoint",
        ),
        (
            lambda f: saved(f, {"args": Namespace()}),
            r"not a whole checkpoint of plain tensors \('model_state_dict'\)",
        ),
        (lambda f: saved(f, {"model_state_dict": {"encoder.a": 1}}), "it holds more than tensors by name"),
        (lambda f: saved(f, {"model_state_dict": {}}), "encoder: no encoder.input_preprocessor.conv.0.bias"),
        (lambda f: (f / "model.pth.tar").write_bytes(b"\x80\x02}q\x00."), "not a whole checkpoint"),
        (lambda f: (f / "model.pth.tar").unlink(), r"or model\.pth\.tar, and cmvn\.ark, are needed there"),
        (lambda f: (f / "cmvn.ark").unlink(), r"and cmvn\.ark, are needed there"),
        (
            lambda f: (f / "cmvn.ark").write_bytes(b""),
            r"cmvn\.ark: the sums of 80 bands are a matrix \(2, 81\), got",
        ),
        (lambda f: (f / "cmvn.ark").write_bytes(b"PKL\x04\x00\x00\x00\x00"), "got no matrix of Kaldi"),
        (lambda f: (f / "cmvn.ark").write_text(" [\n 1 2\n 3 4 ]\n"), r"got a matrix of shape \(2, 2\)"),
    ],
)
def test_what_is_no_fireredasr_is_refused_and_does_not_run(folder, tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    change(shutil.copytree(folder, tmp_path / "copy"))
    with pytest.raises(UserError, match=message) as refused:
        load_encoder(f"firered:{tmp_path / 'copy'}", "cpu")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "pwned").exists()


def test_one_tensor_less_or_of_another_shape_is_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    with torch.serialization.safe_globals([Namespace]):
        whole = torch.load(copy / "model.pth.tar", weights_only=True)
    whole["model_state_dict"]["encoder.layer_stack.1.layer_norm.bias"] = torch.ones(3)
    saved(copy, whole)
    with pytest.raises(
        DataError, match=r"not the tensors of FireRedASR's encoder: .*layer_stack\.1\.layer_norm\.bias"
    ):
        load_encoder(f"firered:{copy}", "cpu")


def test_the_sums_of_kaldi_may_be_text(tmp_path):
    rows = [[2.0] * 80 + [2], [10.0] * 80 + [0]]  # two frames: mean 1, mean square 5
    (tmp_path / "cmvn.ark").write_text(" [\n" + "\n".join(" ".join(map(str, row)) for row in rows) + " ]\n")
    mean, scale = read_cmvn(tmp_path / "cmvn.ark")
    assert np.array_equal(mean, np.ones(80)) and np.array_equal(scale, np.full(80, 0.5))

"""Whisper in ESPnet: from published weights through training, decoding and packing to features."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperModel

from fangyan import publish
from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.encoders.whisper import LogMel, PaddingFree
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT, read_table
from fangyan.recognition.decoding import decode
from fangyan.training import collect_stats, train

CHECKPOINT = "valid.acc.ave.pth"
SIZES = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
MICRO = """\
include: {base}
max_epoch: 1
batch_bins: 60000
num_workers: 1
encoder_conf: {{num_blocks: 2, output_size: 32, attention_heads: 2, linear_units: 64{more}}}
decoder_conf: {{num_blocks: 1, attention_heads: 2, linear_units: 64}}
optim_conf: {{lr: 0.005}}
scheduler_conf: {{warmup_steps: 4}}
layer_decay: 0.5
freeze_layers: {frozen}
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder as `hf download` makes it, of a Whisper with random weights."""
    folder = tmp_path_factory.mktemp("hub") / "whisper-micro"
    config = WhisperConfig(
        **SIZES, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=64, vocab_size=60_000
    )
    WhisperModel(config).save_pretrained(folder)
    return folder


def trained(job, sung, folder, published, frozen, more):
    """A micro experiment, its paths relative to the recipe folder ``folder``, started from a copy of ``published``."""
    (folder / "whisper_micro.yaml").write_text(
        MICRO.format(base=ROOT / "conf/train/whisper.yaml", frozen=frozen, more=more)
    )
    init = shutil.copytree(published, folder / "weights")
    micro = replace(job, config=folder / "whisper_micro.yaml", exp=folder / "exp" / "micro", init=str(init))
    collect_stats(micro)
    train(micro)
    return micro


@pytest.fixture(scope="module")
def whisper(job, sung, tmp_path_factory, published):
    return trained(job, sung, tmp_path_factory.mktemp("whisper"), published, 1, "")


@pytest.fixture(scope="module")
def waves(sung):
    generator = np.random.default_rng(1)
    loud = [generator.normal(0, 0.3, size).astype(np.float32) for size in (48_000, 16_001, 4_321)]
    return [audio.read(u.wav) for u in datadir.read(sung["test"])[:3]] + loud


def state(exp):
    return torch.load(exp / CHECKPOINT, weights_only=True)


def test_training_starts_from_the_published_weights_and_keeps_the_frozen_ones(whisper, published):
    reference = WhisperModel.from_pretrained(published).encoder.state_dict()
    found = state(whisper.exp)
    assert torch.equal(found["encoder.embed.conv1.weight"], reference["conv1.weight"])
    assert torch.equal(found["encoder.encoders.0.fc1.weight"], reference["layers.0.fc1.weight"])
    moved = (found["encoder.encoders.1.fc1.weight"] - reference["layers.1.fc1.weight"]).abs().max()
    assert 0 < moved < 0.1
    assert read_table(whisper.exp / "history.tsv")[0]["epoch"] == "1"


def test_features_are_those_of_the_weights_alone_and_in_any_batch(whisper, waves):
    encoder = load_encoder(f"espnet:{whisper.exp}")
    assert encoder.layers == ("layer00", "layer01", "layer02", "norm")
    assert encoder.frame_rate == 50.0
    batch = encoder.encode(waves)
    bare, front = PaddingFree.__new__(PaddingFree), LogMel(80)
    bare.__dict__ = encoder.model.encoder.__dict__
    for n, wave in enumerate(waves):
        with torch.inference_mode():
            expected, _ = bare(*front(torch.from_numpy(wave)[None], torch.tensor([len(wave)])))
        for layer, (alone, wanted) in enumerate(zip(encoder(wave).values(), expected, strict=True)):
            assert alone.shape == (-(-(len(wave) // 160) // 2), 32)
            assert np.allclose(alone, wanted[0], atol=1e-5)
            assert np.allclose(batch[layer][n], alone, atol=1e-4)


def test_a_packed_model_needs_no_other_folder(whisper, waves, monkeypatch):
    recipe = whisper.exp.parent.parent
    monkeypatch.chdir(recipe)
    exp = whisper.exp.relative_to(recipe)
    expected = load_encoder(f"espnet:{exp}")(waves[0])
    archive = publish.pack(exp).rename(recipe / "model.zip")
    weights, hidden = recipe / "weights", recipe / "gone"
    weights.rename(hidden)
    whisper.exp.rename(recipe / "exp" / "elsewhere")
    try:
        found = load_encoder(f"espnet:{archive}")(waves[0])
    finally:
        hidden.rename(weights)
        (recipe / "exp" / "elsewhere").rename(whisper.exp)
    assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)


def test_finished_training_is_recognised_without_the_folder_it_started_from(whisper):
    weights = whisper.exp.parent.parent / "weights"
    weights.rename(weights.with_name("gone"))
    try:
        assert not train(whisper)
    finally:
        weights.with_name("gone").rename(weights)


def test_other_initial_weights_are_another_experiment(whisper, published, tmp_path):
    other = shutil.copytree(published, tmp_path / "other")
    model = WhisperModel.from_pretrained(other)
    torch.nn.init.ones_(model.encoder.conv1.weight)
    model.save_pretrained(other)
    with pytest.raises(UserError, match=r"was started otherwise \(other initial weights\)"):
        train(replace(whisper, init=str(other)))
    assert not train(whisper)


def test_it_decodes(whisper, sung, tmp_path):
    (tmp_path / "quick.yaml").write_text("beam_size: 1\nctc_weight: 0.5\nmaxlenratio: 0.1\n")
    decode(whisper.exp, [sung["test"]], tmp_path / "quick.yaml", tmp_path / "decode")
    assert len((tmp_path / "decode/test/text").read_text().splitlines()) == 24


def test_low_rank_adapters_are_all_that_is_trained_and_are_loaded_again(
    job, sung, published, tmp_path, waves
):
    lora = ", gradient_checkpointing: true, lora: {rank: 2, alpha: 4, targets: [q_proj, v_proj]}"
    micro = trained(job, sung, tmp_path, published, 0, lora)
    reference = WhisperModel.from_pretrained(published).encoder.state_dict()
    found = state(micro.exp)
    name = "encoder.encoders.1.self_attn.q_proj"
    assert torch.equal(found[f"{name}.base_layer.weight"], reference["layers.1.self_attn.q_proj.weight"])
    assert torch.equal(found["encoder.encoders.1.fc1.weight"], reference["layers.1.fc1.weight"])
    assert found[f"{name}.lora_B.default.weight"].abs().max() > 0  # starts at 0
    assert load_encoder(f"espnet:{micro.exp}")(waves[0])["norm"].shape[1] == 32


def test_an_experiment_starts_from_another_experiment(whisper, tmp_path):
    init = f"espnet:{whisper.exp}"
    second = replace(whisper, exp=tmp_path / "exp" / "second", init=init)
    collect_stats(second)
    train(second)
    first, then = state(whisper.exp), state(second.exp)
    assert torch.equal(
        first["encoder.encoders.0.fc1.weight"], then["encoder.encoders.0.fc1.weight"]
    )  # frozen
    assert not torch.equal(first["decoder.embed.0.weight"], then["decoder.embed.0.weight"])


def test_too_long_an_utterance_is_refused_before_training(whisper, sung, tmp_path):
    config = tmp_path / "short.yaml"
    config.write_text(f"include: {whisper.config}\nencoder_conf: {{max_positions: 30}}\n")
    impatient = replace(whisper, config=config, exp=tmp_path / "exp", init="")
    collect_stats(impatient)
    with pytest.raises(
        DataError,
        match=r"wav.scp:2: this encoder hears 160 samples .0.01 s. to 9759 samples .0.6099 s. at once, "
        r"got 10560 .0.66 s. for \S+s01",
    ):
        train(impatient)

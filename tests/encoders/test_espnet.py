import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from fangyan import publish
from fangyan.data import audio, datadir
from fangyan.encoders import identity, load_encoder
from fangyan.encoders.espnet_model import locate
from fangyan.errors import DataError, UserError
from fangyan.files import unpack

CHECKPOINT = "valid.acc.ave.pth"


@pytest.fixture(scope="module")
def encoder(job):
    return load_encoder(f"espnet:{job.exp}")


@pytest.fixture(scope="module")
def waves(sung):
    noise = np.random.default_rng(1)
    loud = [noise.normal(0, 0.3, size).astype(np.float32) for size in (48_000, 16_001, 4_321)]
    return [audio.read(u.wav) for u in datadir.read(sung["test"])[:5]] + loud


def test_layers_are_the_subsampling_the_blocks_and_the_norm_in_sorted_order(encoder):
    assert encoder.layers == ("layer00", "layer01", "layer02", "norm")
    assert list(encoder.layers) == sorted(encoder.layers)
    assert encoder.frame_rate == 25.0


def test_features_do_not_depend_on_the_batch(encoder, waves):
    batch = encoder.encode(waves)
    turned = encoder.encode(waves[::-1])
    for n, wave in enumerate(waves):
        for layer, alone in enumerate(encoder(wave).values()):
            assert batch[layer][n].dtype == np.float32
            assert batch[layer][n].shape == alone.shape
            assert np.allclose(batch[layer][n], alone, rtol=1e-5, atol=1e-4)
            assert np.allclose(turned[layer][-1 - n], alone, rtol=1e-5, atol=1e-4)


def test_the_last_layer_is_what_espnets_decoder_sees(encoder, waves):
    for wave in waves:
        with torch.inference_mode():
            speech = torch.from_numpy(wave)[None]
            expected, lengths = encoder.model.encode(speech, torch.tensor([len(wave)]))
        assert np.allclose(encoder(wave)["norm"], expected[0, : lengths[0]].numpy(), rtol=1e-5, atol=1e-5)


def test_random_weights_are_the_same_every_time_and_not_the_trained_ones(job, encoder, waves):
    one, two = (load_encoder(f"random:{job.exp}")(waves[0])["norm"] for _ in range(2))
    assert np.array_equal(one, two)
    assert np.abs(one - encoder(waves[0])["norm"]).max() > 0.1


def test_identity_follows_the_weights(job, tmp_path):
    copy = shutil.copytree(job.exp, tmp_path / "copy")
    assert identity(f"espnet:{copy}") == identity(f"espnet:{job.exp}")
    weights = torch.load(copy / CHECKPOINT, weights_only=True)
    (copy / CHECKPOINT).unlink()
    torch.save({key: value + 1 for key, value in weights.items()}, copy / CHECKPOINT)
    assert identity(f"espnet:{copy}") != identity(f"espnet:{job.exp}")


@pytest.mark.parametrize("samples", [160, 700])
def test_an_utterance_too_short_to_encode_is_refused(encoder, samples):
    with pytest.raises(DataError, match=rf"hears 960 samples \(0.06 s\) or more at once, got {samples} "):
        encoder.encode([np.zeros(16_000, np.float32), np.zeros(samples, np.float32)])


def test_a_folder_without_a_model_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no trained ESPnet model there: run ./run.sh --stage train"):
        load_encoder(f"espnet:{tmp_path}")


def spoiled(job, folder, change):
    """A copy of the experiment whose checkpoint is what ``change`` makes of its weights."""
    copy = shutil.copytree(job.exp, folder / "copy")
    weights = torch.load(copy / CHECKPOINT, weights_only=True)
    (copy / CHECKPOINT).unlink()
    torch.save(change(weights), copy / CHECKPOINT)
    return copy


def test_keys_that_do_not_match_are_listed(job, tmp_path):
    def change(weights):
        weights["encoder.stray"] = weights.pop("encoder.after_norm.bias")
        return weights

    with pytest.raises(DataError, match=r"(?s)do not match.*encoder\.after_norm\.bias.*encoder\.stray"):
        load_encoder(f"espnet:{spoiled(job, tmp_path, change)}")


class Malice:
    def __reduce__(self):
        return exec, ("open('pwned', 'w')",)


def test_a_malicious_pickle_is_refused_and_does_not_run(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="not a whole checkpoint of plain tensors"):
        load_encoder(f"espnet:{spoiled(job, tmp_path, lambda weights: Malice())}")
    assert not (tmp_path / "pwned").exists()


def test_a_truncated_checkpoint_is_named(job, tmp_path):
    copy = shutil.copytree(job.exp, tmp_path / "copy")
    content = (copy / CHECKPOINT).read_bytes()
    (copy / CHECKPOINT).unlink()
    (copy / CHECKPOINT).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a whole checkpoint"):
        load_encoder(f"espnet:{copy}")


@pytest.mark.parametrize("place", ["/etc/hostname", "../outside.pth", "exp/../../outside.pth"])
def test_a_packed_model_that_points_elsewhere_is_refused(tmp_path, place):
    (tmp_path / "meta.yaml").write_text(
        f"yaml_files: {{asr_train_config: config.yaml}}\nfiles: {{asr_model_file: {place}}}\n"
    )
    (tmp_path / "config.yaml").write_text("x: 1")
    with pytest.raises(DataError, match=r"meta\.yaml: files lie within the archive, got"):
        locate(tmp_path)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (
            "yaml_files: {asr_train_config: c.yaml}\nfiles: {model_file: m.pth}\n",
            "a model of asr has yaml_files: asr_train_config and files: asr_model_file, got",
        ),
        ("yaml_files: [c.yaml]\n", r"yaml_files is a mapping of names to files, got \['c.yaml'\]"),
        ("{}\n", "this is a model of a kind that it does not name"),
        ("[1]\n", r"meta\.yaml: must be a mapping of names to values, got"),
        ("x: [\n", r"meta\.yaml: must be YAML of plain values, .*line 2"),
        ("x: !!python/object/apply:os.system ['touch pwned']\n", "must be YAML of plain values"),
    ],
)
def test_the_description_of_no_model_is_refused(tmp_path, monkeypatch, meta, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta.yaml").write_text(meta)
    with pytest.raises(DataError, match=message):
        load_encoder(f"espnet:{tmp_path}")
    assert not (tmp_path / "pwned").exists()


def test_a_packed_model_of_the_hub_is_heard_like_its_experiment(
    job, encoder, waves, cached, tmp_path, monkeypatch
):
    monkeypatch.chdir(job.exp.parent.parent)
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    unpack(publish.pack(job.exp.relative_to(Path.cwd())), tmp_path / "unpacked")
    cached("user/packed", tmp_path / "unpacked")
    found, expected = load_encoder("espnet:user/packed")(waves[0]), encoder(waves[0])
    assert all(np.array_equal(found[layer], expected[layer]) for layer in encoder.layers)
    assert identity("espnet:user/packed")["files"] == identity(f"espnet:{tmp_path / 'unpacked'}")["files"]


def test_the_checkpoint_is_the_average_by_the_first_criterion(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "best_model_criterion: [[valid, cer_ctc, min], [valid, acc, max]]\n"
    )
    for name in ("valid.acc.ave.pth", "valid.cer_ctc.ave.pth"):
        (tmp_path / name).touch()
    assert locate(tmp_path)[1] == tmp_path / "valid.cer_ctc.ave.pth"

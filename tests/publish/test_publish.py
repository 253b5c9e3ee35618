"""From an experiment to the Hub, and what others make of it there."""

import shutil

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from fangyan import publish
from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.encoders import bare, identity, load_encoder
from fangyan.errors import UserError
from fangyan.files import fingerprint, unpack


@pytest.fixture(scope="module")
def wave(sung):
    return audio.read(datadir.read(sung["test"])[0].wav)


@pytest.fixture
def published(minihub, exp, packed):
    publish.publish(exp, "user/name")
    return minihub


def test_the_repository_is_the_pack_with_a_card_that_knows_its_place(published, packed, tmp_path):
    unpack(packed, tmp_path / "packed")
    files = published.files("user/name")
    paths = [
        str(path.relative_to(tmp_path / "packed"))
        for path in (tmp_path / "packed").rglob("*")
        if path.is_file()
    ]
    assert sorted(files) == sorted([*paths, ".gitattributes"])
    same = [path for path in paths if files[path] == (tmp_path / "packed" / path).read_bytes()]
    assert set(paths) - set(same) == {"README.md"}
    assert b'load_encoder("espnet:user/name")' in files["README.md"]


def test_publishing_again_makes_no_commit(published, exp):
    publish.publish(exp, "user/name")
    assert len(published.repositories["user/name"].commits) == 2


def test_the_encoder_of_the_hub_hears_the_same_and_only_that_much_is_downloaded(
    published, exp, wave, tmp_path
):
    found, expected = load_encoder("espnet:user/name"), load_encoder(f"espnet:{exp}")
    assert found.recommended == "layer02"
    assert all(np.array_equal(found(wave)[layer], expected(wave)[layer]) for layer in expected.layers)
    fetched = {line.rpartition("/")[2] for line in published.log if line.startswith("GET /user/name/resolve")}
    assert fetched == set(bare.FILES)


def test_a_repository_without_the_encoder_alone_is_read_as_well(published, exp, wave):
    files = published.files("user/name")
    for name in bare.FILES:
        del files[name]
    found, expected = load_encoder("espnet:user/name")(wave), load_encoder(f"espnet:{exp}")(wave)
    assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)


def test_another_revision_is_another_encoder(published, exp, tmp_path):
    from safetensors.torch import load_file, save_file

    old = identity("espnet:user/name")
    weights = load_file(bare_weights(published, tmp_path))
    weights["encoder.after_norm.bias"] += 1
    save_file(weights, tmp_path / "changed.safetensors")
    repository = published.repositories["user/name"]
    changed = published.files("user/name") | {bare.WEIGHTS: (tmp_path / "changed.safetensors").read_bytes()}
    repository.commit("v2", changed)
    assert identity("espnet:user/name@v2") != old == identity("espnet:user/name")


def bare_weights(hub, folder):
    path = folder / "weights.safetensors"
    path.write_bytes(hub.files("user/name")[bare.WEIGHTS])
    return path


def test_espnet_and_its_model_zoo_read_the_same_repository(published, exp, wave, tmp_path):
    from espnet2.bin.asr_inference import Speech2Text
    from espnet_model_zoo.downloader import ModelDownloader

    found = ModelDownloader(tmp_path / "zoo").download_and_unpack("user/name")
    assert sorted(found) == ["asr_model_file", "asr_train_config"]
    settings = {"beam_size": 2, "maxlenratio": 0.5}
    expected = Speech2Text(str(exp / "config.yaml"), str(exp / "valid.acc.ave.pth"), **settings)(wave)[0][:3]
    assert Speech2Text(**found, **settings)(wave)[0][:3] == expected
    assert Speech2Text.from_pretrained("user/name", **settings)(wave)[0][:3] == expected


def test_the_weights_of_the_hub_start_another_training(published, exp, micro_config, tmp_path):
    import torch

    from fangyan.training.initialise import INIT_WEIGHTS, write_weights

    write_weights("espnet:user/name", micro_config, tmp_path)
    weights = torch.load(tmp_path / INIT_WEIGHTS, weights_only=True)
    trained = torch.load(exp / "valid.acc.ave.pth", weights_only=True)
    assert weights and all(torch.equal(value, trained[key]) for key, value in weights.items())


@pytest.fixture
def restricted(exp, tmp_path, origin):
    """The experiment, as if it had been trained on a corpus that must not be handed on."""
    home = shutil.copytree(exp, tmp_path / "exp/micro")
    origin(home, "aishell", "kespeech")
    return home


def test_a_licence_that_forbids_it_stops_before_anything_is_asked_of_the_hub(minihub, restricted):
    message = (
        r"^user/name: not published: nothing allows to hand on a model trained on kespeech \(KeSpeech's own, .*\)\. "
        r"If its owners allow it, or it is yours: --i_have_permission 'WHO ALLOWED IT, AND WHEN'.*$"
    )
    with pytest.raises(UserError, match=message):
        publish.publish(restricted, "user/name")
    assert not minihub.log


def test_with_permission_it_goes_and_the_card_says_whose(minihub, restricted, monkeypatch):
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    line = ["publish", "--exp", str(restricted), "--hf_repo", "user/name", "--private", "--revision", "v1"]
    result = CliRunner().invoke(cli, [*line, "--i_have_permission", "Tang, by mail of 2026-11-01"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip().startswith(f"{minihub.url}/user/name/commit/")
    assert minihub.repositories["user/name"].private
    card = minihub.files("user/name", "v1")["README.md"].decode()
    assert "Published with permission: Tang, by mail of 2026-11-01" in card
    assert "README.md" not in minihub.files("user/name", "main")


@pytest.mark.parametrize("name", ["", "name", "a/b/c", "https://huggingface.co/user/name"])
def test_a_repository_is_user_and_name(exp, name):
    with pytest.raises(UserError, match="a repository of the Hugging Face Hub is USER/NAME"):
        publish.publish(exp, name)


def test_the_code_on_the_card_runs(published, sung, tmp_path, monkeypatch, capsys):
    card = published.files("user/name")["README.md"].decode()
    monkeypatch.chdir(tmp_path)
    one, two = datadir.read(sung["test"])[:2]
    for name, utterance in (("a.wav", one), ("b.wav", two)):
        soundfile.write(name, audio.read(utterance.wav), audio.SAMPLE_RATE)
    snippets = [part.partition("```")[0] for part in card.split("```python\n")[1:]]
    assert len(snippets) == 2
    for snippet in snippets:
        exec(snippet, {})
    assert capsys.readouterr().out.count("\n") == 2
    assert fingerprint(tmp_path / "a.wav")

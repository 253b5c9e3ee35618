"""Which files and tensors of a checkpoint are read: those of the encoder, whatever else the model holds."""

import json
import os
import shutil
from math import inf
from pathlib import Path

import numpy as np
import pytest
import torch
import tower_models
from safetensors.torch import load_file, save_file

from fangyan.encoders import checkpoint, hub, identity, load_encoder, recommended, towers
from fangyan.encoders.facts import facts
from fangyan.encoders.pretrained import read
from fangyan.errors import DataError

NAME = "qwen3-asr"
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    home = tmp_path_factory.mktemp("built")
    tower_models.build(NAME, home / "whole", home / "alone")
    return home


@pytest.fixture
def parts(built, tmp_path):
    """A copy of the whole model in many parts."""
    folder = Path(shutil.copytree(built / "whole", tmp_path / "parts"))
    held = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = {}
    for n, keys in enumerate([sorted(held)[at : at + 9] for at in range(0, len(held), 9)]):
        name = f"model-{n:05d}-of-00009.safetensors"
        save_file({key: held[key] for key in keys}, folder / name, {"format": "pt"})
        files |= dict.fromkeys(keys, name)
    (folder / INDEX).write_text(json.dumps({"weight_map": files}))
    return folder


def spoil(folder: Path) -> int:
    """Makes a file of gigabytes of the weights of ``folder``, most of them of a language model; bytes of the tower."""
    file = folder / "model.safetensors"
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    end = max(value["data_offsets"][1] for key, value in header.items() if key != "__metadata__")
    header["model.language_model.other"] = {
        "dtype": "F32",
        "shape": [2**29],
        "data_offsets": [end, end + 2**31],
    }
    described = json.dumps(header).encode()
    with file.open("wb") as out:
        out.write(len(described).to_bytes(8, "little") + described + content[8 + length :])
        out.truncate(8 + len(described) + end + 2**31)
    return end


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="bytes read are told by Linux")
def test_of_a_language_model_nothing_is_read(built, tmp_path):
    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().splitlines()[0].split()[1])

    folder = Path(shutil.copytree(built / "whole", tmp_path / "large"))
    end = spoil(folder)
    read(f"{built / 'whole'}")
    before = bytes_read()
    model, _ = read(f"{folder}")
    assert bytes_read() - before < end + 2**20
    assert sum(weight.numel() for weight in model.parameters()) * 4 < end


def test_only_parts_that_hold_the_tower_are_needed_and_count(parts, built, noise):
    held = checkpoint.parts(parts / INDEX)
    needed = {file for key, file in held.items() if "audio_tower" in key}
    others = {*held.values()} - needed
    assert needed and others
    before = identity(f"hf:{parts}")
    for file in others:
        (parts / file).unlink()
    assert identity(f"hf:{parts}") == before
    (wave,) = noise(16_000)
    one, two = (load_encoder(f"hf:{folder}", "cpu")(wave) for folder in (parts, built / "whole"))
    assert all(np.array_equal(one[layer], two[layer]) for layer in two)
    (parts / min(needed)).unlink()
    with pytest.raises(DataError, match=f"{min(needed)} of the index is not there: fetch the model again"):
        load_encoder(f"hf:{parts}", "cpu")


def test_only_parts_that_hold_the_tower_are_fetched(parts, monkeypatch):
    asked = []

    def locate(argument, patterns):
        asked.extend(patterns)
        return parts

    monkeypatch.setattr(hub, "locate", locate)
    needed = {file for key, file in checkpoint.parts(parts / INDEX).items() if "audio_tower" in key}
    read("user/name")
    assert {name for name in asked if "-of-" in name} == needed


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"weight_map": []}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": "../b.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": ".."}}',
        '{"weight_map": {"a": ""}}',
    ],
)
def test_an_index_that_is_none_is_named(parts, text):
    (parts / INDEX).write_text(text)
    for look in (lambda: load_encoder(f"hf:{parts}", "cpu"), lambda: identity(f"hf:{parts}")):
        with pytest.raises(
            DataError, match=r"index\.json(:1: must be a JSON object| must say|: weight_map must say)"
        ):
            look()


def test_an_index_without_a_tensor_of_the_tower_is_told(parts):
    (parts / INDEX).write_text(
        '{"weight_map": {"model.language_model.a": "model-00000-of-00009.safetensors"}}'
    )
    with pytest.raises(DataError, match="none of its 1 tensors is of the speech encoder of this model"):
        load_encoder(f"hf:{parts}", "cpu")


def test_the_first_of_many_missing_keys_are_listed(built, tmp_path):
    folder = Path(shutil.copytree(built / "alone", tmp_path / "lacking"))
    save_file({"x": torch.ones(1)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        DataError, match=r"not one of Qwen3ASREncoder: it lacks conv2d1\.bias, .* and \d+ more$"
    ):
        load_encoder(f"hf:{folder}", "cpu")


def test_facts_are_those_of_the_loaded_encoder_and_need_no_weights(built, parts, tmp_path, noise):
    encoder = load_encoder(f"hf:{built / 'whole'}", "cpu")
    for folder in (built / "whole", built / "alone", parts):
        found = facts(f"hf:{folder}")
        assert (found.model_type, found.layers, found.frame_rate) == ("qwen3_asr_encoder", encoder.layers, 13)
        assert found.width == encoder(noise(16_000)[0])["norm"].shape[1] == 32
        assert (found.batched, found.longest, found.recommended) == (False, inf, "")
        assert found.parameters == sum(weight.numel() for weight in encoder.model.parameters())
    held = checkpoint.parts(parts / INDEX)
    needed = {file for key, file in held.items() if "audio_tower" in key} | {INDEX, "config.json"}
    needed |= {"preprocessor_config.json"}
    assert found.files.sizes == {name: os.stat(parts / name).st_size for name in needed}
    assert found.download == 0
    for file in parts.glob("*.safetensors"):
        file.unlink()
    assert facts(f"hf:{parts}").layers == encoder.layers


def test_facts_of_a_model_of_the_hub_are_told_from_its_list_of_files(parts, monkeypatch, tmp_path):
    from huggingface_hub.hf_api import ModelInfo

    files = [{"rfilename": path.name, "size": 10**9} for path in parts.iterdir()]
    home = tmp_path / "settings"  # what the cache has of it
    home.mkdir()
    for name in (INDEX, "config.json", "preprocessor_config.json"):
        shutil.copy(parts / name, home)
    monkeypatch.setattr(hub, "locate", lambda argument, patterns: home)
    monkeypatch.setattr(
        "huggingface_hub.HfApi.model_info", lambda api, name, **asked: ModelInfo(id=name, siblings=files)
    )
    needed = {file for key, file in checkpoint.parts(parts / INDEX).items() if "audio_tower" in key}
    found = facts("hf:user/name")
    assert {*found.files.absent} == needed and found.download == len(needed) * 10**9


def test_facts_of_what_is_like_whisper(tiny):
    found = facts(f"hf:{tiny('whisper')}")
    assert (found.model_type, found.frame_rate, found.width, found.batched) == ("whisper", 50, 32, True)
    assert found.longest == pytest.approx(30, abs=0.02)


def test_a_layer_is_recommended_by_the_settings_of_an_encoder_or_of_the_model_around_it(built, tmp_path):
    alone = {
        "model_type": "fun_asr_nano_encoder",
        "num_hidden_layers": 70,
        "num_timestamp_prediction_layers": 20,
    }
    assert towers.recommended(alone) == towers.recommended({"a": 1, "audio_config": alone}) == "layer50"
    assert towers.recommended(alone | {"num_timestamp_prediction_layers": 0}) == ""
    assert towers.recommended(alone | {"num_hidden_layers": "x"}) == ""
    (tmp_path / "config.json").write_text(json.dumps({"audio_config": alone}))
    (tmp_path / "model.safetensors").touch()
    assert recommended(f"hf:{tmp_path}") == ("layer50", "recommended by its makers")
    assert recommended(f"hf:{built / 'whole'}") == ("", "")


def test_of_what_is_not_here_no_layer_is_recommended(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert recommended("hf:user/absent") == ("", "")

import json

import pytest
import torch

from fangyan.encoders import bare
from fangyan.errors import DataError

SETTINGS = {
    "frontend": "default",
    "frontend_conf": {"n_fft": 512},
    "normalize": "global_mvn",
    "normalize_conf": {"stats_file": "/home/me/feats_stats.npz", "norm_vars": True},
    "encoder": "e_branchformer",
    "encoder_conf": {"num_blocks": 2},
    "decoder": "transformer",
    "token_list": ["<blank>", "我", "<sos/eos>"],
    "train_data_path_and_name_and_type": [["/home/me/wav.scp", "speech", "sound"]],
}
WEIGHTS = {
    "encoder.a": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "normalize.mean": torch.tensor([0.1, 0.2], dtype=torch.float64),
    "frontend.logmel.melmat": torch.ones(1),
    "decoder.b": torch.ones(2),
    "ctc.c": torch.ones(2),
}


@pytest.fixture
def folder(tmp_path):
    bare.write(SETTINGS, WEIGHTS, {"layer": "layer03"}, tmp_path)
    return tmp_path


def test_only_what_features_come_from_is_written(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "encoder.safetensors"]
    found = bare.read_weights(folder)
    assert sorted(found) == ["ctc.c", "encoder.a", "frontend.logmel.melmat", "normalize.mean"]
    assert all(
        torch.equal(found[key], WEIGHTS[key]) and found[key].dtype == WEIGHTS[key].dtype for key in found
    )
    assert "/home/me" not in (folder / "config.json").read_text()


def test_what_is_built_is_the_encoder_without_a_decoder(folder):
    settings = bare.read_settings(folder)
    assert (settings["encoder"], settings["encoder_conf"]) == ("e_branchformer", {"num_blocks": 2})
    assert settings["normalize_conf"] == {"norm_vars": True}
    assert settings["decoder"] is None and settings["init"] is None
    assert settings["token_list"] == SETTINGS["token_list"]


def test_without_ctc_there_is_nothing_to_write_with(tmp_path):
    bare.write(SETTINGS, {"encoder.a": torch.ones(2)}, {}, tmp_path)
    assert bare.read_settings(tmp_path)["token_list"] == bare.NO_TOKENS


def test_settings_of_a_stranger_do_not_add_a_decoder(folder):
    written = json.loads((folder / "config.json").read_text())
    written["espnet"]["decoder"] = "hugging_face_transformers"
    (folder / "config.json").write_text(json.dumps(written))
    assert bare.read_settings(folder)["decoder"] is None


def test_the_layer_is_told_where_there_is_an_encoder(folder):
    assert bare.is_bare(folder) and bare.recommended(folder) == ("layer03", "recommended by its makers")
    (folder / "encoder.safetensors").unlink()
    assert (
        not bare.is_bare(folder) and bare.recommended(folder).layer == "layer03"
    )  # before weights are fetched
    (folder / "config.json").unlink()
    assert bare.recommended(folder) == ("", "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', '{"espnet": 3}'])
def test_settings_that_are_none_are_named(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(
        DataError, match=r"config\.json:(1: must be (a )?JSON| must be the JSON of a packed encoder)"
    ):
        bare.read_settings(folder)


def test_the_numbers_of_the_normalisation_are_of_the_type_of_its_weights(folder):
    import numpy as np

    bare.write_moments(WEIGHTS, folder / "stats.npz")
    stats = np.load(folder / "stats.npz")
    assert stats["sum"].dtype == np.float64 and stats["sum"].tolist() == [0, 0]

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from fangyan.encoders import identity, load_encoder
from fangyan.encoders.pretrained import read
from fangyan.errors import DataError, UserError


def respell(folder, change):
    """Writes the weights of ``folder`` anew as what ``change`` makes of them."""
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, {"format": "pt"})
    return folder


def reset(folder, **values):
    """Writes the configuration of ``folder`` anew with other values."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    return folder


def test_the_encoder_alone_is_loaded_of_a_model_with_decoder_and_head(tiny):
    for name, kind in (
        ("whisper", "WhisperEncoder"),
        ("speech2text", "Speech2TextEncoder"),
        ("mms", "Wav2Vec2Model"),
    ):
        model, extractor = read(str(tiny(name)))
        assert type(model).__name__ == kind
        assert (extractor is None) == (name == "whisper")
        assert not [key for key in model.state_dict() if "decoder" in key or "lm_head" in key]


@pytest.mark.parametrize("prefix", ["", "model.encoder.", "encoder."])
def test_an_encoder_is_found_under_each_name_that_transformers_gives_it(copy, prefix):
    folder, weights = copy("whisper"), {}

    def respelt(before):
        weights.update({key: value for key, value in before.items() if key.startswith("model.encoder.")})
        return {prefix + key.removeprefix("model.encoder."): value for key, value in weights.items()}

    model, _ = read(str(respell(folder, respelt)))
    assert all(
        torch.equal(value, weights[f"model.encoder.{key}"]) for key, value in model.state_dict().items()
    )


def test_missing_keys_are_listed_and_superfluous_ones_are_no_matter(copy):
    folder = respell(copy("hubert"), lambda weights: weights | {"classifier.weight": torch.ones(1)})
    load_encoder(f"hf:{folder}", "cpu")
    lost = ["encoder.layers.0.attention.k_proj.weight", "encoder.layers.1.final_layer_norm.bias"]
    respell(folder, lambda weights: {key: value for key, value in weights.items() if key not in lost})
    with pytest.raises(DataError, match=f"not one of HubertModel: it lacks {', '.join(lost)}$"):
        load_encoder(f"hf:{folder}", "cpu")


def test_what_only_training_needs_may_be_missing(copy):
    folder = respell(
        copy("wav2vec2"), lambda w: {k: v for k, v in w.items() if not k.endswith("masked_spec_embed")}
    )
    load_encoder(f"hf:{folder}", "cpu")


def test_weights_of_another_size_are_refused(copy):
    with pytest.raises(DataError, match="not the weights of a HubertModel"):
        load_encoder(f"hf:{reset(copy('hubert'), intermediate_size=48)}", "cpu")


def test_a_truncated_checkpoint_is_named(copy):
    folder = copy("hubert")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"{folder}: not the weights of a HubertModel"):
        load_encoder(f"hf:{folder}", "cpu")


class Malice:
    def __reduce__(self):
        return exec, ("open('pwned', 'w')",)


def test_pickled_tensors_load_and_a_pickled_object_does_not_run(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = copy("hubert")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    before = identity(f"hf:{folder}")
    load_encoder(f"hf:{folder}", "cpu")
    torch.save(weights | {"malice": Malice()}, folder / "pytorch_model.bin")
    assert identity(f"hf:{folder}") != before
    with pytest.raises(DataError, match="not the weights of a HubertModel"):
        load_encoder(f"hf:{folder}", "cpu")
    assert not (tmp_path / "pwned").exists()


def test_a_model_with_code_of_its_own_is_refused_and_does_not_run(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = reset(copy("hubert"), model_type="mine", auto_map={"AutoConfig": "code.Config"})
    (folder / "code.py").write_text("open('pwned', 'w')")
    with pytest.raises(UserError, match="no model of the installed transformers"):
        load_encoder(f"hf:{folder}", "cpu")
    assert not (tmp_path / "pwned").exists()


def test_what_is_no_speech_encoder_is_named(tiny, copy, tmp_path):
    with pytest.raises(UserError, match="no speech encoder, but a model of type bert"):
        load_encoder(f"hf:{tiny('text')}", "cpu")
    folder = copy("hubert")
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match="no model of the installed transformers"):
        load_encoder(f"hf:{folder}", "cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"empty: no weights there, neither model\.safetensors nor pytorch_model\.bin"
    ):
        load_encoder(f"hf:{tmp_path / 'empty'}", "cpu")


def test_a_feature_extractor_is_needed_that_hears_16_kHz(copy):
    folder = copy("hubert")
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("16000", "8000"))
    with pytest.raises(UserError, match="heard at 16000 Hz here, at 8000 Hz there"):
        load_encoder(f"hf:{folder}", "cpu")
    settings.unlink()
    with pytest.raises(UserError, match=r"no feature extractor there, add its preprocessor_config\.json"):
        load_encoder(f"hf:{folder}", "cpu")


def test_identity_follows_weights_and_settings_and_nothing_else(copy):
    folder = copy("hubert")
    before = identity(f"hf:{folder}")
    (folder / "README.md").write_text("changed")
    assert identity(f"hf:{folder}") == before
    moved = shutil.move(folder, folder.with_name("moved"))
    assert identity(f"hf:{moved}") == before
    respell(moved, lambda weights: {key: value + 1 for key, value in weights.items()})
    changed = identity(f"hf:{moved}")
    settings = moved / "preprocessor_config.json"
    settings.write_text(settings.read_text().replace("true", "false"))
    assert len({str(found) for found in (before, changed, identity(f"hf:{moved}"))}) == 3


def test_a_download_is_known_by_the_names_of_its_content(tiny, cached, noise):
    blobs = cached("user/tiny", tiny("hubert"))
    (wave,) = noise(16_000)
    one, two = load_encoder("hf:user/tiny", "cpu")(wave), load_encoder(f"hf:{tiny('hubert')}", "cpu")(wave)
    assert all((one[layer] == two[layer]).all() for layer in two)
    before = identity("hf:user/tiny")
    weights = next(blob for blob in blobs.iterdir() if blob.stat().st_size > 10_000)
    weights.write_bytes(b"not read: its name says what it holds")
    assert identity("hf:user/tiny") == before
    link = next(path for path in blobs.parent.rglob("model.safetensors"))
    link.unlink()
    link.symlink_to(weights.rename(blobs / "another"))
    assert identity("hf:user/tiny") != before


@pytest.mark.parametrize(
    ("name", "file", "values", "message"),
    [
        ("hubert", "config.json", {"num_attention_heads": 0}, "no model of the installed transformers"),
        (
            "hubert",
            "config.json",
            {"hidden_act": "nope"},
            "no model of the installed transformers .KeyError 'nope'",
        ),
        ("hubert", "config.json", {"hidden_size": -1}, "no model of the installed transformers"),
        (
            "hubert",
            "config.json",
            {"num_hidden_layers": 0},
            "HubertModel and its feature extractor do not encode",
        ),
        ("w2v-bert", "preprocessor_config.json", {"num_mel_bins": 40}, "do not encode speech"),
    ],
)
def test_values_that_nothing_can_be_made_of_are_refused(copy, name, file, values, message):
    folder = copy(name)
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | values))
    with pytest.raises(UserError, match=message) as refused:
        load_encoder(f"hf:{folder}", "cpu")
    assert str(folder) in str(refused.value)

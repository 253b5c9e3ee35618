"""Names of layers before an encoder is loaded: by the settings of each form of model, or else by facts."""

import json
import zipfile
from types import SimpleNamespace

import pytest

from fangyan.encoders import facts, load_encoder
from fangyan.encoders.layer_names import known_layers, layers_in_settings
from fangyan.errors import UserError
from fangyan.features.at_layer import check_asked

TWO = ("layer00", "layer01", "layer02", "norm")
ESPNET = "encoder_conf: {num_blocks: 2}\n"
META = "yaml_files: {asr_train_config: exp/a/config.yaml}\nfiles: {asr_model_file: exp/a/x.pth}\n"
BARE = {"espnet": {"task": "asr", "encoder_conf": {"num_blocks": 2}}}
FORMS = {
    "an experiment": ({"config.yaml": ESPNET}, "espnet"),
    "one whose weights are to be random": ({"config.yaml": ESPNET}, "random"),
    "an unpacked model": ({"meta.yaml": META, "exp/a/config.yaml": ESPNET}, "espnet"),
    "an encoder alone": ({"config.json": json.dumps(BARE), "encoder.safetensors": ""}, "espnet"),
    "a plain model": ({"model.yaml": ESPNET}, "espnet"),
    "Whisper": ({"config.json": '{"encoder_layers": 2, "num_hidden_layers": 9}'}, "hf"),
    "wav2vec 2.0": ({"config.json": '{"num_hidden_layers": 2}'}, "hf"),
}
SILENT = {
    "no number": ({"config.yaml": "encoder_conf: {num_blocks: many}\n"}, "espnet"),
    "another kind of mapping": ({"config.yaml": "encoder_conf: 3\n"}, "espnet"),
    "no configuration": ({}, "espnet"),
    "an encoder in a larger model": ({"config.json": '{"num_hidden_layers": 2, "audio_config": {}}'}, "hf"),
    "no settings": ({}, "hf"),
    "of another family": ({"config.yaml": ESPNET}, "firered"),
}


def spec(folder, files: dict[str, str], family: str) -> str:
    """The SPEC of a model of these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return f"{family}:{folder}"


@pytest.mark.parametrize("form", [*FORMS])
def test_the_settings_of_each_form_of_model_tell(form, tmp_path):
    assert layers_in_settings(spec(tmp_path, *FORMS[form])) == TWO


@pytest.mark.parametrize("form", [*SILENT])
def test_where_settings_tell_nothing_the_facts_are_asked(form, tmp_path, monkeypatch):
    asked = spec(tmp_path, *SILENT[form])
    monkeypatch.setattr(facts, "facts", lambda of: SimpleNamespace(layers=["a", of]))
    assert (layers_in_settings(asked), known_layers(asked)) == ((), ("a", asked))

    def silent(of):
        raise UserError("only loading tells")

    monkeypatch.setattr(facts, "facts", silent)
    assert known_layers(asked) == ()


def test_a_packed_model_is_read_without_unpacking(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("meta.yaml", META)
        archive.writestr("exp/a/config.yaml", ESPNET)
    assert layers_in_settings(f"espnet:{tmp_path / 'model.zip'}") == TWO
    (tmp_path / "other.zip").write_text("no zip")
    assert layers_in_settings(f"espnet:{tmp_path / 'other.zip'}") == ()


def test_a_spectrum_has_one_layer_and_the_hub_is_not_asked():
    assert (layers_in_settings("fbank"), layers_in_settings("mfcc")) == (("fbank",), ("mfcc",))
    assert layers_in_settings("hf:user/name") == layers_in_settings("espnet:user/name") == ()


def test_what_settings_tell_is_what_is_loaded(job):
    asked = f"espnet:{job.exp}"
    assert known_layers(asked) == load_encoder(asked, "cpu").layers
    check_asked(asked, "layer01+norm")
    for wrong, name in (("layer09", "layer09"), ("norm+layer3", "layer3")):
        with pytest.raises(UserError, match=rf"no layer '{name}' in {asked}: .*known are layer00, layer01, "):
            check_asked(asked, wrong)

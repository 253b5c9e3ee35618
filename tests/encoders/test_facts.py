"""What is told of an encoder before its weights are here is what the loaded encoder says of itself."""

import json
import shutil
from math import inf
from pathlib import Path

import espnet_models
import firered_models
import pytest
import yaml
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.hf_api import ModelInfo

from fangyan.encoders import check_spec, load_encoder
from fangyan.encoders.facts import Facts, facts, licence
from fangyan.errors import DataError, UserError

FAMILY = """\
from pathlib import Path

from fangyan.encoders import Encoder


class Loudness(Encoder):
    layers, frame_rate = ("loudness",), 100.0

    def encode(self, waves):
        return [[(w[: len(w) // 160 * 160].reshape(-1, 160) ** 2).mean(1, keepdims=True) for w in waves]]


def load(argument, device):
    return Loudness()
"""
FILES = "\n\ndef files(argument):\n    return [Path(argument)]\n"
GARBAGE = b"no weights at all"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """A function: kind of ESPnet's models -> the folder it was made in, and its zip."""
    made = {}

    def make(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            espnet_models.build_kind(kind, folder)
            made[kind] = folder, espnet_models.pack_kind(kind, folder)
        return made[kind]

    return make


@pytest.fixture
def listed(monkeypatch):
    """A function: name of a file -> bytes; so the Hub says what a model has, though nothing can be downloaded."""

    def answer(files):
        told = [{"rfilename": name, "size": size} for name, size in files.items()]

        def model_info(api, name, files_metadata=False, **asked):
            if not files_metadata:  # to download something
                raise OfflineModeIsEnabled
            return ModelInfo(id=name, siblings=told)

        monkeypatch.setattr("huggingface_hub.HfApi.model_info", model_info)

    return answer


@pytest.mark.parametrize(("spec", "width"), [("fbank", 80), ("mfcc", 39)])
def test_of_spectra_there_is_nothing_to_download(spec, width):
    expected = Facts(spec, (spec,), 100, width, True, inf, parameters=0)
    assert facts(spec) == expected and expected.download == 0


@pytest.mark.parametrize("kind", espnet_models.KINDS)
def test_parameters_of_a_packed_model_of_espnet_are_those_that_features_come_from(kind, kinds):
    _, packed = kinds(kind)
    encoder, found = load_encoder(f"espnet:{packed}", "cpu"), facts(f"espnet:{packed}")
    names = ("frontend", "normalize", "preencoder", "encoder", "prompt_encoder", "embed", "embed_proj")
    parts = [getattr(encoder.model, name, None) for name in (*names, "prompt_proj")]
    assert found.parameters == sum(weight.numel() for part in parts if part for weight in part.parameters())
    assert found.files.sizes == {"model.zip": packed.stat().st_size} and found.longest == inf


def test_an_experiment_is_known_without_its_checkpoint(tmp_path):
    described = espnet_models.settings("conformer", espnet_models.TINY["conformer"][0])
    exp = espnet_models.experiment(described, tmp_path / "exp")
    found = facts(f"espnet:{exp}")
    assert found.layers == ("layer00", "layer01", "layer02", "norm")
    assert (found.model_type, found.files.weights) == ("conformer", ("valid.acc.ave.pth",))
    (exp / "valid.acc.ave.pth").write_bytes(GARBAGE)
    assert facts(f"espnet:{exp}").files.sizes["valid.acc.ave.pth"] == len(GARBAGE)
    (exp / "valid.acc.ave.pth").unlink()
    for family in ("espnet", "random"):
        without = facts(f"{family}:{exp}")
        assert without.layers == found.layers and list(without.files.sizes) == ["config.yaml"]
        assert without.files.weights == () and without.parameters == found.parameters


def test_of_an_espnet_model_of_the_hub_the_named_checkpoint_is_to_be_downloaded(
    kinds, cached, listed, tmp_path
):
    folder, _ = kinds("s2t")
    home = Path(shutil.copytree(folder, tmp_path / "home"))
    (home / "model.zip").unlink()
    named = {"yaml_files": {"s2t_train_config": "exp/s2t/config.yaml"}}
    named["files"] = {"s2t_model_file": "exp/s2t/valid.acc.ave.pth"}
    (home / "meta.yaml").write_text(yaml.safe_dump(named))
    (home / "exp/s2t/valid.acc.ave.pth").unlink()
    (home / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nOWSM\n")
    cached("user/owsm", home)
    weights = {"exp/s2t/valid.acc.ave.pth": 4 * 10**9, "exp/s2t/12epoch.pth": 4 * 10**9}
    listed({path.relative_to(home).as_posix(): 10 for path in home.rglob("*") if path.is_file()} | weights)
    found = facts("espnet:user/owsm")
    assert (found.layers[-1], found.frame_rate, found.licence) == ("norm", 25, "cc-by-4.0")
    assert found.files.absent == found.files.weights == ("exp/s2t/valid.acc.ave.pth",)
    assert found.download == 4 * 10**9
    listed({"config.json": 10, "encoder.safetensors": 10**9, "meta.yaml": 10})
    assert facts("espnet:user/owsm").files.weights == ("encoder.safetensors",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "rnn"}, "has no embed and encoders"),
        ({"tts": "vits"}, "this is a model of text to speech"),
        ({"encoder": "transformr"}, "unknown encoder 'transformr': did you mean 'transformer'"),
        (None, r"config\.yaml: no such file, nor a meta\.yaml"),
    ],
)
def test_a_configuration_of_no_stack_of_blocks_is_refused_as_when_it_is_loaded(settings, message, tmp_path):
    if settings is not None:
        described = espnet_models.settings("rnn", {"num_layers": 1, "hidden_size": 8}) | settings
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(UserError, match=message):
        facts(f"espnet:{tmp_path}")


def test_a_fireredasr_that_lies_here_is_known_by_the_shapes_of_its_tensors(tmp_path):
    folder = firered_models.build(tmp_path)
    encoder, found = load_encoder(f"firered:{folder}", "cpu"), facts(f"firered:{folder}")
    assert found.parameters == sum(weight.numel() for weight in encoder.network.parameters())
    (tmp_path / "model.pth.tar").write_bytes(GARBAGE)
    with pytest.raises(DataError, match="not a whole checkpoint of plain tensors"):
        facts(f"firered:{folder}")


def test_of_a_fireredasr_of_the_hub_only_its_size_and_rate_are_known(cached, listed, tmp_path):
    folder = firered_models.build(tmp_path / "firered")
    (folder / "model.pth.tar").unlink()
    cached("user/firered", folder)
    listed({"cmvn.ark": 10, "asr_encoder.pth.tar": 3000, "model.pth.tar": 10**10})
    found = facts("firered:user/firered")
    assert (found.frame_rate, found.batched, found.layers, found.width, found.parameters) == (
        25,
        True,
        (),
        None,
        None,
    )
    assert found.files.absent == ("asr_encoder.pth.tar",) and found.download == 3000
    listed({"cmvn.ark": 10})
    with pytest.raises(UserError, match=r"model\.pth\.tar, and cmvn\.ark, are needed there"):
        facts("firered:user/firered")


def test_an_encoder_of_text_is_known_by_its_settings(tiny_sentence, tmp_path):
    encoder = load_encoder(f"text:{tiny_sentence}", "cpu", modality="text")
    found = facts(f"text:{tiny_sentence}")
    assert (found.longest, found.model_type, found.modality) == (16, "bert", "text")
    assert found.parameters == sum(weight.numel() for weight in encoder.model.parameters())
    copy = Path(shutil.copytree(tiny_sentence, tmp_path / "copy"))
    (copy / "model.safetensors").unlink()
    (copy / "3_Dense").mkdir()
    modules = [*json.loads((copy / "modules.json").read_text()), {"path": "3_Dense", "type": "x.Dense"}]
    (copy / "modules.json").write_text(json.dumps(modules))
    dense = {"in_features": 32, "out_features": 5, "bias": True}
    (copy / "3_Dense/config.json").write_text(json.dumps(dense))
    without = facts(f"text:{copy}")
    assert (without.width, without.parameters) == (5, found.parameters + 33 * 5)
    assert without.files.weights == () and "3_Dense/config.json" in without.files.sizes
    (copy / "3_Dense/config.json").write_text(json.dumps(dense | {"in_features": "many"}))
    with pytest.raises(UserError, match=r"^text:.*: no model of the installed sentence-transformers: "):
        facts(f"text:{copy}")


def test_a_family_of_another_package_is_loaded_if_it_reads_nothing_and_else_asked(package, tmp_path):
    def install(module: str) -> None:
        package("loud_speech", "[fangyan.encoders]\nloud = loud_speech", module, "1.0")

    install(FAMILY)
    assert (facts("loud").layers, facts("loud").width, facts("loud").batched) == (("loudness",), 1, None)
    (tmp_path / "scale").write_text("2")
    install(FAMILY + FILES)
    with pytest.raises(UserError, match=r"its package has no `facts`, so that only loading it tells"):
        facts(f"loud:{tmp_path / 'scale'}")
    own = "\n\ndef facts(argument):\n    from fangyan.encoders.facts import Facts\n\n    return Facts(argument)\n"
    install(FAMILY + FILES + own)
    assert facts(f"loud:{tmp_path / 'scale'}") == Facts(f"{tmp_path / 'scale'}")


def test_without_an_answer_of_the_hub_the_cache_says_what_it_has(tiny, cached, tmp_path):
    folder = Path(shutil.copytree(tiny("whisper"), tmp_path / "whisper"))
    cached("user/whole", folder)
    (folder / "model.safetensors").unlink()
    cached("user/settings", folder)
    whole, settings = facts("hf:user/whole"), facts("hf:user/settings")
    assert whole.layers == settings.layers and whole.parameters == settings.parameters
    assert "offline mode is enabled" in whole.files.silence and whole.files.absent == ()
    assert whole.files.weights == ("model.safetensors",) and settings.files.weights == ()


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ("---\nlicense: apache-2.0\n---\n# A model\n", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: model-licence\n---\n", "other model-licence"),
        ("---\nlicense: [mit]\n---\n", ""),
        ("---\nlicense: {\n---\n", ""),
        ("---\nlicense: !!python/object/apply:os.system ['x']\n---\n", ""),
        ("---\n- a list\n---\n", ""),
        ("license: mit\n", ""),
        ('---\nlicense: "\\e[31m"\n---\n', ""),
    ],
)
def test_the_licence_is_what_the_front_matter_of_the_card_says(card, expected, tmp_path):
    (tmp_path / "README.md").write_text(card)
    assert licence(f"{tmp_path}", tmp_path) == expected
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert licence(f"{tmp_path}", tmp_path) == ""


@pytest.mark.parametrize("spec", ["", "whisper", "espnet:", "hf:", "hf:a/b/c", "fbank:x", "text:/no/such"])
def test_what_is_no_spec_is_told_as_everywhere(spec):
    with pytest.raises(UserError) as expected:
        check_spec(spec)
    with pytest.raises(UserError) as told:
        facts(spec)
    assert str(told.value) == str(expected.value)


def test_a_model_of_text_is_no_speech_encoder_as_soon_as_its_settings_are_here(
    tiny_sentence, tiny, all_tiny, cached
):
    message = (
        "no speech encoder, but a model of type bert: nothing in its settings is of sound .* text:<Hub id"
    )
    cached("user/text", tiny_sentence)
    for argument in (tiny_sentence, "user/text"):
        with pytest.raises(UserError, match=f"^{argument}: {message}"):
            check_spec(f"hf:{argument}")
    for name in all_tiny:
        check_spec(f"hf:{tiny(name)}")
    check_spec("hf:user/unknown")

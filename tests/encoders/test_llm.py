"""Language models that read units and texts: what they read, whence frames come, and what is told of a bad folder."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from dual_models import K, build_dual, units_of

from fangyan.encoders import check_spec, identity, load_encoder, recommended, teacher_identity, teacher_of
from fangyan.encoders.facts import facts
from fangyan.encoders.families import spec_of
from fangyan.encoders.layer_names import layers_in_settings
from fangyan.encoders.llm import longest
from fangyan.encoders.unit_strings import of_units, prefix_tokens, unit_tokens
from fangyan.errors import DataError, UserError
from fangyan.files import write_json

LENGTHS = (16_000, 9_001, 20_479, 16_000)
LAYERS = ("layer00", "layer01", "layer02", "joint")


@pytest.fixture(scope="module")
def encoder(tiny_dual):
    return load_encoder(f"llm:{tiny_dual}", "cpu")


@pytest.fixture
def copied(tiny_dual, tmp_path) -> Path:
    """A folder with such a model that may be changed."""
    return Path(shutil.copytree(tiny_dual / "llm", tmp_path / "model"))


def test_a_recording_is_read_as_transformers_reads_the_string_of_its_units(tiny_dual, encoder, noise):
    from transformers import AutoModel, AutoTokenizer

    (wave,) = noise(16_000)
    units = encoder.units.assign(load_encoder("mfcc", "cpu")(wave)["mfcc"])
    assert len({*units.tolist()}) > 2
    tokens = AutoTokenizer.from_pretrained(tiny_dual / "llm")(of_units(units), return_tensors="pt")[
        "input_ids"
    ]
    assert tokens.shape == (1, 1 + len(units))
    with torch.inference_mode():
        model = AutoModel.from_pretrained(tiny_dual / "llm").eval()
        states = [state[0].numpy() for state in model(tokens, output_hidden_states=True).hidden_states]
    found = encoder(wave)
    assert tuple(found) == LAYERS == encoder.layers
    for layer, expected in zip(LAYERS, states, strict=False):
        assert found[layer] == pytest.approx(expected[1:], abs=1e-5)
    vector = states[-1][-1] / np.linalg.norm(states[-1][-1])
    assert found["joint"] == pytest.approx(vector[None], abs=1e-5)
    assert (encoder.rate_of("layer02"), encoder.rate_of("joint"), encoder.deepest) == (100.0, 0.0, "layer02")


def test_nothing_depends_on_the_batch_neither_of_recordings_nor_of_texts(encoder, noise):
    waves, texts = noise(*LENGTHS), ["我吃饭", "我", "你看书你看书", "我吃饭"]
    together = encoder.encode(waves)
    for n, wave in enumerate(waves):
        for layer, alone in zip(together, encoder(wave).values(), strict=True):
            assert layer[n] == pytest.approx(alone, abs=1e-5)
    side = encoder.text_side()
    for text, vector in zip(texts, side.encode(texts)[0], strict=True):
        assert vector == pytest.approx(side(text)["joint"], abs=1e-5)
        assert vector.shape == (1, 32) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_texts_are_read_behind_the_prefix_of_the_variety_that_is_typed(tiny_dual, encoder, copied):
    texts = load_encoder(f"llm:{tiny_dual}", "cpu", "text")
    assert (texts.modality, texts.layers) == ("text", ("joint",))
    assert encoder.embed_text(["我吃饭"]) == pytest.approx(texts("我吃饭")["joint"], abs=1e-6)
    (copied / "dual.yaml").write_text("varieties: [cmn, yue]\ntext_variety: yue\n")
    other = load_encoder(f"llm:{copied}", "cpu", "text")("我吃饭")["joint"]
    assert not np.allclose(other, texts("我吃饭")["joint"], atol=1e-3)
    assert texts.reader.tokens("[cmn][text]我").tolist()[:2] == [
        texts.reader.model.tokenizer.convert_tokens_to_ids(token) for token in ("[cmn]", "[text]")
    ]


def test_the_text_side_is_the_model_itself(tiny_dual):
    spec = f"llm:{tiny_dual}"
    assert teacher_of(spec) == "" and teacher_identity(spec) == {}


def test_an_experiment_and_the_folder_in_it_are_one_encoder_and_each_file_counts(tiny_dual, copied):
    known = identity(f"llm:{tiny_dual}")
    assert identity(f"llm:{tiny_dual / 'llm'}") == known == identity(f"llm:{copied}")
    for name in ("dual.yaml", "units/units.yaml", "config.json"):
        before = identity(f"llm:{copied}")
        with (copied / name).open("a") as stream:
            stream.write("\n")
        assert identity(f"llm:{copied}") != before


def test_runs_that_are_one_unit_have_no_frame_rate(copied, noise):
    units_of(merged=True).save(copied / "units")
    (wave,) = noise(16_000)
    encoder = load_encoder(f"llm:{copied}", "cpu")
    units = encoder.units.assign(load_encoder("mfcc", "cpu")(wave)["mfcc"])
    assert len(encoder(wave)["layer01"]) == len(units) < 101
    assert (encoder.frame_rate, facts(f"llm:{copied}").frame_rate) == (0.0, 0.0)
    assert encoder.heard.stop == load_encoder("mfcc", "cpu").heard.stop


def test_what_is_longer_than_the_model_reads_is_refused(encoder, noise):
    assert longest(512, 100) == 5.11 and longest(512, 0) == float("inf")
    with pytest.raises(DataError, match="this encoder hears 400 samples .* to 81760 samples"):
        encoder(noise(90_000)[0])
    with pytest.raises(DataError, match="reads 512 tokens at once, got 602: cut the recording or the text"):
        encoder.embed_text(["我" * 600])


def test_the_layer_is_that_of_the_makers_or_chosen_on_the_development_set(tiny_dual, copied, tmp_path):
    assert recommended(f"llm:{tiny_dual}") == ("", "")
    (copied / "dual.yaml").write_text("varieties: []\nlayer: layer01\n")
    assert recommended(f"llm:{copied}") == ("layer01", "recommended by its makers")
    assert load_encoder(f"llm:{copied}", "cpu").recommended == "layer01"
    exp = tmp_path / "exp"
    shutil.copytree(tiny_dual, exp)
    write_json(exp / "train.json", {"dev_set": "dev"})
    (exp / "retrieval/dev").mkdir(parents=True)
    rows = ["layer\trecall_at_1\tmrr", "layer00\t0.1\t0.2", "layer02\t0.4\t0.5", "joint\t0.9\t0.9"]
    (exp / "retrieval/dev/pairs.tsv").write_text("\n".join(rows) + "\n")
    assert recommended(f"llm:{exp}") == ("layer02", "chosen on dev") == recommended(f"llm:{exp}")


def test_layers_are_known_before_weights_and_an_experiment_says_its_family(tiny_dual, tmp_path):
    assert layers_in_settings(f"llm:{tiny_dual}") == LAYERS == layers_in_settings(f"llm:{tiny_dual / 'llm'}")
    assert layers_in_settings("llm:nobody/nothing") == layers_in_settings(f"llm:{tmp_path}") == ()
    assert spec_of(tiny_dual) == f"llm:{tiny_dual}" and spec_of(tmp_path) == f"espnet:{tmp_path}"
    with pytest.raises(UserError, match=f"did you mean llm:{tiny_dual}"):
        check_spec(f"{tiny_dual}")


def lack(folder: Path, name: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def say(folder: Path, name: str, **values: object) -> None:
    path = folder / name
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: lack(f, "dual.yaml"), "no language model that reads units: neither has it dual.yaml nor a folder"),
        (lambda f: lack(f, "modules.json"), "modules.json: no such file"),
        (lambda f: lack(f, "units"), "no model of units, it has no units.yaml"),
        (lambda f: say(f, "dual.yaml", varieties="cmn"), "dual.yaml: varieties is a list of words"),
        (lambda f: say(f, "dual.yaml", text_variety=["cmn"]), "dual.yaml: varieties is a list of words"),
        (lambda f: say(f, "dual.yaml", text_variety="wuu"), "text_variety is one of varieties, got 'wuu'"),
        (lambda f: (f / "dual.yaml").write_text("- cmn"), "dual.yaml: must be a mapping of names to values"),
        (lambda f: (f / "dual.yaml").write_text("a: [\n"), "dual.yaml:2: not readable as YAML"),
        (lambda f: say(f, "units/units.yaml", encoder="espnet:../emb1/exp/a"), "units.yaml: the units of this model "
         "are those of espnet:../emb1/exp/a, which is not here .*: put it, or a link to it, there"),
        (lambda f: say(f, "units/units.yaml", encoder="espnet:./../../a"), "lies in the folder of its units, got"),
        (lambda f: say(f, "units/units.yaml", encoder="llm:."), "an encoder of speech that is no language model"),
        (lambda f: say(f, "units/units.yaml", encoder="nothing"), "units.yaml: .*unknown encoder 'nothing'"),
        (lambda f: say(f, "units/units.yaml", layer="layer09"), "--layer layer09: known are mfcc"),
        (lambda f: units_of(k=K + 2).save(f / "units"), "each unit as one token, 2 of 12 are lacking: <u6> <u7>$"),
        (lambda f: say(f, "dual.yaml", varieties=["cmn", "wuu"]), r"1 of 10 are lacking: \[wuu\]$"),
        (lambda f: (f / "modules.json").write_text('[{"path": "../other"}]'), "lie in the folder of their model"),
        (lambda f: (f / "model.safetensors").write_bytes(b"x"), "no model of the installed sentence-transformers"),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled weights are not loaded"),
    ],
    ids=range(18),
)  # fmt: skip
def test_a_folder_that_is_no_such_model_is_refused_in_a_sentence(copied, harm, told):
    harm(copied)
    with pytest.raises(UserError, match=told):
        load_encoder(f"llm:{copied}", "cpu")


def test_a_token_that_has_no_row_in_the_embeddings_is_told(tmp_path):
    folder = build_dual(tmp_path / "llm", tokens=[*prefix_tokens(["cmn", "yue"]), *unit_tokens(K)])
    settings = yaml.safe_load((folder / "tokenizer.json").read_text())
    extra = dict(settings["added_tokens"][-1], id=len(settings["added_tokens"]) + 99, content="<u6>")
    settings["added_tokens"].append(extra)
    write_json(folder / "tokenizer.json", settings)
    units_of(k=K + 1).save(folder / "units")
    with pytest.raises(DataError, match="1 of 11 are lacking: <u6>$"):
        load_encoder(f"llm:{folder}", "cpu")


def test_a_model_of_the_hub_is_read_from_its_cache(tiny_dual, cached, noise):
    cached("user/dual", tiny_dual / "llm")
    encoder = load_encoder("llm:user/dual", "cpu")
    (wave,) = noise(9_001)
    assert encoder(wave)["joint"] == pytest.approx(load_encoder(f"llm:{tiny_dual}", "cpu")(wave)["joint"])
    assert facts("llm:user/dual").layers == LAYERS == layers_in_settings("llm:user/dual")

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fangyan.encoders import identity, load_encoder
from fangyan.errors import DataError, UserError

TEXTS = ("我吃饭", "你看书", "我", "你喝水我食飯", "睇")


@pytest.fixture
def copy(tiny_sentence, tmp_path):
    """A copy of the tiny model that may be changed."""
    return shutil.copytree(tiny_sentence, tmp_path / "copy")


def load(folder):
    return load_encoder(f"text:{folder}", "cpu", modality="text")


def change(file, **values):
    """Other values in a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_layers_are_the_hidden_states_and_the_sentence_by_which_texts_are_compared(tiny_sentence):
    encoder = load(tiny_sentence)
    assert encoder.layers == ("layer00", "layer01", "layer02", "sentence")
    assert (encoder.recommended, encoder.frame_rate, encoder.prefix) == ("sentence", 0.0, "")
    shapes = {name: features.shape for name, features in encoder("我吃饭").items()}
    assert shapes == dict.fromkeys(encoder.layers[:3], (5, 32)) | {
        "sentence": (1, 32)
    }  # [CLS] 我 吃 饭 [SEP]


def test_a_sentence_is_the_normalised_mean_of_what_transformers_gives_for_its_tokens(tiny_sentence):
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(tiny_sentence) for kind in (AutoModel, AutoTokenizer))
    with torch.inference_mode():
        states = model(**tokenizer("我吃饭", return_tensors="pt"), output_hidden_states=True).hidden_states
    mean = states[-1][0].mean(0).numpy()
    found = load(tiny_sentence)("我吃饭")
    assert np.allclose(found["sentence"][0], mean / np.linalg.norm(mean), atol=1e-6)
    for n, state in enumerate(states):
        assert np.allclose(found[f"layer{n:02d}"], state[0].numpy(), atol=1e-6)


def test_sentences_are_what_sentence_transformers_gives(tiny_sentence):
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(tiny_sentence), device="cpu").encode([*TEXTS])
    assert np.allclose(np.concatenate(load(tiny_sentence).encode(TEXTS)[-1]), expected, atol=1e-6)


def test_the_prefix_is_that_of_the_settings_unless_another_is_set(copy):
    plain = load(copy)("query:我")
    change(copy / "config_sentence_transformers.json", prompts={"q": "query:"}, default_prompt_name="q")
    encoder = load(copy)
    assert encoder.prefix == "query:"
    assert all(np.array_equal(features, plain[name]) for name, features in encoder("我").items())
    encoder.prefix = ""
    assert len(encoder("我")["layer00"]) == len(plain["layer00"]) - 2


def test_a_text_of_more_tokens_than_the_model_reads_is_refused_not_cut(tiny_sentence):
    encoder = load(tiny_sentence)
    assert len(encoder("我" * 14)["layer02"]) == 16
    with pytest.raises(DataError, match="^this encoder reads 16 tokens at once, got 17: cut the text$"):
        encoder.encode(["我", "我" * 15])
    encoder.prefix = "query:"
    with pytest.raises(DataError, match="got 17"):
        encoder("我" * 13)


def test_identity_is_that_of_settings_vocabulary_and_weights_of_every_module(copy):
    found = [identity(f"text:{copy}")]
    (copy / "README.md").write_text("about")
    (copy / "onnx").mkdir()
    (copy / "onnx/config.json").write_text("{}")
    assert identity(f"text:{copy}") == found[0]
    change(copy / "1_Pooling/config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)
    found.append(identity(f"text:{copy}"))
    (copy / "model.safetensors").write_bytes(b"other")
    found.append(identity(f"text:{copy}"))
    assert len({of["files"] for of in found}) == 3


def test_a_model_in_the_cache_of_the_hub_is_opened_without_a_network(tiny_sentence, cached):
    cached("user/tiny", tiny_sentence)
    found = load_encoder("text:user/tiny", "cpu", modality="text")
    assert np.array_equal(found("我")["sentence"], load(tiny_sentence)("我")["sentence"])
    assert set(identity("text:user/tiny")) == {"family", "files"}


def test_a_model_that_is_nowhere_is_named(tmp_path):
    with pytest.raises(
        UserError, match="nobody/nothing: no such path here, and the Hugging Face Hub did not give it"
    ):
        load("nobody/nothing")
    with pytest.raises(
        UserError, match=rf"text:{tmp_path}: no model of sentence-transformers, it has no modules.json"
    ):
        load(tmp_path)


@pytest.mark.parametrize("place", ["", "1_Pooling"])
def test_pickled_weights_and_adapters_are_refused(copy, place):
    (copy / place / "pytorch_model.bin").touch()
    if not place:
        load(copy)  # there are safe ones as well
        (copy / "model.safetensors").unlink()
    with pytest.raises(UserError, match="pickled weights are not loaded: save them as safetensors"):
        load(copy)
    (copy / place / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="an adapter alone: merge it"):
        load(copy)


def test_code_that_comes_with_a_model_is_not_run(copy):
    (copy / "custom.py").write_text("raise SystemExit('it ran')\n")
    modules = json.loads((copy / "modules.json").read_text())
    modules[1]["type"] = "custom.Pooling"
    (copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(
        UserError, match=r"wants code of its own to be run, which is not done here: .*custom\.Pooling"
    ):
        load(copy)
    modules[1]["type"] = "sentence_transformers.models.Pooling"
    (copy / "modules.json").write_text(json.dumps(modules))
    change(copy / "config.json", model_type="custom", auto_map={"AutoConfig": "custom.Config"})
    with pytest.raises(UserError, match="wants code of its own to be run"):
        load(copy)


def test_missing_weights_are_listed_and_a_missing_pooler_is_no_matter(copy):
    file = copy / "model.safetensors"
    weights = {key: value for key, value in load_file(file).items() if not key.startswith("pooler.")}
    save_file(weights, file, {"format": "pt"})
    load(copy)
    lost = "encoder.layer.0.attention.self.key.bias"
    save_file({key: value for key, value in weights.items() if key != lost}, file, {"format": "pt"})
    with pytest.raises(DataError, match=f"{copy}: the checkpoint is not one of BertModel: it lacks {lost}$"):
        load(copy)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("modules.json", "["),
        ("modules.json", "7"),
        ("modules.json", "[{}]"),
        ("config.json", "[]"),
        ("config.json", "{}"),
        ("1_Pooling/config.json", "{"),
        ("config_sentence_transformers.json", '{"default_prompt_name": "q"}'),
        ("sentence_bert_config.json", "3"),
        ("model.safetensors", "x"),
    ],
)
def test_what_is_no_model_ends_in_a_sentence(copy, file, text):
    (copy / file).write_text(text)
    with pytest.raises(UserError, match=str(copy)) as refused:
        load(copy)
    assert "\n" not in str(refused.value)

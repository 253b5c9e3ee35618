"""A language model that reads units, exported as one that writes, and the script of its page."""

import shutil

import numpy as np
import pytest
import torch
from dual_models import SIZES, build_dual, tokenizer, units_of
from pages import fences
from tower_models import random_model

from fangyan.data import audio
from fangyan.encoders.unit_strings import of_units, prefix_tokens, unit_tokens
from fangyan.errors import UserError
from fangyan.files import ROOT, write_json
from fangyan.publish.causal import export

NEW = [*prefix_tokens(["cmn", "yue"]), *unit_tokens(6)]


def states(folder, string: str) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states of the last layer, and the logits."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(string, return_tensors="pt")
    with torch.inference_mode():
        made = AutoModelForCausalLM.from_pretrained(folder).eval()(**tokens, output_hidden_states=True)
    return made.hidden_states[-1][0].numpy(), made.logits[0].numpy()


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    return build_dual(tmp_path_factory.mktemp("tied") / "exp" / "llm", tie_word_embeddings=True).parent


def test_the_script_of_the_page_feeds_it_the_units_of_a_recording(tied, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audio.write(tmp_path / "a.wav", np.random.default_rng(1).normal(0, 0.1, 4_000).astype(np.float32))
    assert export(tied, tmp_path / "causal") and not export(tied, tmp_path / "causal")
    (script,) = (text for language, text in fences(ROOT / "docs/llm_export.md") if language == "python")
    found: dict = {}
    exec(compile(script, "docs/llm_export.md", "exec"), found)
    assert found["tokens"]["input_ids"].shape == (1, 1 + len(found["frames"]))
    assert found["written"].shape[1] > found["tokens"]["input_ids"].shape[1]
    assert len(script.partition("\n\nunits = ")[2].splitlines()) == 5


def test_its_output_layer_is_its_embeddings_where_they_are_one(tied, tmp_path):
    from transformers import AutoModel

    export(tied, tmp_path / "causal")
    hidden, logits = states(tmp_path / "causal", of_units([3, 1], "yue"))
    table = AutoModel.from_pretrained(tied / "llm").get_input_embeddings().weight.detach().numpy()
    assert logits == pytest.approx(hidden @ table.T, abs=1e-4) and logits.shape == (4, len(table))
    assert not list((tmp_path / "causal").rglob("*.bin"))


def test_else_it_is_that_of_the_model_it_began_from_with_the_mean_for_new_tokens(tmp_path):
    import transformers

    old = tokenizer([])
    settings = transformers.LlamaConfig(vocab_size=len(old), **SIZES)
    base = random_model(transformers.LlamaForCausalLM, settings)
    base.save_pretrained(tmp_path / "base")
    old.save_pretrained(tmp_path / "base")
    exp = build_dual(tmp_path / "exp" / "llm", units_of()).parent
    write_json(exp / "train.json", {"init": f"{tmp_path / 'base'}"})
    export(exp, tmp_path / "causal")
    hidden, logits = states(tmp_path / "causal", of_units([3, 1], "yue"))
    head = base.lm_head.weight.detach().numpy()
    assert logits[:, : len(old)] == pytest.approx(hidden @ head.T, abs=1e-4)
    assert logits[:, len(old) :] == pytest.approx(
        (hidden @ head.mean(0))[:, None].repeat(len(NEW), 1), abs=1e-4
    )
    shutil.rmtree(tmp_path / "base")
    with pytest.raises(
        UserError, match=rf"^{exp}/llm: .* whose output layer is that of .*base, .*init.* not to be had"
    ):
        export(exp, tmp_path / "other")
    write_json(exp / "train.json", {"init": "random"})
    with pytest.raises(UserError, match=rf"^{exp}/llm: .* random weights with an output layer of its own"):
        export(exp, tmp_path / "other")


def test_an_experiment_of_another_kind_is_told(tmp_path):
    (tmp_path / "exp").mkdir()
    with pytest.raises(UserError, match="no language model that reads units"):
        export(tmp_path / "exp", tmp_path / "out")

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from fangyan.dual import fit
from fangyan.dual.train import train
from fangyan.dual.trainer import DualTrainer, computes_in_bf16
from fangyan.encoders import unit_model
from fangyan.encoders.unit_strings import of_text, of_units
from fangyan.errors import UserError
from fangyan.training import history, summary

ALL = {"speech_text": 1.0, "speech_speech": 0.5, "text_text": 0.5}


def weights(exp: Path) -> dict[str, torch.Tensor]:
    return load_file(exp / "llm" / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    found = [weights(exp) for exp in (one, other)]
    return all(torch.equal(found[0][name], found[1][name]) for name in found[0].keys() | found[1].keys())


def test_the_folder_is_a_model_of_sentence_transformers_with_its_units(trained):
    exp = trained.exp
    model = SentenceTransformer(f"{exp / 'llm'}", device="cpu")
    vectors = model.encode([of_units([1, 2], "yue"), of_text("我吃", "cmn"), of_text("我吃")])
    assert vectors.shape == (3, 32)
    assert (vectors**2).sum(1) == pytest.approx([1.0] * 3, abs=1e-5)
    told = yaml.safe_load((exp / "llm/dual.yaml").read_text())
    assert told == {"varieties": ["cmn", "yue"], "text_variety": "cmn", "text_column": "text_cmn"}
    assert unit_model.load(exp / "llm/units").k == 20
    assert model.tokenizer.tokenize(of_units([19], "cmn")) == ["[cmn]", "[speech]", "<u19>"]


def test_it_has_learnt_and_says_so_as_other_experiments_do(trained):
    epochs = history.read(trained.exp)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert history.measures(epochs) == ["loss", "acc_text"]
    assert epochs[-1].values["train_loss"] < epochs[0].values["train_loss"]
    assert max(epoch.values["valid_acc_text"] for epoch in epochs) > 0.3  # chance is 1 in 8
    told = summary.read(trained.exp)
    assert (told["task"], told["dev_set"], told["init"]) == ("dual", "dev", "random")
    assert told["pairs"] == {"speech_speech": 48, "speech_text": 48, "text_text": 24, "dev": 16}
    assert not (trained.exp / "train").exists()


def test_what_is_finished_is_up_to_date_and_what_changed_is_refused_by_name(trained, tmp_path):
    assert not train(trained)
    with pytest.raises(UserError, match=r"was started otherwise \(seed: 1 -> 2\)"):
        train(replace(trained, seed=2))
    other = tmp_path / "other.yaml"
    other.write_text(trained.config.read_text().replace("epochs: 3", "epochs: 4"))
    with pytest.raises(UserError, match=r"was started otherwise \(epochs: 3 -> 4\): choose another --tag"):
        train(replace(trained, config=other))
    dev = shutil.copytree(trained.dev, tmp_path / "dev")
    (dev / "units").write_text((dev / "units").read_text().replace(" 1 ", " 3 "))
    with pytest.raises(UserError, match="other development data"):
        train(replace(trained, dev=dev))


class Killed(BaseException):
    """What ends a training as a kill does: nobody catches it."""


def train_killed(job, monkeypatch, step: int) -> None:
    """Begins a training that is killed at a step."""
    left = iter(range(step))

    def until(self, *args, **kwargs):
        if next(left, None) is None:
            raise Killed
        return take(self, *args, **kwargs)

    take = DualTrainer.training_step
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(DualTrainer, "training_step", until)
        train(job)


@pytest.mark.parametrize("step", [4, 15])
def test_killed_at_any_step_it_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch, step):
    job = replace(trained, exp=tmp_path / "exp")
    train_killed(job, monkeypatch, step)
    half = job.exp / "train" / "checkpoint-99"  # as a kill within the writing of one leaves it
    half.mkdir()
    (half / "trained.safetensors").write_bytes(b"half")
    assert train(job)
    assert same(job.exp, trained.exp)
    values = [[epoch.values for epoch in history.read(exp)] for exp in (job.exp, trained.exp)]
    assert values[0] == values[1]


def test_it_ends_after_so_many_steps_and_killed_then_it_trains_no_more(job, monkeypatch):
    run = job(max_steps=4, hard_negatives=0.2)

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("fangyan.dual.train.replace_folder", kill)
        train(run)
    monkeypatch.setattr(DualTrainer, "training_step", kill)
    assert train(run)
    assert [epoch.epoch for epoch in history.read(run.exp)] == [1]


@pytest.mark.skipif(not computes_in_bf16(), reason="nothing in this machine computes in bfloat16")
def test_in_bf16_the_weights_stay_in_single_precision(job):
    run = job(bf16=True, max_steps=2)
    run = job(bf16=True, max_steps=2, pretrain_text={"data": [f"{run.train}"], "epochs": 1})
    train(run)
    assert {weight.dtype for weight in weights(run.exp).values()} == {torch.float32}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lora": {"modules": ["q_prj"]}}, "dual.yaml: lora: modules: .*q_prj"),
        ({"lora": {"modules": ["embed_tokens"]}}, "dual.yaml: lora: modules: .*trainable_token_indices"),
        ({"llm_conf": {"hidden_siz": 3}}, "dual.yaml: llm_conf: .*unknown key 'hidden_siz'"),
        ({"max_tokens": 4096}, "max_tokens: random reads 2048 tokens at most, got 4096"),
        ({"bf16": True}, "dual.yaml: bf16: nothing in this machine computes in it"),
        (
            {"llm": "nobody/nothing"},
            "nobody/nothing: no such path here, and the Hugging Face Hub did not give it",
        ),
    ],
)
def test_what_the_language_model_cannot_do_is_told(job, values, said, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=said):
        train(job(**values))


def test_where_memory_is_short_it_is_told_what_to_set(job, monkeypatch):
    def fail(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(DualTrainer, "training_step", fail)
        with pytest.raises(UserError, match="memory is short for a batch of 8: set mini_batch_size below 8"):
            train(job())
    assert train(job(batch_size=4, max_steps=1))  # of what was begun there was nothing


def test_a_loss_that_is_not_finite_ends_it(job):
    with pytest.raises(UserError, match=r"the loss is (nan|inf): a lower learning_rate"):
        train(job(learning_rate=1e30, warmup=0.0))


def test_the_best_epoch_is_kept(job, monkeypatch):
    found = iter([0.25, 0.75, 0.5])
    monkeypatch.setattr(fit.Retrieval, "__call__", lambda self, model, *_, **__: {"acc_text": next(found)})
    saved = {}
    save = DualTrainer._save
    monkeypatch.setattr(
        DualTrainer,
        "_save",
        lambda self, folder, *_: (
            saved.update({folder: self.model[0].model.norm.weight.clone()}) or save(self, folder)
        ),
    )
    run = job(epochs=3, pretrain_text={"data": [f"{job().train}"], "epochs": 1})
    assert train(run)
    assert torch.equal(weights(run.exp)["norm.weight"], list(saved.values())[1])


def test_low_rank_updates_train_the_new_rows_and_leave_the_old(job, tmp_path, monkeypatch):
    from fangyan.dual import vocabulary

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    for part in vocabulary.make(sizes, ["我你他吃喝看饭水书茶"]):
        part.save_pretrained(tmp_path / "lm")
    before = load_file(tmp_path / "lm/model.safetensors")
    low = {
        "lora": {"rank": 2, "dropout": 0.1},
        "new_rows": "centroids",
        "pooling": "mean",
        "mini_batch_size": 4,
    }
    run, other = (job(exp, llm=f"{tmp_path / 'lm'}", llm_conf={}, **low) for exp in ("exp", "killed"))
    assert train(run)
    after, old = weights(run.exp), before["model.embed_tokens.weight"]
    assert torch.equal(after["embed_tokens.weight"][: len(old)], old)
    assert len(after["embed_tokens.weight"]) == len(old) + 20 + 4
    for name in ("q_proj", "k_proj"):
        key = f"layers.0.self_attn.{name}.weight"
        assert torch.equal(after[key], before[f"model.{key}"]) == (name == "k_proj")
    assert not any("lora" in name for name in after)
    train_killed(other, monkeypatch, 9)
    assert train(other)
    assert same(other.exp, run.exp)

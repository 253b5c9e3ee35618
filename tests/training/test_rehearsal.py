"""What would end a training late or in a traceback is told before its statistics are taken."""

import gc
import weakref
from dataclasses import replace
from inspect import signature

import pytest
import torch
import yaml

from fangyan.config import compose
from fangyan.encoders.espnet_build import task_class
from fangyan.errors import DataError, UserError
from fangyan.features.dump import dump, layers
from fangyan.training import collect_stats, train
from fangyan.training.ranks import Rank
from fangyan.training.training import _rehearse


@pytest.fixture
def other(job, tmp_path):
    """A function: an experiment like ``job`` with other settings in another folder."""

    def make(settings):
        config = tmp_path / "other.yaml"
        config.write_text(f"include: {job.config}\n{settings}\n")
        return replace(job, config=config, exp=tmp_path / "exp" / "other")

    return make


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "model_conf: {ctc_weight: 1.0}",
            r"best_model_criterion: valid acc is not among .*: .*valid cer_ctc.*; write best_model_criterion: "
            r"\[\[valid, loss, min\]\], say$",
        ),
        (
            "freeze_param: [encoder.encoders.1, encodr]",
            "freeze_param: no parameter of the model is below 'encodr'",
        ),
        ("freeze_param: encoder", "freeze_param: a list is needed, got 'encoder'"),
        ("init_param: some.pth", "init_param: a list is needed, got 'some.pth'"),
        ("encoder_conf: {num_blocks: 0}", "EBranchformerEncoder has no embed and encoders"),
        ("frontend_conf: {fs: 8k}", "frontend_conf: fs is 16000, the rate of all audio here, got '8k'"),
        ("model_conf: {interctc_weight: 0.3}", "interctc_weight does nothing without encoder_conf: interctc"),
        ("model_conf: {lsm_weight: .inf}", "rehearsal/train/wav.scp: the loss is nan for a batch of noise-0"),
        ("best_model_criterion: [[valid, los, min]]", "valid los is not among .* valid loss"),
        ("best_model_criterion: [[valid, acc, max], [dev, acc, max]]", "dev acc is not among"),
        ("best_model_criterion: [[train, cer_ctc, min]]", "train cer_ctc is not among"),
        (
            "model_conf: {ctc_weight: 0.0}\nbest_model_criterion: [[valid, cer_ctc, min]]",
            "valid cer_ctc is not among",
        ),
        ("best_model_criterion: [[valid, acc, best]]", "best acc is its min or its max, got 'best'"),
        ("best_model_criterion: [[valid, cer_ctc, max]]", "best cer_ctc is its min, got 'max'"),
        ("task: alignd", "task 'alignd' is not installed: did you mean 'align'"),
        ("task: [asr]", "task is the name of a training task, got .'asr'.$"),
        ("early_stopping_criterion: [valid, ac, max]", "early_stopping_criterion: valid ac is not among"),
        ("val_scheduler_criterion: [valid, bleu]", "val_scheduler_criterion: valid bleu is not among"),
        ("dry_run: true", "nothing is trained"),
        ("print_config: true", "it ends without having trained"),
        ("no_forward_run: true", "nothing is trained"),
        ("use_wandb: true", "use_wandb: wandb is not installed"),
        ("use_deepspeed: true", "use_deepspeed: "),
        ("optim_conf: {lr: 1e-3}", r"optim_conf \(Adam\): .*'float' and 'str'"),  # a word to YAML
        ("optim: lbfgs\noptim_conf: {}", r"optim_conf \(LBFGS\): .*closure"),
        ("scheduler_conf: {warmup_steps: 0}", r"scheduler_conf \(WarmupLR\): "),
        ("encoder_conf: {num_blocks: two}", r"encoder_conf \(EBranchformerEncoder\): .*num_blocks"),
        ("encoder_conf: {attention_heads: 5}", r"encoder_conf \(EBranchformerEncoder\): .*n_feat % n_head"),
        ("frontend_conf: {hop_length: 0}", r"frontend_conf \(DefaultFrontend\): .*hop_length > 0"),
        ("ctc_conf: {ctc_typ: builtin}", "unexpected keyword argument 'ctc_typ'"),
        ("decoder: null\ndecoder_conf: {}", r"model_conf \(ESPnetASRModel\): .*decoder should not be None"),
        ("freeze_param: [encoder, decoder, ctc]", "does not require grad"),
        ("optim_conf: {lr: 1.0e+30}", "the loss is nan .*the learning rate is too high"),
        ("freeze_layers: 9", "the encoder has 2 blocks, got 9"),
        ("init_param: [nowhere.pth]", "nowhere.pth"),
        ("batch_type: folded", "batch_type: folded .*fold_lengths"),
        ("iterator_type: category", "category2utt"),
        ("use_preprocessor: false", '"text" is still'),
        (
            "seed: 3\ntoken_type: word\nngpu: 2",
            r"without effect .*: seed \(--seed says it\), token_type \(--tokens .*, ngpu \(",
        ),
        (
            "encoder_conf: {num_blocks: 4, interctc_layer_idx: [4]}",
            r"encoder_conf \(EBranchformerEncoder\): ",
        ),
    ],
)
def test_a_setting_with_which_training_would_fail_is_told_with_file_and_key(other, settings, message):
    bad = other(settings)
    with pytest.raises(UserError, match=rf"^\S+other\.yaml: .*{message}") as told:
        collect_stats(bad)
    assert "\n" not in str(told.value)
    assert not bad.stats.exists()


def test_training_tells_it_too_before_its_first_epoch(job, other):
    bad = other("best_model_criterion: [[valid, los, min]]")
    bad.exp.mkdir(parents=True)
    bad.stats.symlink_to(job.stats)
    with pytest.raises(DataError, match="valid los is not among"):
        train(bad)
    assert not (bad.exp / "checkpoint.pth").exists()


def test_initial_weights_are_named_once(other):
    bad = replace(other("init_param: [some.pth]"), init="openai/whisper-tiny")
    with pytest.raises(DataError, match=r"other\.yaml: init_param and --init both name initial weights"):
        collect_stats(bad)


def test_a_rehearsal_leaves_nothing_behind(job, monkeypatch):
    task, built = task_class(), []
    build = task.build_model.__func__
    keep = classmethod(lambda cls, args: built.append(weakref.ref(model := build(cls, args))) or model)
    monkeypatch.setattr(task, "build_model", keep)
    before, save = sorted(job.exp.rglob("*")), torch.save
    gc.disable()
    try:
        _rehearse(job, compose(job.config), Rank())
        assert [model() for model in built] == [None]
    finally:
        gc.enable()
    assert sorted(job.exp.rglob("*")) == before
    assert torch.save is save


def test_a_rehearsal_trains_few_blocks_of_a_deep_model_with_all_that_its_settings_name(other, monkeypatch):
    from fangyan.training import rehearsal

    deep = "encoder_conf: {num_blocks: 9, interctc_layer_idx: [4], layer_drop_rate: 0.1}\nfreeze_layers: 7"
    job = other(
        f"{deep}\ndecoder_conf: {{num_blocks: 5}}\nmodel_conf: {{interctc_weight: 0.3}}\nlayer_decay: 0.9"
    )
    depths = []
    check = rehearsal.check_blocks

    def seen(model, *others):
        depths.append((len(model.encoder.encoders), len(model.decoder.decoders)))
        check(model, *others)

    monkeypatch.setattr(rehearsal, "check_blocks", seen)
    _rehearse(job, compose(job.config), Rank(), {"normalize": None, "normalize_conf": {}})
    assert depths == [(4, 4)]


SMALL = {
    "output_size": 32,
    "num_blocks": 2,
    "attention_heads": 4,
    "linear_units": 32,
    "cgmlp_linear_units": 32,
}
SMALL |= {"hidden_size": 32, "num_layers": 1, "conv_kernel_length": [3, 3], "attention_windows": [8, 8]}
SMALL |= {
    "attention_dilation": [1, 1],
    "encoder_num_layers": 1,
    "encoder_embed_dim": 32,
    "encoder_num_heads": 4,
}
SMALL |= {"encoder_ff_interm_features": 32, "beats_config": {"encoder_layers": 1, "encoder_embed_dim": 32}}
SHORT = {"max_epoch": 1, "num_iters_per_epoch": 1}
TRAIN = {"conformer", "transformer", "branchformer", "e_branchformer", "multiconv_conformer", "hf_whisper"}
DECODE = {"transformer", "rnn", "lightweight_conv", "lightweight_conv2d", "dynamic_conv", "dynamic_conv2d"}


def shrunk(part):
    """Name -> small options of each class that ESPnet has for a part of its model."""
    classes = task_class().known_classes()[part]
    sizes = {name: signature(chosen).parameters.keys() & SMALL for name, chosen in classes.items()}
    return {name: {key: SMALL[key] for key in keys} for name, keys in sizes.items()}


@pytest.mark.parametrize(("part", "known"), [("encoder", TRAIN), ("decoder", DECODE)])
def test_every_class_of_espnet_is_trained_and_dumped_or_refused_in_a_sentence(
    part, known, few, micro_config, tmp_path
):
    worked = set()
    for name, options in shrunk(part).items():
        config = tmp_path / f"{name}.yaml"
        config.write_text(
            yaml.safe_dump({"include": str(micro_config), part: name, f"{part}_conf": options} | SHORT)
        )
        one = replace(few, config=config, exp=tmp_path / "exp" / name)
        try:
            collect_stats(one)
        except UserError as error:
            assert str(error).startswith(f"{one.config}: ") and "\n" not in str(error)
            assert not one.stats.exists()
            continue
        train(one)
        assert len(layers(dump(f"espnet:{one.exp}", [one.dev], tmp_path / "feats" / name)[0])) > 1
        worked.add(name)
    assert worked >= known

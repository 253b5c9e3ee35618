"""The task pretrain on the micro corpus: trained, resumed, what starts from it and reads it, and what it refuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pretrained import PRETRAIN, write_texts, write_units
from safetensors.torch import load_file

from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.errors import DataError, UserError
from fangyan.files import read_table, stamp
from fangyan.training import Run, collect_stats, summary, train, write_tokens
from fangyan.training.tasks.pretrain import Task
from fangyan.training.unit_checks import check_masks, check_texts, check_units

TEXTS = ["我吃饭", "你看书水", "喝水我看", "书我你", "你喝"]


@pytest.fixture(scope="module")
def recipe(singer, tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("pretrain")
    for name in ("train", "dev"):
        write_units(singer(home / "data", name, ("我吃饭", "你看书", "我喝水", "看我吃")))
    write_texts(home / "data/texts", TEXTS)
    write_tokens(home / "data/train", "text_cmn", home / "data/tokens")
    return home


@pytest.fixture(scope="module")
def make(recipe, micro_config):
    """A function: a run of a configuration with further keys, its statistics collected."""
    base = recipe / "base.yaml"
    base.write_text(PRETRAIN.format(base=micro_config, texts=recipe / "data/texts"))

    def job(name: str, keys: str = "") -> Run:
        config = recipe / f"{name}.yaml"
        config.write_text(f"include: {base}\n{keys}")
        data, exp = recipe / "data", recipe / "exp" / name
        made = Run(config, data / "train", data / "dev", data / "tokens", "text_cmn", 1, exp)
        collect_stats(made)
        return made

    return job


@pytest.fixture(scope="module")
def trained(make) -> Run:
    job = make("all")
    assert train(job)
    return job


def test_what_is_measured_is_told_of_every_epoch(trained):
    rows = read_table(trained.exp / "history.tsv")
    assert len(rows) == 2
    for name in ("loss", "loss_speech", "loss_shared", "loss_ctc_text"):
        assert all(float(row[f"{role}_{name}"]) > 0 for row in rows for role in ("train", "valid"))
    for name in ("train_acc_speech", "valid_acc_speech", "train_acc_shared", "valid_acc_shared"):
        assert all(0 <= float(row[name]) <= 1 for row in rows)
    assert float(rows[-1]["valid_cer_text"]) > 0
    assert not train(trained)


def test_the_experiment_says_of_which_model_its_units_are(make, trained, recipe):
    assert summary.read(trained.exp)["units"] == ""  # nothing tells it of columns by hand
    job, data = make("stamped"), recipe / "data/train"
    stamp(data / ".units/units", {"centroids": "abc"}, [data / "units"])
    try:
        assert Task.summary(job) == {"units": "abc"}
    finally:
        shutil.rmtree(data / ".units")


def weights(job: Run, name: str = "2epoch.pth"):
    return torch.load(job.exp / name, weights_only=True)


def test_a_killed_run_resumes_to_the_same_weights(make, trained):
    half = make("half", "max_epoch: 1\n")
    train(half)
    half.config.write_text(half.config.read_text().replace("max_epoch: 1", "max_epoch: 2"))
    assert train(half)
    one, two = weights(half), weights(trained)
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_it_is_an_encoder_like_any_other_and_packed_it_is_that_alone(trained, tmp_path):
    from fangyan.encoders import espnet_model

    wave = audio.read(datadir.read(trained.dev)[0].wav)
    whole = load_encoder(f"espnet:{trained.exp}", "cpu")(wave)
    assert list(whole) == ["layer00", "layer01", "layer02", "norm"]
    espnet_model.write_bare(trained.exp, {}, tmp_path / "model")
    alone = load_encoder(f"espnet:{tmp_path / 'model'}", "cpu")(wave)
    assert all(whole[layer] == pytest.approx(alone[layer], abs=1e-6) for layer in whole)
    kept = load_file(tmp_path / "model/encoder.safetensors")
    assert not any(key.startswith(("heads.", "embedding", "speech_mask", "text_mask")) for key in kept)


def test_recognition_starts_from_it_and_with_its_ctc_if_asked_for(trained, micro_config):
    config = trained.config.with_name("finetune.yaml")
    ctc = "decoder: null\nmodel_conf: {ctc_weight: 1.0}\ninit_heads: true\nmax_epoch: 1\n"
    config.write_text(f"include: {micro_config}\n{ctc}best_model_criterion: [[valid, cer_ctc, min]]\n")
    job = replace(trained, config=config, exp=trained.exp.with_name("finetune"), init=f"espnet:{trained.exp}")
    collect_stats(job)
    started, before = torch.load(job.exp / "init/encoder.pth", weights_only=True), weights(trained)
    assert {key.partition(".")[0] for key in started} == {"encoder", "ctc"}
    assert train(job)
    assert read_table(job.exp / "history.tsv")[0]["valid_cer_ctc"]
    assert before.keys() > started.keys()


def test_other_texts_or_units_are_not_what_was_learnt(make, trained):
    texts = trained.train.parent / "texts/text"
    before = texts.read_text()
    try:
        texts.write_text(before.replace("你喝", "你看"))
        with pytest.raises(UserError, match="was started otherwise .other texts.: choose another --tag"):
            train(trained)
    finally:
        texts.write_text(before)
    assert not train(trained)


def test_speech_alone_is_learnt_with_any_split_encoder(make):
    blocks = "encoder: transformer\nencoder_conf: {num_blocks: 2, output_size: 32, linear_units: 64}\n"
    job = make(
        "alone", f"{blocks}model_conf: {{swap: false}}\ntext_data: []\ntext_dev: []\ncrop_seconds: 0.5\n"
    )
    assert train(job)
    row = read_table(job.exp / "history.tsv")[-1]
    assert row["valid_loss_ctc_text"] == "" and float(row["valid_acc_shared"]) >= 0


def test_two_ranks_train_on_their_own_speech_and_texts(make, forked):
    job = make("ranks", "encoder_conf: {layer_drop_rate: 0.5}\n")
    assert forked(lambda here: train(job, here)) == [0, 0]
    assert float(read_table(job.exp / "history.tsv")[-1]["valid_acc_shared"]) >= 0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "model_conf: {speech_layers: 2}",
            "speech_layers is from 1 to 1, of the 2 blocks of the encoder, got 2",
        ),
        ("model_conf: {colour: red}", "model_conf .Pretrained.: .*colour"),
        (
            "encoder_conf: {input_layer: null}",
            "positions behind the input layer .*, got EBranchformerEncoder",
        ),
        ("text_data: data/none", "text_data: a list is needed"),
        (
            "text_data: [data/none]",
            "data/none/text: no such file: a directory of texts as units has text and units",
        ),
        ("crop_seconds: 0", r"crop_seconds: at least 0\.1 is needed, got 0"),
        ("text_ratio: .inf", "refused.yaml: text_ratio: at most 1000 is needed, got inf"),
        ("model_conf: {swap: 'no'}", "refused.yaml: model_conf: swap is true or false, got 'no'"),
        (
            "model_conf: {temperature: .inf}",
            r"model_conf: temperature is a number from 0\.001 up, got inf",
        ),
        ("units_column: 3", "refused.yaml: units_column: the name of a table .* got 3"),
        ("units_column: text", "refused.yaml: units_column: the name of a table .* got 'text'"),
        ("text_data: [3]", r"refused.yaml: text_data: a list of directories of texts is needed, got \[3\]"),
        ("text_data: []", "refused.yaml: text_dev: texts to measure by, of which text_data names none"),
        ("text_units: 5", "no text to learn from: of 0 .* and 5 have more than 5 units"),
        ("text_form: OK", "without effect in a configuration.*text_form .--text_form says it"),
        ("units_column: letters", "train/letters: no such column"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(make, keys, message):
    with pytest.raises(DataError, match=message):
        make("refused", keys)


def test_speech_for_texts_and_texts_named_twice_are_refused(make, recipe):
    speech, texts = recipe / "data/train", recipe / "data/texts"
    with pytest.raises(DataError, match=r"train/wav\.scp: a directory of texts as units has no recordings"):
        make("refused", f"text_data: [{speech}]")
    with pytest.raises(DataError, match="texts: is named twice among the directories of texts"):
        make("refused", f"text_data: [{texts}, {texts}/]")


def test_what_a_mask_covers_whole_is_told(make, capsys):
    # 3 tones of 0.2, 0.22, 0.24 and 0.2 s (看我吃, 0.6 s) at 25 frames a second; texts of 4 to 8 frames.
    job = make("covered", "model_conf: {mask_length: 13}\n")
    check_masks(job)
    check_texts(job)
    told = capsys.readouterr().err
    assert f"{job.train}: 6 of 12 utterances have at most 14 frames, all of which are masked" in told
    assert "text_data: 1 of 5 texts have at most 14 frames, all of which are masked (mask_length: 13)" in told


def test_where_nothing_is_learnt_of_texts_it_is_told(make, capsys):
    check_texts(make("unread", "model_conf: {unit_ctc: 0}\n"))
    assert (
        "text_data, text_dev: unit_ctc is 0, by which nothing is learnt of texts" in capsys.readouterr().err
    )


def test_units_that_are_not_those_of_the_recording_or_the_model_are_told_with_their_line(make, trained):
    job = make("wrong")
    file = job.train / "units"
    before = file.read_text()
    first = before.splitlines()[1]
    key = first.split()[0]
    try:
        for value, message in (
            (
                "1 2 3",
                rf"units:2: 50 units a second .label_rate of .*wrong.yaml. are \d+ of .* got 3 of {key}",
            ),
            (f"{first.split(' ', 1)[1]} 8", "units:2: units are whole numbers from 0 to 7, of a model of 8"),
        ):
            file.write_text(before.replace(first, f"{key} {value}"))
            with pytest.raises(DataError, match=message):
                check_units(job)
    finally:
        file.write_text(before)


def test_what_is_lost_of_texts_is_told(make, trained, tmp_path, capsys):
    texts = write_texts(tmp_path / "texts", ["我吃", "我", "书我书我", "吃饭吃饭吃饭"], 4)
    # As many frames as 8, 4, 16 and 24 units last: half of them; characters: 6, none, 1, and too many units.
    (texts / "text").write_text("t000 我我吃吃饭饭\nt001 。\nt002 鸭\nt003 我\n")
    config = trained.config.with_name("lost.yaml")
    config.write_text(f"include: base.yaml\ntext_data: [{texts}]\ntext_dev: []\ntext_units: 16\n")
    check_texts(replace(trained, config=config))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "text_data: 1 texts of which the normal form leaves nothing are left out",
        "text_data: 1 texts of more than 16 units (text_units) are left out: cut them into sentences",
        "text_data: 1 of 2 texts have fewer frames than characters, which teaches nothing",
        "text_data: 1 of 2 texts have at most 5 frames, all of which are masked (mask_length: 4): they teach little",
        "text_data: 1 characters of texts are no tokens and stand as <unk>: 鸭",
    ]

import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import UserError
from fangyan.files import DONE, read_table, write_json
from fangyan.training import train
from fangyan.training.checkpoints import NEWEST
from fangyan.training.resuming import STARTED, _lost, _ranked, check_unchanged, deciding_settings

BASE = {
    "batch_size": 8,
    "encoder_conf": {"num_blocks": 2},
    "max_epoch": 4,
    "best_model_criterion": [["valid", "acc", "max"]],
    "keep_nbest_models": 2,
}
NUMBERS = {1: (0.1, 4.0), 2: (0.4, 2.0), 3: (0.3, 3.0), 4: (0.2, 1.0)}  # acc, loss


def stamp(settings=BASE, **others):
    return {
        "settings": deciding_settings(settings),
        "seed": 1,
        "target": "text_cmn",
        "train": "a",
        "valid": "b",
    } | others


@pytest.fixture
def exp(tmp_path):
    """An experiment folder of four epochs, of which those are kept that ESPnet keeps: the two best and the last."""
    write_json(tmp_path / STARTED / DONE, stamp())
    told = {n: {"valid": {"acc": acc, "loss": loss}} for n, (acc, loss) in NUMBERS.items()}
    torch.save({"reporter": {"stats": told}}, tmp_path / NEWEST)
    for epoch in (2, 3, 4):
        (tmp_path / f"{epoch}epoch.pth").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 4}, r"\(batch_size: 8 -> 4\): choose another --tag or remove the folder"),
        ({"encoder_conf": {"num_blocks": 3}}, r"\(encoder_conf.num_blocks: 2 -> 3\)"),
        ({"encoder_conf": {}}, r"\(encoder_conf.num_blocks: 2 -> unset\)"),
        ({"accum_grad": 2}, r"\(accum_grad: 1 -> 2\)"),  # 1 is what ESPnet takes where nothing is said
        ({"grad_clip": 1.0, "batch_size": 4}, r"\(batch_size: 8 -> 4, grad_clip: 5.0 -> 1.0\)"),
        ({"specaug": "specaug"}, r"\(specaug: null -> specaug\)"),
        ({"max_epoch": 3}, "max_epoch: 4 -> 3: 4 epochs are trained: choose another --tag"),
        (
            {"keep_nbest_models": 4},
            "keep_nbest_models: 2 -> 4: the weights of epoch 1 would belong to it, and were",
        ),
        ({"keep_nbest_models": [1, 4]}, r"keep_nbest_models: 2 -> \[1, 4\]: the weights of epoch 1 would"),
        (
            {"best_model_criterion": [["valid", "acc", "min"]]},
            "best_model_criterion: .* the weights of epoch 1 would",
        ),
    ],
)
def test_what_changes_the_outcome_is_refused_by_name(exp, changes, said):
    with pytest.raises(UserError, match=said):
        check_unchanged(exp, stamp(BASE | changes))


def test_a_patience_by_which_training_would_have_ended_before_is_refused(exp):
    criterion = {"early_stopping_criterion": ["valid", "acc", "max"]}
    write_json(exp / STARTED / DONE, stamp(BASE | criterion))
    check_unchanged(exp, stamp(BASE | criterion | {"patience": 2}))
    check_unchanged(
        exp, stamp(BASE | criterion | {"patience": 1})
    )  # after the fourth epoch, which is the last
    with pytest.raises(
        UserError, match="patience: null -> 0: it would have ended after epoch 3, and 4 are trained"
    ):
        check_unchanged(exp, stamp(BASE | criterion | {"patience": 0}))


@pytest.mark.parametrize(
    "changes",
    [
        {"num_workers": 4, "log_interval": 10, "use_tensorboard": True, "num_att_plot": 3, "ngpu": 1},
        {"valid_batch_size": 1, "nbest_averaging_interval": 2, "seed": 7},
        {"accum_grad": 1, "patience": None},  # said, or left to ESPnet: the same
        {"max_epoch": 5, "patience": 3},
        {"keep_nbest_models": 1},
        {"keep_nbest_models": 3},
        {"best_model_criterion": [["valid", "loss", "min"]], "keep_nbest_models": 3},
        {"best_model_criterion": [["valid", "loss", "min"], ["valid", "acc", "max"]]},
    ],
)
def test_what_leaves_the_outcome_as_from_the_beginning_may_change(exp, changes):
    if changes.get("keep_nbest_models") == 3:
        (exp / "4epoch.pth").unlink()  # the newest one is written again from the checkpoint
    check_unchanged(exp, stamp(BASE | changes))


def test_batches_of_validation_count_where_the_learning_rate_hears_it():
    plateau = {"scheduler": "reducelronplateau", "valid_batch_size": 1}
    assert "valid_batch_size" in deciding_settings(plateau)
    assert "valid_batch_size" not in deciding_settings(plateau | {"scheduler": "warmuplr"})


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"seed": 2}, r"\(seed: 1 -> 2\)"),
        ({"target": "text"}, r"\(target: text_cmn -> text\)"),
        ({"train": "c"}, r"\(other training data\)"),
        ({"valid": "c", "init": "d"}, r"\(other initial weights, other development data\)"),
    ],
)
def test_other_materials_are_named(exp, others, said):
    with pytest.raises(UserError, match=f"was started otherwise {said}: choose another"):
        check_unchanged(exp, stamp(**others))


def test_a_file_that_a_setting_names_is_known_by_its_content(exp, tmp_path):
    noise = tmp_path / "noise.scp"
    noise.write_text("a a.wav\n")
    settings = BASE | {"noise_scp": str(noise)}
    write_json(exp / STARTED / DONE, stamp(settings))
    check_unchanged(exp, stamp(settings))
    noise.write_text("b b.wav\n")
    with pytest.raises(UserError, match=r"\(other content of noise_scp\)"):
        check_unchanged(exp, stamp(settings))


@pytest.mark.parametrize("earlier", [{"config": "0a", "seed": 1, "stats": "0b"}, {"settings": "0a"}, []])
def test_a_stamp_without_settings_says_so(exp, earlier):
    (exp / STARTED / DONE).write_text(json.dumps(earlier))
    with pytest.raises(
        UserError, match="started by an earlier version, which did not write down .*--tag .*--stage decode"
    ):
        check_unchanged(exp, stamp())


@pytest.fixture
def changed(job, tmp_path):
    """A function: a copy of the trained experiment under other settings."""
    shutil.copytree(job.exp, tmp_path / "exp", symlinks=True)

    def change(overlay):
        config = tmp_path / "changed.yaml"
        config.write_text(f"include: {job.config}\n{overlay}\n")
        return replace(job, config=config, exp=tmp_path / "exp")

    return change


def test_a_finished_training_stays_so_and_an_unfinished_one_goes_on_with_what_weights_do_not_feel(changed):
    overlay = "num_workers: 0\nlog_interval: 10\nuse_tensorboard: true\nvalid_batch_size: 1\n"
    assert not train(changed(overlay))
    assert train(changed(overlay + "max_epoch: 3\n"))
    assert [row["epoch"] for row in read_table(changed("").exp / "history.tsv")] == ["1", "2", "3"]
    with pytest.raises(UserError, match="max_epoch: 3 -> 2: 3 epochs are trained"):
        train(changed(overlay))


@pytest.mark.parametrize("name", ["valid.acc.ave.pth", "config.yaml", "history.tsv", "train.json"])
def test_a_finished_training_whose_files_are_gone_makes_them_again(changed, name):
    same = changed("")
    assert not train(same)
    before = (same.exp / name).read_bytes()
    (same.exp / name).resolve().unlink()
    assert train(same) and not train(same)
    assert name == "config.yaml" or (same.exp / name).read_bytes() == before


def test_other_epochs_of_a_finished_training_are_chosen_again(changed):
    other = changed("best_model_criterion: [[valid, loss, min], [valid, acc, max]]\nkeep_nbest_models: 2")
    exp = other.exp
    assert train(other)
    assert not train(other)
    assert yaml.safe_load((exp / "config.yaml").read_text())["best_model_criterion"][0] == [
        "valid",
        "loss",
        "min",
    ]
    chosen = torch.load(exp / "valid.loss.ave.pth", weights_only=True)
    one, two = (torch.load(exp / f"{epoch}epoch.pth", weights_only=True) for epoch in (1, 2))
    for name, value in chosen.items():
        if value.is_floating_point():
            assert torch.allclose(value, (one[name] + two[name]) / 2), name


def test_a_refused_change_leaves_everything_as_it_was(changed):
    other = changed("batch_size: 2")
    before = {path: path.stat().st_mtime_ns for path in other.exp.glob("*.*")}
    with pytest.raises(UserError, match=r"was started otherwise \(batch_size: 4 -> 2\)"):
        train(other)
    assert {path: path.stat().st_mtime_ns for path in other.exp.glob("*.*")} == before


numbers = st.lists(st.integers(0, 5), min_size=6, max_size=6)
choices = st.tuples(st.sampled_from([("acc", "max"), ("loss", "min")]), st.integers(1, 4))


def keep(folder, told, choice):
    """What ESPnet does with the weights at the end of an epoch."""
    (name, mode), most = choice
    (folder / f"{max(told)}epoch.pth").touch()
    for epoch in set(told) - {max(told)} - set(_ranked(told, "valid", name, mode)[:most]):
        (folder / f"{epoch}epoch.pth").unlink(missing_ok=True)


@given(numbers, numbers, st.integers(1, 6), choices, choices)
def test_a_choice_that_is_let_through_ends_with_the_epochs_that_it_would_have_had_from_the_beginning(
    accs, losses, until, old, new
):
    told = {n: {"valid": {"acc": a, "loss": b}} for n, (a, b) in enumerate(zip(accs, losses, strict=True), 1)}
    (name, mode), most = new
    settings = {"best_model_criterion": [["valid", name, mode]], "keep_nbest_models": most}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for epoch in range(1, 7):
            so_far = {n: told[n] for n in range(1, epoch + 1)}
            keep(folder, so_far, old if epoch <= until else new)
            if epoch == until and list(_lost(folder, so_far, settings)):
                return
        wanted = _ranked(told, "valid", name, mode)[:most]
        assert all((folder / f"{epoch}epoch.pth").exists() for epoch in wanted)

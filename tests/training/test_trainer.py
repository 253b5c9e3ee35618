import pickle
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from fangyan.data import datadir
from fangyan.encoders import espnet_patches
from fangyan.encoders.espnet_build import task_class
from fangyan.errors import DataError, UserError
from fangyan.files import read_table
from fangyan.training import collect_stats, train
from fangyan.training.espnet_task import sketch


@pytest.fixture(scope="module")
def trained():
    task_class()
    from fangyan.training import task

    return task


@pytest.fixture(scope="module")
def trainer(trained):
    from fangyan.training import trainer

    return trainer


def toy():
    """An encoder of three blocks under a head; every part has one weight."""
    layer = lambda: torch.nn.Linear(1, 1, bias=False)  # noqa: E731
    encoder = torch.nn.Module()
    encoder.embed, encoder.encoders, encoder.after_norm = (
        layer(),
        torch.nn.ModuleList(layer() for _ in range(3)),
        layer(),
    )
    model = torch.nn.Module()
    model.encoder, model.ctc = encoder, layer()
    return model


def test_rates_fall_from_block_to_block(trained):
    model = toy()
    rates = {
        id(weight): group["lr"]
        for group in trained.rate_groups(model, 8.0, 0.5)
        for weight in group["params"]
    }
    names = {name: rates[id(weight)] for name, weight in model.named_parameters()}
    assert names == {
        "ctc.weight": 8.0,
        "encoder.after_norm.weight": 8.0,
        "encoder.encoders.2.weight": 4.0,
        "encoder.encoders.1.weight": 2.0,
        "encoder.encoders.0.weight": 1.0,
        "encoder.embed.weight": 0.5,
    }


def test_frozen_weights_are_in_no_group(trained):
    model = toy()
    model.encoder.embed.requires_grad_(False)
    groups = trained.rate_groups(model, 8.0, 0.5)
    assert sum(len(group["params"]) for group in groups) == 5
    assert all(group["params"] for group in groups)


def test_a_scheduler_that_levels_the_rates_is_refused(trained, trainer):
    from espnet2.schedulers.piecewise_linear_warmup_lr import PiecewiseLinearWarmupLR
    from espnet2.schedulers.warmup_lr import WarmupLR

    optimizer = torch.optim.Adam(trained.rate_groups(toy(), 8.0, 0.5))
    WarmupLR(optimizer, warmup_steps=10)
    trainer.check_rates([optimizer])
    PiecewiseLinearWarmupLR(optimizer, [0, 10], [0.0, 1.0])
    with pytest.raises(DataError, match="gives all layers one rate"):
        trainer.check_rates([optimizer])


def test_more_layers_than_there_are_cannot_be_frozen(trained):
    encoder = toy().encoder
    assert trained._below(encoder, 0) == []
    assert trained._below(encoder, 2) == [encoder.embed, encoder.encoders[0], encoder.encoders[1]]
    for layers in (-1, 4):
        with pytest.raises(DataError, match=f"the encoder has 3 blocks, got {layers}"):
            trained._below(encoder, layers)


def test_workers_of_several_gpus_find_the_task():
    task = task_class()
    assert pickle.loads(pickle.dumps(task.main_worker)).__self__ is task


def test_losses_in_bfloat16_are_not_scaled(trainer, monkeypatch, tmp_path):
    seen = []
    epoch = {
        "iterator": [],
        "reporter": SimpleNamespace(epoch=1),
        "options": SimpleNamespace(output_dir=tmp_path),
    }
    monkeypatch.setattr(
        trainer.espnet_trainer.Trainer, "train_one_epoch", lambda scaler, **_: seen.append(scaler)
    )
    scaler = torch.amp.GradScaler("cpu")
    for dtype in (torch.float16, torch.bfloat16):
        monkeypatch.setitem(trainer.espnet_trainer.autocast_args, "dtype", dtype)
        trainer.Trainer.train_one_epoch(scaler=scaler, **epoch)
    assert seen[0] is scaler
    assert not seen[1].is_enabled()  # but there: without one ESPnet does not autocast
    trainer.Trainer.train_one_epoch(scaler=None, **epoch)
    assert seen[2] is None


def test_a_loss_that_is_not_finite_names_the_utterances(trained):
    data = ([("dev/wav.scp", "speech", "sound")], [("train/wav.scp", "speech", "sound")])
    batch = {"utt_id": ["a", "b"], "speech": torch.zeros(2, 3)}
    model = SimpleNamespace(training=True)

    def watch(loss):
        trained._refuse_what_is_not_finite(data, model, (), batch, (torch.tensor(loss), {}, None))

    watch(1.0)
    with pytest.raises(
        DataError, match="^train/wav.scp: the loss is inf for a batch of a b; if these are sound"
    ):
        watch(float("inf"))
    batch["speech"][1, 2] = torch.nan
    model.training = False
    with pytest.raises(
        DataError, match="^dev/wav.scp: the loss is nan for samples that are not finite numbers in b;"
    ):
        watch(float("nan"))


def test_training_that_diverges_stops_with_the_utterances(job, tmp_path):
    config = tmp_path / "wild.yaml"
    rates = "{warmup_steps_list: [0, 2, 3], warmup_lr_list: [0.0, 0.0, 1.0e+30]}"  # not from the first step
    config.write_text(f"include: {job.config}\nscheduler: piecewiselinearwarmuplr\nscheduler_conf: {rates}\n")
    wild = replace(job, config=config, exp=tmp_path / "exp")
    collect_stats(wild)
    with pytest.raises(
        DataError, match=r"train/wav.scp: the loss is \S+ for a batch of( (cmn|yue|hak)train-s0\d){4};"
    ):
        train(wild)
    assert not (wild.exp / "checkpoint.pth").exists()


def test_audio_with_samples_that_are_no_numbers_is_named_before_training(job, sung, tmp_path):
    utterances = datadir.read(sung["dev"])
    broken = tmp_path / "broken.wav"
    soundfile.write(broken, np.array([0.1, np.nan] * 4_000, np.float32), 16_000, subtype="FLOAT")
    datadir.write(tmp_path / "dev", [*utterances[:4], replace(utterances[4], wav=str(broken))])
    with pytest.raises(
        DataError, match=rf"dev/wav.scp:5: .*: samples are finite numbers, got others .*{utterances[4].id}"
    ):
        collect_stats(replace(job, dev=tmp_path / "dev", exp=tmp_path / "exp"))


def reported(*values):
    """ESPnet's record of one validated number an epoch."""
    from espnet2.train.reporter import Reporter

    reporter = Reporter(len(values))
    reporter.stats = {epoch: {"valid": {"acc": value}} for epoch, value in enumerate(values, 1)}
    return reporter


@pytest.mark.parametrize(
    ("values", "highest", "lowest"),
    [
        ((0.1, 0.3, 0.2), [2, 3, 1], [1, 3, 2]),
        ((np.nan, 0.3, 0.2), [2, 3, 1], [3, 2, 1]),
        ((0.3, np.nan, np.nan, 0.4, np.nan, 0.1), [4, 1, 6, 2, 3, 5], [6, 1, 4, 2, 3, 5]),
        ((np.nan, -np.inf, np.inf), [3, 2, 1], [2, 3, 1]),
        ((0.5, 0.5, np.nan, 0.5), [1, 2, 4, 3], [1, 2, 4, 3]),
    ],
)
def test_an_epoch_whose_criterion_is_not_a_number_is_never_the_best(values, highest, lowest):
    with espnet_patches.numbers_first():
        assert reported(*values).sort_epochs("valid", "acc", "max") == highest
        assert reported(*values).sort_epochs("valid", "acc", "min") == lowest


def test_early_stopping_waits_from_the_best_number():
    with espnet_patches.numbers_first():
        assert not reported(0.1, 0.2, np.nan).check_early_stopping(1, "valid", "acc", "max")
        assert reported(0.1, 0.2, np.nan, np.nan).check_early_stopping(1, "valid", "acc", "max")


def test_without_any_number_no_epoch_is_the_best():
    with (
        espnet_patches.numbers_first(),
        pytest.raises(UserError, match="valid acc was not a number in any epoch"),
    ):
        reported(np.nan, np.nan).get_best_epoch("valid", "acc", "max")


LOSSES = {
    "hybrid": "",
    "CTC only": "model_conf: {ctc_weight: 1.0}",
    "decoder only": "model_conf: {ctc_weight: 0.0}",
    "intermediate CTC": "model_conf: {ctc_weight: 0.3, interctc_weight: 0.5}\n"
    "encoder_conf: {interctc_layer_idx: [1], interctc_use_conditioning: false}",
}


@pytest.mark.parametrize("overlay", LOSSES.values(), ids=list(LOSSES))
def test_what_becomes_of_the_loss_leaves_what_is_told_of_it(trained, micro_config, tmp_path, overlay):
    config = tmp_path / "model.yaml"
    config.write_text(f"include: {micro_config}\n{overlay}\n")
    model = sketch(config, ["<blank>", "<unk>", "我", "你", "<sos/eos>"], "cpu")
    data = {f"{role}_data_path_and_name_and_type": [] for role in ("train", "valid")}
    trained.prepare(model, SimpleNamespace(freeze_layers=0, **data))
    loss, told, _ = model(
        speech=torch.randn(2, 16000),
        speech_lengths=torch.tensor([16000, 12000]),
        text=torch.tensor([[2, 3], [3, 2]]),
        text_lengths=torch.tensor([2, 2]),
    )
    before = {name: value.item() for name, value in told.items() if value is not None}
    assert before["loss"] == loss.item() > 0
    loss /= 4
    assert {name: value.item() for name, value in told.items() if value is not None} == before


def told_of_first_epoch(exp):
    """The loss of history.tsv, and what loss_ctc and loss_att make of it."""
    parts = torch.load(exp / "checkpoint.pth", weights_only=False)["reporter"]["stats"][1]["train"]
    told = float(read_table(exp / "history.tsv")[0]["train_loss"])
    return told, 0.3 * parts["loss_ctc"] + 0.7 * parts["loss_att"]


@pytest.mark.parametrize("accum_grad", [1, 2, 4])
def test_the_loss_of_an_epoch_is_that_of_its_utterances_whatever_is_accumulated(
    job, tmp_path, forked, accum_grad
):
    config = tmp_path / "accumulating.yaml"
    config.write_text(f"include: {job.config}\nmax_epoch: 1\naccum_grad: {accum_grad}\n")
    alone, both = (replace(job, config=config, exp=tmp_path / name) for name in ("alone", "both"))
    for one in (alone, both):
        shutil.copytree(job.stats, one.stats)
    train(alone)
    told, expected = told_of_first_epoch(alone.exp)
    assert told == pytest.approx(expected, rel=1e-4)
    if accum_grad == 4:
        assert forked(lambda here: train(both, here)) == [0, 0]
        told, expected = told_of_first_epoch(both.exp)
        assert told == pytest.approx(expected, rel=1e-4)


def test_an_epoch_tells_batch_loss_and_what_is_left(trainer, monkeypatch, capsys):
    """Batches of 20 s, each with its loss, in an epoch of 9: a line after 20 s, and then one a minute."""
    from fangyan import progress

    now, losses = [0.0], []
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    batches = trainer.Counted(range(9), "epoch 3", lambda: f"loss {losses[-1]}")
    assert len(batches) == 9
    for batch in batches:
        now[0] += 20
        losses.append(100 - batch)
    assert capsys.readouterr().out.splitlines() == [
        "epoch 3: 1 of 9 batches, loss 100, 3 min left",
        "epoch 3: 4 of 9 batches, loss 97, 2 min left",
        "epoch 3: 7 of 9 batches, loss 94, less than 1 min left",
        "epoch 3: 9 of 9 batches after 3 min",
    ]


def test_batches_without_a_known_number_are_passed_on(trainer):
    from fangyan.training.stopping import UntilRequested

    assert list(trainer.Counted(UntilRequested(iter("ab")), "epoch 1")) == ["a", "b"]


def test_the_loss_within_an_epoch_is_the_mean_of_its_last_batches(trainer):
    from espnet2.train.reporter import SubReporter

    reporter = SubReporter("train", 1, 0)
    assert trainer.recent_loss(reporter) == ""
    for loss, weight in ((4.0, 1), (1.0, 3)):
        reporter.register({"loss": torch.tensor(loss)}, torch.tensor(weight))
        reporter.next()
    assert trainer.recent_loss(reporter) == "loss 1.75"  # (4 * 1 + 1 * 3) / 4


def test_statistics_tell_the_utterances_that_are_done(trainer, monkeypatch, capsys, tmp_path):
    from fangyan import progress

    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    (tmp_path / "keys").write_text("a 1\nb 1\nc 1\nd 1\n")
    title = "statistics of the train data"
    for _ in trainer.counted_utterances([(["a", "b"], 1), (["c", "d"], 2)], tmp_path / "keys", title):
        now[0] += 30
    assert capsys.readouterr().out.splitlines() == [
        "statistics of the train data: 2 of 4 utterances, less than 1 min left",
        "statistics of the train data: 4 of 4 utterances after 1 min",
    ]

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
import yaml
from repository import presets

from fangyan.config import check_keys, compose
from fangyan.data import datadir
from fangyan.encoders.espnet_build import parameters
from fangyan.errors import DataError, Stopped, UserError
from fangyan.files import ROOT, read_table
from fangyan.training import collect_stats, stopping, train
from fangyan.training.checkpoints import NEWEST, newest_whole, whole_checkpoints
from fangyan.training.espnet_task import known_keys
from fangyan.training.local_ranks import _free_port

CHECKPOINT = "valid.acc.ave.pth"


def weights(exp):
    return torch.load(exp / CHECKPOINT, weights_only=True)


def history(exp):
    return [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in read_table(exp / "history.tsv")
    ]


def test_stats_hold_targets_lengths_and_moments(job):
    assert (job.stats / "train/text").read_text().splitlines()[0] == "cmntrain-s00 我吃饭"
    assert (job.stats / "train/speech_shape").read_text().splitlines()[0] == "cmntrain-s00 9600"
    assert (job.stats / "train/text_shape").read_text().splitlines()[0] == "cmntrain-s00 3,11"
    assert (job.stats / "train/feats_stats.npz").exists()
    assert not collect_stats(job)


def test_what_the_form_keeps_nothing_of_is_left_out_of_the_statistics_and_so_of_training(job, tmp_path):
    shutil.copytree(job.train, tmp_path / "train")
    texts = datadir.read_map(job.train / "text_cmn")
    first, *others = texts
    lines = [f"{key} {'OK' if key == first else text}\n" for key, text in texts.items()]
    (tmp_path / "train" / "text_cmn").write_text("".join(lines))
    part = replace(job, train=tmp_path / "train", exp=tmp_path / "exp")
    assert collect_stats(part) and train(part)
    for name in ("text", "wav.scp", "speech_shape", "text_shape"):
        assert sorted(datadir.read_map(part.stats / "train" / name, strict=False)) == others


@pytest.mark.parametrize("workers", [0, 5])
def test_statistics_are_those_of_any_number_of_workers(job, tmp_path, workers):
    config = tmp_path / "workers.yaml"
    config.write_text(f"include: {job.config}\nnum_workers: {workers}\n")
    other = replace(job, config=config, exp=tmp_path / "exp")
    collect_stats(other)
    for role in ("train", "valid"):
        for name in ("text", "speech_shape", "text_shape"):
            assert (other.stats / role / name).read_text() == (job.stats / role / name).read_text()
        one, many = (np.load(exp / role / "feats_stats.npz") for exp in (job.stats, other.stats))
        for name in ("count", "sum", "sum_square"):  # the last window of an utterance depends on its batch
            assert one[name] == pytest.approx(many[name], rel=0.01), name


def test_training_learns_tells_and_remembers(job):
    rows = read_table(job.exp / "history.tsv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])
    summary = yaml.safe_load((job.exp / "train.json").read_text())
    assert summary["parameters"] == sum(w.numel() for w in weights(job.exp).values() if w.is_floating_point())
    assert (summary["seed"], summary["target"]) == (1, "text_cmn")
    assert summary["data"]["valid"]["fingerprint"] == datadir.identity(job.dev)
    assert [origin["variety"] for origin in summary["data"]["train"]["origins"]] == ["cmn", "hak", "yue"]
    assert "python -m fangyan.training.espnet_task asr --config" in (job.exp / "train.log").read_text()
    assert not train(job)


def test_other_settings_in_the_same_folder_are_refused(job, tmp_path):
    with pytest.raises(
        UserError, match=r"was started otherwise \(seed: 1 -> 2\): choose another --tag or remove the folder"
    ):
        train(replace(job, seed=2))


def test_training_wants_stats_first(job, tmp_path):
    with pytest.raises(UserError, match="run the stage stats first"):
        train(replace(job, exp=tmp_path / "exp"))


def test_unknown_keys_are_refused_before_anything_runs(job, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"include: {job.config}\nencoder_conf: {{num_blockz: 3}}\n")
    with pytest.raises(
        DataError, match=r"bad\.yaml: encoder_conf: unknown key 'num_blockz': did you mean 'num_blocks'"
    ):
        collect_stats(replace(job, config=bad, exp=tmp_path / "exp"))


@pytest.mark.parametrize(
    "path",
    presets("conf/train/*.yaml", "egs2/*/*/conf/train/*.yaml"),
    ids=lambda p: p.stem,
)
def test_espnet_knows_every_key_of_our_configurations(path):
    settings = compose(path)
    check_keys(settings, known_keys(settings), str(path))


def test_an_unknown_class_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match="unknown encoder 'e_branchformr': did you mean 'e_branchformer'"):
        known_keys({"encoder": "e_branchformr"})


def test_parameters_of_a_class():
    class Free:
        def __init__(self, **anything): ...

    class Fixed:
        def __init__(self, a, b=1): ...

    assert parameters(Free) is None
    assert parameters(Fixed) == {"a": None, "b": None}


def test_a_checkpoint_is_whole_or_the_old_one(tmp_path):
    class Unsavable:
        def __reduce__(self):
            raise RuntimeError("disk full")

    path = tmp_path / "model.pth"
    with whole_checkpoints(tmp_path, 1, ()):
        torch.save({"w": torch.ones(1)}, path)
        with pytest.raises(RuntimeError, match="disk full"):
            torch.save({"w": Unsavable()}, path)
    assert torch.load(path, weights_only=True)["w"].item() == 1
    assert torch.save.__module__ == "torch.serialization"


def command(job):
    options = {
        name: getattr(job, name) for name in ("config", "train", "dev", "tokens", "target", "seed", "exp")
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "fangyan", "train", *words]


def test_a_killed_training_goes_on_to_the_same_result(job, tmp_path):
    killed = replace(job, exp=tmp_path / "exp" / "killed")
    collect_stats(killed)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "local")}
    process = subprocess.Popen(command(killed), env=environment, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch 1/2"):
            break
    # History is written just before checkpoint.pth is renamed into place: wait for that, then kill in the second epoch.
    while not (killed.exp / "checkpoint.pth").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (killed.exp / "train.json").exists()
    assert train(killed)
    assert history(killed.exp) == history(job.exp)
    for name, value in weights(killed.exp).items():
        assert torch.allclose(value, weights(job.exp)[name], atol=1e-5), name


def test_a_lost_model_of_the_last_epoch_is_written_again_and_more_epochs_are_no_new_experiment(job, tmp_path):
    longer = tmp_path / "longer.yaml"
    longer.write_text(f"include: {job.config}\nmax_epoch: 3\n")
    first = replace(job, exp=tmp_path / "exp" / "grown")
    collect_stats(first)
    train(first)
    (first.exp / "2epoch.pth").unlink()  # as if killed between checkpoint.pth and it
    assert train(replace(first, config=longer))
    assert [row["epoch"] for row in history(first.exp)] == ["1", "2", "3"]
    assert (first.exp / "2epoch.pth").exists()


def test_a_truncated_checkpoint_makes_way_for_the_one_before(job, tmp_path, capsys):
    longer = tmp_path / "longer.yaml"
    longer.write_text(f"include: {job.config}\nmax_epoch: 3\n")
    broken = replace(job, config=longer, exp=tmp_path / "exp" / "broken")
    shutil.copytree(job.exp, broken.exp, symlinks=True)
    with (broken.exp / NEWEST).open("r+b") as stream:
        stream.truncate(10_000)
    assert train(broken)
    assert "checkpoint.pth: cannot be read (" in capsys.readouterr().err
    assert [row["epoch"] for row in history(broken.exp)] == ["1", "2", "3"]
    assert history(broken.exp)[:2] == history(job.exp)


@pytest.fixture
def untouched(job, tmp_path):
    """A function that makes an experiment like ``job`` under another name, without noise, not yet trained."""
    config = tmp_path / "exact.yaml"
    config.write_text(f"include: {job.config}\nspecaug: null\nspecaug_conf: {{}}\n")

    def make(name):
        shutil.copytree(job.stats, tmp_path / "exp" / name / "stats")
        return replace(job, config=config, exp=tmp_path / "exp" / name)

    return make


def in_epoch(number, act):
    """From now on ``act()`` happens in the middle of this epoch of a run: six batches are for training, six for dev."""
    plain, heard = stopping.UntilRequested.__iter__, count(1)

    def acting(self):
        for batch in plain(self):
            if next(heard) == 12 * (number - 1) + 3:
                act()
            yield batch

    stopping.UntilRequested.__iter__ = acting


def ask_for_a_stop():
    os.kill(os.getpid(), signal.SIGUSR1)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_stop_keeps_what_is_whole_and_the_next_run_ends_alike(untouched, monkeypatch):
    whole, stopped = untouched("whole"), untouched("stopped")
    train(whole)
    with monkeypatch.context() as patch:
        patch.setattr(stopping.UntilRequested, "__iter__", stopping.UntilRequested.__iter__)
        in_epoch(2, ask_for_a_stop)
        with pytest.raises(
            Stopped, match="in epoch 2; the next run goes on after epoch 1, the last whole one"
        ):
            train(stopped)
    assert newest_whole(stopped.exp)
    assert not list(stopped.exp.glob("*.partial*"))
    train(stopped)
    assert history(stopped.exp) == history(whole.exp)


def test_two_ranks_train_as_one_does_whatever_befalls_them(untouched, forked, capfd):
    alone, both = untouched("alone"), untouched("both")
    train(alone)

    def struck(here):
        if here.rank == 1:
            in_epoch(2, die)
        train(both, here)

    def stopped(here):
        if here.rank == 1:
            in_epoch(1, ask_for_a_stop)  # of those that are left
        train(both, here)

    assert forked(struck) == [2, -signal.SIGKILL]
    assert "rank 0 of 2 does not hear from the others" in capfd.readouterr().err
    assert [row["epoch"] for row in history(both.exp)] == ["1"]
    assert forked(stopped) == [75, 0]
    assert "the next run goes on after epoch 1, the last whole one" in capfd.readouterr().err
    assert forked(lambda here: train(both, here)) == [0, 0]
    for one, two in zip(history(alone.exp), history(both.exp), strict=True):
        for name in ("epoch", "train_loss", "train_acc", "valid_loss", "valid_acc"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-3), name
    assert yaml.safe_load((both.exp / "train.json").read_text())["ranks"] == 2
    assert forked(lambda here: train(both, here)) == [0, 0]  # and nothing is left to do
    assert not list(both.exp.glob("*.partial*"))


def test_more_ranks_than_a_batch_has_utterances_are_refused(untouched, forked, tmp_path, capfd):
    small = untouched("small")
    small.config.write_text(small.config.read_text() + "batch_size: 1\n")
    assert set(forked(lambda here: train(small, here))) == {2}
    assert "1 < 2: a batch is split over the ranks; raise batch_size or take fewer" in capfd.readouterr().err


def test_ranks_on_two_nodes_of_slurm_stop_on_request_as_one(untouched, slurm, forked):
    both = untouched("nodes")
    both.config.write_text(both.config.read_text() + "max_epoch: 1000\n")
    environment = os.environ | slurm.environment | {"PYTHONPATH": str(ROOT / "local")}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "OMP_NUM_THREADS": "1"}
    srun = ["srun", "--nodes=2", "--ntasks-per-node=1", "--mem=4G", "--kill-on-bad-exit=1"]
    process = subprocess.Popen(
        [*srun, *command(both), "--ngpu", "0", "--num_nodes", "2"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("epoch 1/"):
            process.send_signal(signal.SIGUSR1)  # which srun passes on to all ranks
    assert process.wait() == 75, "".join(said)
    assert "".join(said).count("; the next run goes on after epoch ") == 1
    assert newest_whole(both.exp)
    assert not list(both.exp.glob("*.partial*"))
    epochs = len(history(both.exp))
    both.config.write_text(both.config.read_text().replace("1000", str(epochs + 1)))
    assert forked(lambda here: train(both, here)) == [0, 0]
    assert [int(row["epoch"]) for row in history(both.exp)] == [*range(1, epochs + 2)]

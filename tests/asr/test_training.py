import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
import yaml

from fangyan.asr import collect_stats, train
from fangyan.asr.checkpoints import whole_checkpoints
from fangyan.asr.task import known_keys, parameters
from fangyan.config import check_keys, compose
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT, read_table

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


def test_training_learns_tells_and_remembers(job):
    rows = read_table(job.exp / "history.tsv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])
    summary = yaml.safe_load((job.exp / "train.json").read_text())
    assert summary["parameters"] == sum(w.numel() for w in weights(job.exp).values() if w.is_floating_point())
    assert (summary["seed"], summary["target"]) == (1, "text_cmn")
    assert "python -m fangyan.asr.trainer --config" in (job.exp / "train.log").read_text()
    assert not train(job)


def test_other_settings_in_the_same_folder_are_refused(job, tmp_path):
    with pytest.raises(
        UserError, match="started with other data, settings, seed or initial weights: choose another --tag"
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
    sorted([*ROOT.glob("conf/train/*.yaml"), *ROOT.glob("egs2/*/*/conf/train/*.yaml")]),
    ids=lambda p: p.stem,
)
def test_espnet_knows_every_key_of_our_configurations(path):
    settings = compose(path)
    check_keys(settings, known_keys(settings), str(path))


def test_an_unknown_class_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match="unknown encoder 'e_branchformr': known are .*e_branchformer"):
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
    with whole_checkpoints(tmp_path, 1):
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

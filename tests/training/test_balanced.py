"""Training on varieties drawn by a power of their hours, here with sentencepieces as tokens."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from fangyan import publish
from fangyan.data import audio, datadir
from fangyan.errors import UserError
from fangyan.files import read_table
from fangyan.training import Run, collect_stats, train, write_tokens

DRAWN = """\
include: {base}
iterator_type: category
batch_type: catpow
batch_bins: 60000
upsampling_factor: 0.0
dataset_scaling_factor: 1.0
max_epoch: {epochs}
"""


@pytest.fixture(scope="module")
def recipe(singer, tmp_path_factory) -> Path:
    """A recipe folder with data: twice as much Mandarin as Cantonese."""
    home = tmp_path_factory.mktemp("balanced")
    wordings = ["我吃饭", "你吃饭", "我看书", "你看书", "我吃饭看书", "你喝水"]
    one, two = (
        datadir.read(singer(home, name, wordings[:n], [variety]))
        for name, n, variety in (("one", 6, "cmn"), ("two", 3, "yue"))
    )
    datadir.write(home / "data/train", one + two)
    return home


@pytest.fixture
def job(recipe, micro_config, monkeypatch) -> Run:
    """An experiment in the recipe folder, at relative paths; statistics are there."""
    monkeypatch.chdir(recipe)
    tokens = Path("data/tokens")
    write_tokens(Path("data/train"), "text", tokens, vocabulary=11)
    for epochs in (1, 2):
        Path(f"drawn{epochs}.yaml").write_text(DRAWN.format(base=micro_config, epochs=epochs))
    job = Run(
        Path("drawn2.yaml"), Path("data/train"), Path("data/train"), tokens, "text", 1, Path("exp/whole")
    )
    collect_stats(job)
    return job


def losses(exp: Path) -> list[str]:
    return [row["train_loss"] for row in read_table(exp / "history.tsv")]


def test_training_that_stopped_goes_on_with_the_draws_it_would_have_had(job):
    train(job)
    halved = replace(job, config=Path("drawn1.yaml"), exp=Path("exp/halved"))
    collect_stats(halved)
    train(halved)
    assert losses(halved.exp) == losses(job.exp)[:1]
    assert train(replace(halved, config=job.config))
    assert losses(halved.exp) == losses(job.exp)
    assert "share of each variety in an epoch: cmn 50.0 %, yue 50.0 %" in (job.exp / "train.log").read_text()


def test_batches_are_epochs_of_the_pool_and_validation_hears_everything_once(job):
    from espnet2.train.distributed_utils import DistributedOption

    from fangyan.encoders.espnet_build import task_class

    train(job)
    args = Namespace(**yaml.safe_load((job.exp / "config.yaml").read_text()))
    drawn, whole = (
        task_class().build_iter_factory(args, DistributedOption(), mode) for mode in ("train", "valid")
    )
    epochs = [list(drawn.build_iter(n)) for n in (1, 2, 1)]
    keys = [[key for batch, _ in epoch for key in batch] for epoch in epochs]
    assert keys[0] == keys[2] != keys[1]
    # Six sentences of Mandarin (20 tones), three of Cantonese (9), and as much time for either: some 14.5 tones.
    assert {sum(key.startswith("yue") for key in epoch) for epoch in keys} <= {4, 5}
    assert {sum(key.startswith("cmn") for key in epoch) for epoch in keys} <= {4, 5}
    assert all(batch["speech"].numel() <= args.batch_bins for _, batch in epochs[0]) and len(epochs[0]) > 2
    args.num_iters_per_epoch = 2
    assert len(list(task_class().build_iter_factory(args, DistributedOption(), "train").build_iter(7))) == 2
    heard = sorted(key for batch, _ in whole.build_iter(1) for key in batch)
    assert heard == list(datadir.read_map(job.train / "wav.scp"))


def test_every_gpu_has_its_share_of_every_batch(job, monkeypatch):
    from espnet2.train.distributed_utils import DistributedOption

    from fangyan.encoders.espnet_build import task_class

    train(job)
    args = Namespace(**yaml.safe_load((job.exp / "config.yaml").read_text()))
    factory = task_class().build_iter_factory(args, DistributedOption(), "train")
    alone = [batch for batch, _ in factory.build_iter(1)]
    factory.options.distributed = True
    shares = []
    for rank in (0, 1):
        gpu = SimpleNamespace(get_rank=lambda rank=rank: rank, get_world_size=lambda: 2)
        monkeypatch.setattr("fangyan.training.balanced.distributed", gpu)
        shares.append([batch for batch, _ in factory.build_iter(1)])
    assert all(len(first) - len(second) in (0, 1) and second for first, second in zip(*shares, strict=True))
    assert sorted(key for batch in alone for key in batch) == sorted(
        key for share in shares for b in share for key in b
    )


def test_a_packed_model_brings_its_sentencepieces(job, tmp_path, monkeypatch):
    from espnet2.bin.asr_inference import Speech2Text

    train(job)
    archive = publish.pack(job.exp).resolve()
    wave = audio.read(datadir.read(job.train)[0].wav)
    said = Speech2Text(str(job.exp / "config.yaml"), str(job.exp / "valid.acc.ave.pth"), beam_size=2)(wave)[0]
    monkeypatch.chdir(tmp_path)
    packed = Speech2Text.from_pretrained(str(archive), beam_size=2)
    assert packed(wave)[0][0] == said[0]
    assert packed.tokenizer.model.endswith("exp/whole/bpe.model")
    weights = torch.load(archive.parent / "valid.acc.ave.pth", weights_only=True)
    assert weights["ctc.ctc_lo.bias"].shape == (13,)


def test_weights_want_a_configuration_that_draws(job, micro_config):
    file = job.train / "corpus2weight"
    file.write_text("one 2\n")
    try:
        with pytest.raises(
            UserError, match="corpus2weight: corpora that weigh differently need `iterator_type"
        ):
            train(replace(job, config=micro_config))
        with pytest.raises(UserError, match=r"was started otherwise \(other weights of corpora\)"):
            train(job)
    finally:
        file.unlink()

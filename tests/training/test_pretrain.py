"""The task pretrain on the micro corpus: trained, resumed, what starts from it and reads it, and what it refuses."""

from pathlib import Path

import pytest
from pretrained import PRETRAIN, write_texts, write_units

from fangyan.files import read_table
from fangyan.training import Run, collect_stats, train, write_tokens

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
    """A function: a run of a configuration, its statistics collected."""

    def job(name: str, more: str = "", keys: str = "", texts: str = "") -> Run:
        config = recipe / f"{name}.yaml"
        found = PRETRAIN.format(base=micro_config, texts=texts or recipe / "data/texts", more=more)
        config.write_text(found + keys)
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
    for name in ("loss", "loss_speech", "loss_shared", "loss_features", "loss_ctc_text"):
        assert all(float(row[f"{role}_{name}"]) > 0 for row in rows for role in ("train", "valid"))
    for name in ("train_acc_speech", "valid_acc_speech", "train_acc_shared", "valid_acc_shared"):
        assert all(0 <= float(row[name]) <= 1 for row in rows)
    assert float(rows[-1]["valid_cer_text"]) > 0
    assert not train(trained)

"""The whole recipe, egs2/sinitic, on three corpora in miniature, for real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fangyan.data import audio, datadir
from fangyan.encoders import load_encoder
from fangyan.files import ROOT, read_table

MIXTURE = "dev_utterances: 4\ncorpora: {aishell: {hours: 0.002}, kespeech: , mdcc: {weight: 2}}\n"
CONFIG = "include: [{micro}, ../sampling.yaml]\nbatch_bins: 100000\nnum_iters_per_epoch: null\n"
QUICK = "beam_size: 2\nmaxlenratio: 0.5\n"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, micro_config) -> Path:
    """The recipe's folder in a tree of its own, with small settings; it has no corpora.yaml yet."""
    home = tmp_path_factory.mktemp("a tree")
    for name in ("conf", "local", "utils", "egs2/TEMPLATE"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).symlink_to(ROOT / name)
    recipe = shutil.copytree(
        ROOT / "egs2/sinitic/emb1",
        home / "egs2/sinitic/emb1",
        ignore=shutil.ignore_patterns("data", "exp", "corpora.yaml"),
    )
    (recipe / "conf/small.yaml").write_text(MIXTURE)
    (recipe / "conf/quick.yaml").write_text(QUICK)
    (recipe / "conf/train/micro.yaml").write_text(CONFIG.format(micro=micro_config))
    return recipe


def run(recipe: Path, *options: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{environment['PATH']}"}
    small = ("--mixture", "conf/small.yaml", "--train_config", "conf/train/micro.yaml")
    return subprocess.run(
        [recipe / "run.sh", *small, "--decode_config", "conf/quick.yaml", *options],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def finished(recipe, shelf) -> Path:
    """The experiment folder."""
    roots = recipe / "conf/corpora.yaml"
    roots.write_text("\n".join(f"{name}: {root}" for name, root in shelf.items()))
    result = run(recipe)
    assert result.returncode == 0, result.stderr[-3000:]
    return recipe / "exp/micro_text_seed1"


def test_without_corpora_it_says_where_to_get_all_of_them(recipe):
    assert not (recipe / "conf/corpora.yaml").exists()
    result = run(recipe, "--stop_stage", "data")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "3 of the 3 corpora of the mixture are missing" in result.stderr
    assert result.stderr.count("Where to get it: http") == 3


def test_varieties_are_scored_on_every_test_set_and_on_dev(recipe, finished):
    scored = {
        file.parent.name: [row["variety"] for row in read_table(file)]
        for file in finished.glob("decode/*/cer.tsv")
    }
    assert scored == {
        "dev": ["cmn", "cmn-zhongyuan", "yue", "all"],
        "test_aishell": ["cmn", "all"],
        "test_kespeech": ["cmn-zhongyuan", "all"],
        "test_mdcc": ["yue", "all"],
    }
    assert {row["sentences"] for row in read_table(finished / "decode/dev/cer.tsv")} == {"4", "12"}
    stages = [row["stage"] for row in read_table(finished / "times.tsv")]
    assert stages == ["data", "tokens", "stats", "train", "decode", "score"]


def test_training_drew_varieties_by_the_root_of_their_hours(recipe, finished):
    seconds: dict[str, float] = {}
    for u in datadir.read(recipe / "data/train"):
        seconds[u.variety] = seconds.get(u.variety, 0) + u.duration * (2 if u.variety == "yue" else 1)
    roots = {variety: total**0.5 for variety, total in seconds.items()}
    shares = ", ".join(f"{v} {roots[v] / sum(roots.values()):.1%}".replace("%", " %") for v in sorted(roots))
    assert f"share of each variety in an epoch: {shares}" in (finished / "train.log").read_text()
    losses = [float(row["train_loss"]) for row in read_table(finished / "history.tsv")]
    assert losses[-1] < losses[0]


def test_the_encoder_is_measured_elsewhere(recipe, finished, shelf, monkeypatch):
    monkeypatch.chdir(shelf["mdcc"])
    wave = audio.read(datadir.read(recipe / "data/test_aishell")[0].wav)
    assert len(load_encoder(f"espnet:{finished}")(wave)["norm"]) > 0


def test_a_second_run_repeats_nothing(recipe, finished):
    before = {
        p: p.stat().st_mtime_ns
        for p in finished.rglob("*")
        if p.suffix in (".pth", ".tsv") or p.name == "text"
    }
    result = run(recipe, "--stop_stage", "decode")
    assert result.returncode == 0, result.stderr[-3000:]
    assert "written" not in result.stdout and result.stdout.count(": up to date") == 5
    assert {p: p.stat().st_mtime_ns for p in before if p.name != "times.tsv"} == {
        p: time for p, time in before.items() if p.name != "times.tsv"
    }

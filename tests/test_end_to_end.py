"""Every stage of the template on the micro corpus, for real, and again."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fangyan.files import ROOT, fingerprint, read_table


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    """A recipe folder in a copy of the repository, in a place with a blank in its name."""
    home = tmp_path_factory.mktemp("end to end")
    for folder in ("conf", "egs2", "local", "utils"):
        skip = shutil.ignore_patterns("data", "exp", "downloads", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, home / folder, ignore=skip)
    return home / "egs2" / "kaldi" / "emb1"


def run(recipe: Path, *options: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{environment['PATH']}"}
    return subprocess.run([recipe / "run.sh", *options], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def options(sung, micro_config, tmp_path_factory) -> list[str]:
    quick = tmp_path_factory.mktemp("conf") / "quick.yaml"
    quick.write_text("beam_size: 2\nmaxlenratio: 0.5\n")
    corpus = ["--corpus_dir", str(sung["train"].parent), "--dev_set", "dev", "--test_sets", "test"]
    return [*corpus, "--train_config", str(micro_config), "--decode_config", str(quick), "--tag", "micro"]


@pytest.fixture(scope="module")
def finished(recipe, options) -> Path:
    result = run(recipe, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    return recipe / "exp" / "micro"


def results(exp: Path) -> dict[str, str]:
    """Fingerprints of what a rerun must not change."""
    kept = [
        p for p in exp.rglob("*") if p.name in ("text", "cer.tsv", "pairs.tsv", "groups.tsv", "feats.ark")
    ]
    return {str(p.relative_to(exp)): fingerprint(p) for p in kept + sorted(exp.glob("*.pth"))}


def test_every_stage_leaves_what_it_promises(finished):
    layers = ("layer00", "layer01", "layer02", "norm")
    promised = [
        "../../data/test/wav.scp",
        "../../data/token_list/train_text_cmn/tokens.txt",
        "stats/train/feats_stats.npz",
        "valid.acc.ave.pth",
        "train.log",
        "history.tsv",
        "decode/test/text",
        "decode/test/cer.tsv",
        *(f"feats/test/{layer}/feats.{kind}" for layer in layers for kind in ("scp", "ark")),
        "baselines/random/feats/dev/norm/feats.ark",
        "baselines/mfcc/retrieval/test/pairs.tsv",
        "retrieval/test/groups.tsv",
        "retrieval_pooled/dev/pairs.tsv",
        "RESULTS.md",
        "report.html",
        "images/heatmap.png",
        "images/layers.png",
        "images/training.png",
        "model.zip",
    ]
    assert [name for name in promised if not (finished / name).exists()] == []


def test_the_tables_have_the_promised_columns_and_rows(finished):
    rows = read_table(finished / "retrieval/test/pairs.tsv")
    assert list(rows[0]) == "layer source target n recall_at_1 recall_at_5 mrr chance".split()
    assert len(rows) == 4 * 6
    assert {(row["n"], row["chance"]) for row in rows} == {("8", "0.125")}
    assert [row["variety"] for row in read_table(finished / "decode/test/cer.tsv")] == [
        "cmn",
        "hak",
        "yue",
        "all",
    ]
    stages = [row["stage"] for row in read_table(finished / "times.tsv")]
    assert stages[:10] == "data tokens stats train decode score dump retrieve report pack".split()


def test_the_report_quotes_a_command_that_repeats_it(finished):
    text = (finished / "RESULTS.md").read_text()
    assert re.search(r"\./run\.sh --target text_cmn --train_config \S+ --seed 1 --tag micro", text)


def test_a_second_run_repeats_nothing_and_changes_nothing(recipe, options, finished):
    before = results(finished)
    result = run(recipe, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    assert results(finished) == before != {}
    assert "written" not in result.stdout
    assert result.stdout.count("up to date") >= 12


def test_a_users_own_recordings_are_scored_with_a_packed_model(recipe, sung, finished):
    spec = f"espnet:{finished / 'model.zip'}"
    result = run(
        recipe, "--corpus_dir", str(sung["test"]), "--encoder", spec, "--tag", "mine", "--baselines", "fbank"
    )
    assert result.returncode == 0, result.stderr[-3000:]
    same = "retrieval/test/pairs.tsv"
    assert (recipe / "exp/mine" / same).read_text() == (finished / same).read_text()


def test_a_users_mistake_ends_the_run_with_its_reason(recipe, options, sung, tmp_path):
    broken = shutil.copytree(sung["test"].parent, tmp_path / "corpus")
    (broken / "test" / "utt2lang").write_text("cmntest-s00 cmn\n")
    result = run(recipe, *options, "--corpus_dir", str(broken), "--tag", "broken")
    assert result.returncode == 2
    assert "utt2lang: a value for every utterance, got none for cmntest-s01" in result.stderr
    assert "Traceback" not in result.stderr

"""Every stage of the recipe of pre-training on the micro corpus, for real, and again."""

from pathlib import Path

import pytest
from conftest import MICRO
from repository import copy_folders, run_recipe

from fangyan.encoders import load_encoder, unit_model
from fangyan.files import fingerprint

PRETRAIN = """\
include: micro.yaml
task: pretrain
model: pretrained
decoder: null
model_conf: {{units: {units}, label_rate: 100, speech_layers: 1, mask_length: 4}}
text_data: [data/texts_train_text_cmn]
text_dev: [data/texts_dev_text_cmn]
best_model_criterion: [[valid, acc_shared, max]]
"""
FINETUNE = """\
include: micro.yaml
decoder: null
model_conf: {ctc_weight: 1.0}
best_model_criterion: [[valid, cer_ctc, min]]
"""
FIRST = "data learn_units units texts tokens".split()
STAGES = [*FIRST, *"stats pretrain analyse finetune decode score dump measure report pack".split()]
KEPT = ("pairs.tsv", "ranks.tsv", "units.safetensors", "history.tsv", "units", "text", "cer.tsv")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    return copy_folders(tmp_path_factory.mktemp("pre recipe")) / "egs2/mini_sinitic/pre1"


@pytest.fixture(scope="module")
def options(sung, recipe) -> list[str]:
    conf = recipe / "conf/train"
    (conf / "micro.yaml").write_text(MICRO.format(base="../../../../../conf/train/e_branchformer.yaml"))
    (conf / "quick.yaml").write_text(PRETRAIN.format(units=99))
    (conf / "ctc.yaml").write_text(FINETUNE)
    (recipe / "measures.yaml").write_text("- retrieve: {score: seqsim}\n")
    given = {
        "corpus": "kaldi",
        "corpus_dir": sung["train"].parent,
        "minutes": 0.2,
        "train_config": "conf/train/quick.yaml",
        "finetune_config": "conf/train/ctc.yaml",
        "measures": "measures.yaml",
        "pretrained": "first",
        "tag": "micro",
    }
    return [word for name, value in given.items() for word in (f"--{name}", f"{value}")]


@pytest.fixture(scope="module")
def finished(recipe, options) -> Path:
    """The experiment; how many phones the texts have is known when they are learnt."""
    result = run_recipe(recipe, *options, "--stop_stage", FIRST[-1])
    assert result.returncode == 0, result.stderr[-3000:]
    (units,) = recipe.glob("exp/units/*")
    config = PRETRAIN.format(units=unit_model.load(units).k)
    (recipe / "conf/train/quick.yaml").write_text(config)
    result = run_recipe(recipe, *options, "--stage", "stats")
    assert result.returncode == 0, result.stderr[-3000:]
    return recipe / "exp/micro"


def results(recipe: Path) -> dict[str, str]:
    """Fingerprints of what a rerun must not change."""
    found = (path for path in recipe.rglob("*") if path.name in KEPT and path.is_file())
    return {str(path.relative_to(recipe)): fingerprint(path) for path in found}


def test_every_stage_leaves_what_it_is_for(finished, recipe):
    times = [line.split("\t")[0] for line in (finished / "times.tsv").read_text().splitlines()[1:]]
    assert times == STAGES
    assert "acc_shared" in (recipe / "exp/first/history.tsv").read_text().splitlines()[0]
    assert "cer_ctc" in (finished / "history.tsv").read_text().splitlines()[0]
    analysed = (recipe / "exp/first/RESULTS.md").read_text()
    assert "## Texts as units" in analysed and "test, random, in percent: means" in analysed
    assert (recipe / "exp/first/images/space.png").exists()
    assert (finished / "RESULTS.md").exists() and (finished / "model.zip").stat().st_size > 10_000
    assert (
        load_encoder(f"espnet:{recipe / 'exp/first'}", "cpu").layers
        == load_encoder(f"espnet:{finished}").layers
    )


def test_again_it_changes_nothing_and_says_how_far_it_is(finished, recipe, options):
    before = results(recipe)
    assert len(before) > 8
    result = run_recipe(recipe, *options)
    assert result.returncode == 0 and results(recipe) == before
    status = run_recipe(recipe, *options, "--status").stdout
    assert [line.split()[1] for line in status.splitlines() if " done " in line] == STAGES

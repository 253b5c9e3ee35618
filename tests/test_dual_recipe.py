"""Every stage of the recipe of the dual encoder on the micro corpus, for real, and again."""

from pathlib import Path

import numpy as np
import pytest
from repository import copy_folders, run_recipe

from fangyan.encoders import load_encoder
from fangyan.files import fingerprint

pytest.importorskip("fangyan.dual")
pytest.importorskip("fangyan.units")

CONFIG = """\
task: dual
llm: random
llm_conf: {model_type: llama, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2}
batch_size: 8
epochs: 2
"""
STAGES = "data kmeans units train dump measure report pack".split()
KEPT = ("pairs.tsv", "ranks.tsv", "model.safetensors", "units.safetensors", "history.tsv")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    return copy_folders(tmp_path_factory.mktemp("dual recipe")) / "egs2/mini_sinitic/dual1"


@pytest.fixture(scope="module")
def options(sung, tmp_path_factory) -> list[str]:
    home = tmp_path_factory.mktemp("conf")
    (home / "quick.yaml").write_text(CONFIG)
    (home / "measures.yaml").write_text(
        "- retrieve: {score: seqsim}\n- retrieve: {score: pooled}\n- cross_modal\n"
    )
    corpus = ["--corpus", "kaldi", "--corpus_dir", str(sung["train"].parent), "--k", "8", "--merged", "true"]
    return [
        *corpus,
        "--train_config",
        f"{home}/quick.yaml",
        "--measures",
        f"{home}/measures.yaml",
        "--tag",
        "micro",
    ]


@pytest.fixture(scope="module")
def finished(recipe, options) -> Path:
    result = run_recipe(recipe, *options)
    assert result.returncode == 0, result.stderr[-3000:]
    return recipe / "exp/micro"


def results(recipe: Path) -> dict[str, str]:
    """Fingerprints of what a rerun must not change."""
    found = [*recipe.glob("data/*/units_*"), *(path for path in recipe.rglob("*") if path.name in KEPT)]
    return {str(path.relative_to(recipe)): fingerprint(path) for path in found}


def test_every_stage_leaves_what_it_is_for(finished, recipe):
    times = [line.split("\t")[0] for line in (finished / "times.tsv").read_text().splitlines()[1:]]
    assert times == STAGES
    assert [*recipe.glob("data/train/units_*")] and (finished / "llm/dual.yaml").exists()
    assert (finished / "cross_modal/kinds/test/kinds.tsv").exists()
    report = (finished / "RESULTS.md").read_text()
    assert "joint" in report and (finished / "report.html").stat().st_size > 10_000


def test_what_was_packed_gives_what_the_experiment_gives(finished, recipe, monkeypatch):
    wave = np.random.default_rng(0).normal(0, 0.1, 8_000).astype(np.float32)
    packed = load_encoder(f"llm:{finished / 'packed'}", "cpu")
    monkeypatch.chdir(recipe)
    ours = load_encoder("llm:exp/micro", "cpu")
    assert packed(wave)["joint"] == pytest.approx(ours(wave)["joint"], abs=1e-6)
    assert packed.embed_text(["我吃饭"]) == pytest.approx(ours.embed_text(["我吃饭"]), abs=1e-6)


def test_again_it_changes_nothing_and_says_how_far_it_is(finished, recipe, options):
    before = results(recipe)
    assert len(before) > 8
    result = run_recipe(recipe, *options)
    assert result.returncode == 0 and results(recipe) == before
    status = run_recipe(recipe, *options, "--status").stdout
    assert [line.split()[1] for line in status.splitlines() if " done " in line] == STAGES

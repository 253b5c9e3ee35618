"""The recipe of the dual encoder: its stages in order, what each is told, and its options checked before the first."""

import shlex
from pathlib import Path

import pytest
from desk import DUAL, Desk

from fangyan import recipes
from fangyan.files import ROOT
from fangyan.recipes.options import Options, defaults

STAGES = "data kmeans units train dump measure report pack".split()
TAG = "exp/dual_mfcc_mfcc_k500_seed1"
UNITS = "exp/units/mfcc_mfcc_k500_seed1"
COLUMN = "units_mfcc_mfcc_k500_seed1"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    (made.recipe / "conf/train").mkdir(parents=True)
    (made.recipe / "conf/train/dual.yaml").write_text("llm: random\n")
    return made


def test_its_stages_call_their_verbs_in_order(desk: Desk) -> None:
    assert desk.run(script=DUAL).returncode == 0
    assert desk.verbs() == "data kmeans units train_dual dump measure report pack".split()
    calls = {call[2]: " ".join(call[3:]) for call in desk.calls()}
    learning = "--encoder mfcc --layer mfcc --k 500 --seed 1 --data data/train"
    assert calls["kmeans"] == f"{learning} --out {UNITS}"
    assert calls["units"] == f"--units {UNITS} --column {COLUMN} --data data/train --data data/dev"
    data = f"--train data/train --dev data/dev --units {UNITS} --column {COLUMN}"
    assert calls["train_dual"] == f"--config conf/train/dual.yaml {data} --exp {TAG} --seed 1"
    assert calls["dump"] == f"--encoder llm:{TAG} --data=data/dev --data=data/test --out {TAG}/feats"
    assert calls["measure"].startswith(f"--exp {TAG} --encoder llm:{TAG} --data=data/dev --data=data/test")
    assert calls["report"].startswith(f"--exp {TAG} --dev dev --test=test --data data --encoder llm:{TAG}")
    assert (calls["data"].split()[:2], calls["pack"]) == (["--corpus", "mini_sinitic"], f"--exp {TAG}")


def test_units_of_another_kind_are_another_experiment(desk: Desk) -> None:
    spec = ["--unit_encoder", "espnet:exp/a", "--layer", "norm", "--k", "9", "--merged", "--seed", "2"]
    desk.run(*spec, "--baselines", "random mfcc", "--stage", "kmeans", "--stop_stage", "dump", script=DUAL)
    calls = {call[2]: call[3:] for call in desk.calls()}
    assert (
        calls["kmeans"][-1] == "exp/units/espnet_exp_a_norm_k9_merged_seed2" and "--merged" in calls["kmeans"]
    )
    exp = "exp/dual_espnet_exp_a_norm_k9_merged_seed2"
    assert calls["train_dual"][calls["train_dual"].index("--exp") + 1] == exp
    dumps = [call[call.index("--out") + 1] for call in desk.calls() if call[2] == "dump"]
    assert dumps == [f"{exp}/feats", f"{exp}/baselines/mfcc/feats"]  # no language model has an untrained twin


@pytest.mark.parametrize("stage", STAGES)
def test_what_failed_is_resumed_at_its_stage(desk: Desk, stage: str) -> None:
    verb = "train_dual" if stage == "train" else stage
    result = desk.run(script=DUAL, FAILING=verb)
    assert (
        result.returncode == 7
        and f"({stage}) did not finish: mend the cause, then resume with" in result.stderr
    )
    assert (desk.recipe / TAG / ".stage").read_text().splitlines()[0] == stage
    desk.run("--stage", stage, script=DUAL)
    assert desk.verbs()[0] == verb and not (desk.recipe / TAG / ".stage").exists()


def test_help_dry_run_status_and_slurm_are_those_of_every_template(desk: Desk) -> None:
    told = desk.run("--help", script=DUAL).stdout
    assert "--unit_encoder" in told and "   2  kmeans " in told and "   9  publish" in told
    dry = desk.run("--dry_run", script=DUAL).stdout
    assert [line.split()[3] for line in dry.splitlines() if line.startswith("python")][:3] == STAGES[:3]
    assert "# stage 4 (train)" in dry and not (desk.recipe / "exp").exists()
    desk.run("--status", script=DUAL)
    assert desk.calls()[0][2:] == ["status", "--exp", TAG, *STAGES, "publish"]
    desk.run("--backend", "slurm", "--stage", "units", "--stop_stage", "train", script=DUAL)
    jobs = [call for call in desk.calls() if call[2] == "submit"]
    assert [call[call.index("--shards") + 1] for call in jobs] == ["2", "1"]
    assert desk.run("--submit", "--backend", "slurm", "--stop_stage", "publish", script=DUAL).returncode == 2


def test_what_is_published_is_named_and_the_last_stage_is_asked_for(desk: Desk) -> None:
    how = ["--stage", "publish", "--stop_stage", "publish", "--hf_repo", "user/dual", "--private"]
    assert desk.run(*how, script=DUAL).returncode == 0
    assert " ".join(desk.calls()[0][2:]) == f"publish --exp {TAG} --hf_repo user/dual --private"


def test_its_options_are_checked_by_its_own_template(desk: Desk) -> None:
    desk.run("--k", "7", script=DUAL)
    words = desk.checked()
    assert words[:4] == ["--template", str(DUAL), "--exp", "exp/dual_mfcc_mfcc_k7_seed1"]
    assert "k=7" in words and not any(word.startswith("target=") for word in words)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("k=1", "--k is a whole number from 2, got 1"),
        ("seed=-1", "--seed is a whole number from 0 to 4294967295, got -1"),
        ("unit_encoder=text:a/b", "--unit_encoder text:a/b: it encodes texts"),
        ("unit_encoder=llm:a/b", "--unit_encoder llm:a/b: it reads units itself: name an encoder of speech"),
        ("unit_encoder=espnet:exp/nothing", "--unit_encoder: exp/nothing: no such path here"),
        ("unit_encoder=fbank", "--layer mfcc: no layer 'mfcc': known are fbank"),
        ("layer=norm", "--layer norm: no layer 'norm': known are mfcc"),
        ("dev_set=", "nothing is trained without --dev_set SET$"),
        ("corpus=nothing", "nothing"),
        ("tag=../x", "--tag is the name of a folder in exp, got '../x'"),
        ("baselines=nothing", "--baselines: unknown encoder 'nothing'"),
        ("hf_repo=user/a", "--hf_repo is for the stage publish, which does not run"),
    ],
)
def test_each_mistake_is_told(option: str, told: str, tmp_path, monkeypatch) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    (tmp_path / "exp/a").mkdir(parents=True)
    (tmp_path / "exp/a/times.tsv").touch()
    (tmp_path / "conf/train").mkdir(parents=True)
    (tmp_path / "conf/train/dual.yaml").write_text("llm: random\n")
    given = ["corpus_dir=downloads", option]
    found = recipes.mistakes(given, [stage for stage in STAGES if stage != "train"], Path("exp/x"), DUAL)
    assert any(re.search(told, sentence) for sentence in found), found


def test_the_pipeline_as_it_stands_is_right_and_says_its_options(tmp_path, monkeypatch) -> None:
    recipe = ROOT / "egs2/mini_sinitic/dual1"
    monkeypatch.chdir(recipe)
    assert recipes.mistakes([], ["data", "kmeans", "units"], Path("exp/x"), DUAL) == []
    options = Options.parse([], STAGES, Path("exp/x"), DUAL)
    assert (options["corpus_dir"], options["measures"]) == (
        "downloads/mini_sinitic",
        "conf/measure_align.yaml",
    )
    assert {"k", "layer", "unit_encoder"} <= defaults(DUAL).keys()
    assert len(DUAL.read_text().splitlines()) < 200
    assert len(shlex.split((recipe / "run.sh").read_text(), comments=True)) < 40

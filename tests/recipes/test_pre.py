"""The recipe of pre-training: its stages in order, what each is told, and its options checked before the first."""

import re
from pathlib import Path

import pytest
from desk import PRE, Desk

from fangyan import recipes

FIRST = "data learn_units units texts tokens stats pretrain analyse".split()
STAGES = [*FIRST, *"finetune decode score dump measure report pack".split()]
FROM = "exp/pretrain_mfcc_mfcc_phones_seed1"
TAG = "exp/finetune_from_pretrain_mfcc_mfcc_phones_seed1"
UNITS = "exp/units/mfcc_mfcc_phones_seed1"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    (made.recipe / "conf/train").mkdir(parents=True)
    for name in ("pretrain", "finetune"):
        (made.recipe / f"conf/train/{name}.yaml").write_text("encoder: e_branchformer\n")
    return made


def calls(desk: Desk, *options: str) -> dict[str, list[str]]:
    """The arguments of each call by verb."""
    assert desk.run(*options, script=PRE).returncode == 0
    found: dict[str, list[str]] = {}
    for call in desk.calls():
        found.setdefault(call[2], []).append(" ".join(call[3:]))
    return found


def test_its_stages_call_their_verbs_in_order(desk: Desk) -> None:
    found = calls(desk)
    learning = "--encoder mfcc --layer mfcc --seed 1 --data data/train"
    assert found["phone_units"] == [f"{learning} --out {UNITS}"]
    assert found["units"] == [f"--units {UNITS} --data=data/train --data=data/dev"]
    texts = f"--units {UNITS} --seed 1 --data data/%s --column text_cmn --out data/texts_%s_text_cmn"
    assert found["text_units"] == [texts % (name, name) for name in ("train", "dev", "test")]
    assert found["tokens"][0].startswith(
        "--data data/train --texts=data/texts_train_text_cmn --target text_cmn "
    )
    written = "--tokens data/token_list/train_text_cmn --target text_cmn --seed 1 --exp"
    first = f"--config conf/train/pretrain.yaml --train data/train --dev data/dev {written} {FROM}"
    then = f"--config conf/train/finetune.yaml --train data/train --dev data/dev {written} {TAG} --init espnet:{FROM}"
    assert found["stats"] == [first, then]
    assert found["train"] == [f"{words} --num_nodes 1" for words in (first, then)]
    sets = "--data=data/dev --data=data/test"
    assert found["dump"][:3] == [
        f"--encoder espnet:{FROM} {sets} --out {FROM}/feats",
        f"--encoder random:{FROM} {sets} --out {FROM}/baselines/random/feats",
        f"--encoder espnet:{TAG} {sets} --out {TAG}/feats",
    ]
    learnt = f"--exp {FROM} --encoder espnet:{FROM} {sets} --baseline random=random:{FROM} --measures "
    assert found["measure"][0].startswith(learnt) and found["report"][0].startswith(
        f"--exp {FROM} --dev dev "
    )
    assert found["pack"] == [f"--exp {TAG}"] and "subset" not in found


def test_of_few_minutes_phones_are_learnt_and_the_encoder_is_fine_tuned(desk: Desk) -> None:
    found = calls(desk, "--minutes", "10", "--seed", "2")
    few = "data/train_10min_seed2"
    assert found["subset"] == [f"--data data/train --minutes 10 --seed 2 --out {few}"]
    assert f"--data {few} --out exp/units/mfcc_mfcc_phones_10min_seed2" in found["phone_units"][0]
    pretraining, finetuning = found["train"]
    assert "--train data/train " in pretraining and f"--train {few} " in finetuning
    assert "--exp exp/finetune_10min_from_pretrain_mfcc_mfcc_phones_10min_seed2 " in finetuning


def test_hidden_units_are_learnt_from_all_speech_and_what_is_transcribed_tells_how_texts_are_spoken(
    desk: Desk,
) -> None:
    spec = ["--unit_kind", "hidden", "--unit_encoder", "espnet:exp/a", "--layer", "norm", "--k", "9"]
    found = calls(desk, *spec, "--minutes", "10", "--pretrained", "mine")
    units, phones = (f"exp/units/espnet_exp_a_norm_{kind}_seed1" for kind in ("hidden_k9", "phones_10min"))
    frames, few = "--encoder espnet:exp/a --layer norm --seed 1", "data/train_10min_seed1"
    assert found["kmeans"] == [f"--k 9 {frames} --data data/train --out {units}"]
    assert found["units"] == [f"--units {units} --data=data/train --data=data/dev --data={few}"]
    assert found["phone_units"] == [f"{frames} --data {few} --out {phones}"]
    (network,) = found["text_to_unit"]
    assert network.startswith(f"--phones {phones} --units {units} --data {few} --config ")
    assert network.endswith(f" --seed 1 --out {units}_of_texts")
    assert found["text_units"][0].startswith(
        f"--units {units} --seed 1 --model {units}_of_texts --data data/train"
    )
    assert "--exp exp/mine " in found["train"][0] and "--init espnet:exp/mine " in found["train"][1]


def test_without_texts_it_is_speech_alone(desk: Desk) -> None:
    found = calls(desk, "--text_sets=")
    assert "text_units" not in found and "--texts" not in found["tokens"][0] and len(found["report"]) == 1
    assert len(calls(desk, "--text_sets", "train more", "--text_columns", "text text_cmn")["text_units"]) == 8


@pytest.mark.parametrize("stage", ["learn_units", "texts", "pretrain", "finetune"])
def test_what_failed_is_resumed_at_its_stage(desk: Desk, stage: str) -> None:
    verb = {"learn_units": "phone_units", "texts": "text_units", "pretrain": "train", "finetune": "train"}[
        stage
    ]
    start = ["--stage", stage] if stage == "finetune" else []
    result = desk.run(*start, script=PRE, FAILING=verb)
    assert (
        result.returncode == 7 and f"({stage}) did not finish: mend the cause, then resume" in result.stderr
    )
    assert (desk.recipe / TAG / ".stage").read_text().splitlines()[0] == stage


def test_a_kind_of_units_that_there_is_not_is_told(desk: Desk) -> None:
    result = desk.run("--unit_kind", "syllables", script=PRE)
    assert result.returncode == 2
    assert "--unit_kind is phones or hidden, got syllables" in result.stderr


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("minutes=0", "--minutes is a number from 0.1, got 0"),
        ("minutes=ten", "--minutes is a number from 0.1, got ten"),
        ("unit_encoder=llm:a/b", "--unit_encoder llm:a/b: it reads units itself"),
        ("transcribed_set=a b", "--transcribed_set is one set, got 'a b'"),
        ("text_sets=data/a", "--text_sets is a name in data/, got data/a: write a"),
        ("train_config=nothing.yaml", "nothing.yaml"),
        ("finetune_config=nothing.yaml", "nothing.yaml"),
        ("finetune_config=conf/train/wrong.yaml", "wrong.yaml: .*encodr"),
        ("dev_set=", "nothing is trained without --dev_set SET$"),
    ],
)
def test_each_mistake_is_told(option: str, told: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf/train").mkdir(parents=True)
    for name in ("pretrain", "finetune"):
        (tmp_path / f"conf/train/{name}.yaml").write_text("encoder: e_branchformer\n")
    (tmp_path / "conf/train/wrong.yaml").write_text("encodr: e_branchformer\n")
    found = recipes.mistakes(["corpus_dir=downloads", option], STAGES, Path("exp/x"), PRE)
    assert any(re.search(told, sentence) for sentence in found), found

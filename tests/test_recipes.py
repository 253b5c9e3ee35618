"""The shell layer: options, stages, help and dry runs, with a python that only records its arguments."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from itertools import batched
from pathlib import Path

import pytest
from desk import TEMPLATE, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import copy_folders

from fangyan.__main__ import cli
from fangyan.measure import results_folder

ROOT = Path(__file__).resolve().parents[1]
RECIPES = sorted(ROOT.glob("egs2/*/emb1/run.sh"))
SHELL = sorted([*ROOT.glob("utils/*.sh"), *ROOT.glob("egs2/*/*/*.sh"), ROOT / ".ci/run"])
OPTIONS_TITLE = "Options, with the values they have now (--name VALUE or --name=VALUE):"
STAGES_TITLE = "Stages, for --stage and --stop_stage (name or number):"
TRAINING = ["data", "tokens", "teach", "stats", "train", "decode", "score"]
STAGES = [*TRAINING, "dump", "measure", "report", "pack", "publish"]
VERBS = [*STAGES[:2], *STAGES[3:9], "explain", *STAGES[9:]]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def value(call: list[str], option: str) -> str:
    return call[call.index(option) + 1]


def commands(dry_run: str) -> list[list[str]]:
    """The arguments of `python -m fangyan` in what a dry run prints."""
    lines = [shlex.split(line) for line in dry_run.splitlines()]
    return [words[3:] for words in lines if words[:3] == ["python", "-m", "fangyan"]]


# --- options ---


def test_a_value_is_never_evaluated(desk: Desk) -> None:
    for evil in ("$(touch hacked)", "`touch hacked`", "x; touch hacked", "a[$(touch hacked)]"):
        assert desk.run("--tag", evil, "--stop_stage", "data").returncode == 0
        assert desk.run("--nj", evil).returncode == 2
        assert desk.run("--stage", evil).returncode == 2
        assert desk.run(f"--{evil}", "1").returncode == 2
        assert desk.run(evil).returncode == 2
    assert not list(desk.recipe.rglob("hacked"))


@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_value_arrives_unchanged(desk: Desk, text: str) -> None:
    assert desk.run(f"--corpus_dir={text}", "--stop_stage=data").returncode == 0
    assert value(desk.calls()[0], "--corpus_dir") == text


@pytest.mark.parametrize(
    "text", ["two words", 'it\'s "quoted"', "two\nlines\n", "*", "a=b,c=d", "方言", "\\", "-x"]
)
def test_quotes_blanks_and_newlines_arrive_unchanged(desk: Desk, text: str) -> None:
    assert desk.run("--corpus_dir", text, "--stop_stage", "data").returncode == 0
    assert value(desk.calls()[0], "--corpus_dir") == text


def test_both_forms_and_both_spellings_of_an_option(desk: Desk) -> None:
    for arguments in (
        ["--stop_stage", "1"],
        ["--stop_stage=1"],
        ["--stop-stage", "data"],
        ["--stop-stage=data"],
    ):
        assert desk.run(*arguments).returncode == 0
        assert desk.verbs() == ["data"]


def test_the_last_of_two_values_wins(desk: Desk) -> None:
    desk.run("--nj", "3", "--nj=5", "--stop_stage", "data")
    assert value(desk.calls()[0], "--nj") == "5"


def test_an_option_may_be_empty(desk: Desk) -> None:
    desk.run("--corpus_dir", "there", "--corpus_dir", "", "--stop_stage", "data")
    assert "--corpus_dir" not in desk.calls()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trian_set", "x"], r"unknown option --trian_set, did you mean --train_set\?; --help lists all"),
        (["--encodr", "x"], r"did you mean --encoder\?"),
        (["--config=x"], r"did you mean --train_config\?"),
        (["--corpusdir=x"], r"did you mean --corpus_dir\?"),
        (["--epochs=1"], "unknown option --epochs; --help lists all"),
        (["--zzzzz=1"], "unknown option --zzzzz; --help lists all"),
        (["-n", "4"], "stray word -n: options are --NAME VALUE; --help lists them"),
        (["train"], "stray word train: options are"),
        (["--nj"], "--nj needs a value"),
        (["--nj", "--dry_run"], "--nj needs a value"),
        (["--nj", "two"], "--nj is a whole number, got two"),
        (["--nj", "-1"], "--nj is a whole number, got -1"),
        (["--seed="], "--seed is a whole number, got ''"),
        (["--dry_run=maybe"], "--dry_run is true or false, got maybe"),
        (
            ["--stage", "trian"],
            r"unknown stage trian, did you mean train\?; known are data tokens .* publish$",
        ),
        (["--stage", "13"], "unknown stage 13"),
        (["--stop_stage", ""], "unknown stage ''"),
        (["--stage", "score", "--stop_stage", "train"], "stage score comes after stop_stage train"),
        (["--stage", "publish"], "add --stop_stage publish"),
        (["--train_config", "none.yaml"], "none.yaml: no such file, neither in .*my recipe nor in"),
        (["--test_sets", " "], "--test_sets needs a set"),
        (["--encoder", "fbank", "--download", "user/name"], "--download and --encoder name two encoders"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_known(
    desk: Desk, arguments: list[str], message: str
) -> None:
    result = desk.run(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("run.sh: ") and result.stderr.count("\n") == 1
    assert re.search(message, result.stderr)
    assert not desk.all_calls() and not list(desk.recipe.iterdir())


def test_a_mistake_takes_little_more_than_a_line_of_80_columns(desk: Desk) -> None:
    for arguments in (["--trian_set", "x"], ["--zzzzz"], ["train"], ["--nj"], ["--nj", "two"]):
        assert len(desk.run(*arguments).stderr) <= 81


def test_a_switch_needs_no_value(desk: Desk) -> None:
    for arguments in (["--dry_run"], ["--dry_run=true"], ["--dry_run", "true"], ["--dry_run", "--nj", "3"]):
        assert desk.run(*arguments).stdout.count("fangyan data") == 1
        assert not desk.calls()
    for arguments in (["--dry_run=false"], ["--dry_run", "false"]):
        assert desk.run(*arguments, "--stop_stage", "data").returncode == 0
        assert desk.verbs() == ["data"]


# --- help ---


def test_help_lists_every_option_and_stage(desk: Desk) -> None:
    text = desk.run("--help").stdout
    options = re.findall(r"^([a-z_]+)=.*  # (.+)$", TEMPLATE.read_text(), re.M)
    whole = re.sub(r"\n {10,}", " ", text)
    assert re.findall(r"^  --([a-z_]+) +(.+) \[.*\]$", whole, re.M) == options
    stages = re.findall(r"^ +(\d+)  ([a-z]+) +\S", text, re.M)
    assert stages == [(str(n), name) for n, name in enumerate(STAGES, 1)]
    assert max(map(len, text.splitlines())) <= 80
    assert not desk.calls() and not list(desk.recipe.iterdir())


def test_help_of_a_recipe_shows_its_own_values(desk: Desk) -> None:
    text = desk.run("-h", "--nj", "7", "--corpus", "mine").stdout
    assert re.search(r"--corpus .*\[mine\]", text) and re.search(r"--nj [^[]*\[7\]", text)


def test_help_is_read_from_the_script(desk: Desk) -> None:
    script = desk.recipe / "small.sh"
    script.write_text(
        f"""#!/usr/bin/env bash
# What it is for.
set -eu
exp=exp
colour=red  # a colour; "quoted"
stage=1  # first
stop_stage=2  # last
dry_run=false  # only print
. {shlex.quote(str(ROOT))}/utils/stages.sh
parse_options "$@"
later=no  # not an option
if stage 1 one "The first"; then run true; fi
if stage 2 two "The second"; then run true; fi
"""
    )
    lines = desk.run("--help", script=script).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["What", "it", "is", "for."],
        [],
        OPTIONS_TITLE.split(),
        ["--colour", "a", "colour;", '"quoted"', "[red]"],
        ["--stage", "first", "[1]"],
        ["--stop_stage", "last", "[2]"],
        ["--dry_run", "only", "print", "[false]"],
        [],
        STAGES_TITLE.split(),
        ["1", "one", "The", "first"],
        ["2", "two", "The", "second"],
    ]
    assert desk.run("--later", "x", script=script).returncode == 2


# --- dry runs ---


def test_a_dry_run_runs_nothing_and_writes_nothing(desk: Desk, copy: Path) -> None:
    words = ["--dry_run", "--stop_stage", "publish", "--hf_repo", "user/name"]
    result = desk.run(*words, script=copy / "egs2/TEMPLATE/emb1/emb.sh", NO_ESPNET="1")
    assert result.returncode == 0
    assert list(dict.fromkeys(words[0] for words in commands(result.stdout))) == VERBS
    assert re.findall(r"^# stage (\d+) \(", result.stdout, re.M) == [str(n) for n in range(1, 13)]
    assert "the options are not checked, there is no environment yet: type `make setup`" in result.stderr
    assert not desk.all_calls() and not list(desk.recipe.iterdir())


def test_a_dry_run_prints_a_script_that_does_what_a_run_does(desk: Desk) -> None:
    odd = ["--corpus_dir", "a b'c\n$HOME*", "--tag", "方言; x", "--test_sets", "test_a test_b"]
    script = desk.run("--dry_run", *odd).stdout
    assert desk.run(*odd).returncode == 0
    wanted = desk.calls()
    assert desk.bash("-c", script).returncode == 0
    assert desk.calls() == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--init", "openai/whisper-tiny"],
        ["--exit_layers", "layer01 layer02"],
        ["--encoder", "espnet:model.zip"],
        ["--encoder", "fbank", "--dev_set", ""],
        ["--hf_repo", "user/name", "--private", "--revision", "v1", "--i_have_permission", "the owner"],
    ],
)
def test_the_command_line_knows_every_option_of_the_template(desk: Desk, arguments: list[str]) -> None:
    for verb, *rest in commands(desk.run("--dry_run", "--stop_stage", "publish", *arguments).stdout):
        cli.commands[verb].make_context(verb, rest)  # click raises for anything unknown or missing


# --- stages ---


def test_stages_by_name_and_by_number(desk: Desk) -> None:
    for arguments in (["--stage", "train", "--stop_stage", "score"], ["--stage", "5", "--stop_stage=7"]):
        desk.run(*arguments)
        assert desk.verbs() == ["train", "decode", "score"]


def test_publishing_is_no_part_of_a_default_run(desk: Desk) -> None:
    desk.run()
    assert desk.verbs() == VERBS[:-1]
    desk.run("--stage", "publish", "--stop_stage", "12", "--hf_repo", "user/name")
    wanted = "-m fangyan publish --exp exp/e_branchformer_text_cmn_seed1 --hf_repo user/name"
    assert desk.calls() == [wanted.split()]
    how = ["--revision", "v1", "--i_have_permission", "the owner, in 2026", "--private"]
    desk.run("--stage", "publish", "--stop_stage", "12", "--hf_repo", "user/name", *how)
    assert desk.calls() == [[*wanted.split(), *how]]


def test_every_stage_is_logged_with_its_title_and_commands(desk: Desk) -> None:
    lines = desk.run("--stage", "pack").stderr.splitlines()
    time = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
    assert re.search(time + r"stage 11 \(pack\): Pack the model", lines[-2])
    assert re.search(time + r"python -m fangyan pack --exp exp/e_branchformer_text_cmn_seed1$", lines[-1])


def test_a_failing_command_stops_the_run_and_the_last_line_says_how_to_resume(desk: Desk) -> None:
    result = desk.run(FAILING="train")
    assert result.returncode == 7
    assert desk.verbs() == ["data", "tokens", "stats", "train"]
    assert re.search(r"stage 5 \(train\) did not finish: .* --stage 5$", result.stderr)


def test_times_of_stages_that_succeeded(desk: Desk) -> None:
    times = desk.recipe / "exp/e_branchformer_text_cmn_seed1/times.tsv"
    desk.run(FAILING="stats")
    assert re.fullmatch(r"stage\tseconds\ndata\t\d+\ntokens\t\d+\n", times.read_text())
    desk.run("--stage", "stats", "--stop_stage", "train")
    rows = [line.split("\t") for line in times.read_text().splitlines()]
    assert [row[0] for row in rows] == ["stage", "data", "tokens", "stats", "train"]


def test_a_stage_that_was_killed_counts_as_not_finished(desk: Desk) -> None:
    command = [TEMPLATE, "--tag", "x"]
    with subprocess.Popen(
        command,
        cwd=desk.recipe,
        env=desk.env | {"HANGING": "tokens"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stderr
        while "tokens" not in desk.verbs():
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGTERM)
        assert re.search(r"stage 2 \(tokens\) did not finish: .* --stage 2\n$", run.stderr.read())
    assert [line.split("\t")[0] for line in (desk.recipe / "exp/x/times.tsv").open()] == ["stage", "data"]
    assert (desk.recipe / "exp/x/.stage").read_text() == "tokens\n"  # no reason but that it was stopped


def test_the_experiment_is_named_after_what_decides_it(desk: Desk) -> None:
    (desk.recipe / "big.model.yaml").touch()
    desk.run(
        "--train_config",
        "big.model.yaml",
        "--target",
        "text",
        "--seed",
        "3",
        "--stage",
        "4",
        "--stop_stage",
        "4",
    )
    assert value(desk.calls()[0], "--exp") == "exp/big.model_text_seed3"
    desk.run("--tag", "mine", "--stage", "train", "--stop_stage", "train")
    assert value(desk.calls()[0], "--exp") == "exp/mine"


def test_a_configuration_of_the_recipe_comes_before_that_of_the_repository(desk: Desk) -> None:
    config = "conf/train/e_branchformer.yaml"
    desk.run("--stage", "train", "--stop_stage", "train")
    assert value(desk.calls()[0], "--config") == str(ROOT / config)
    (desk.recipe / "conf/train").mkdir(parents=True)
    (desk.recipe / config).touch()
    desk.run("--stage", "train", "--stop_stage", "train")
    assert value(desk.calls()[0], "--config") == config


def test_every_encoder_is_measured_on_every_set(desk: Desk) -> None:
    desk.run("--test_sets", " one\ttwo\n", "--tag", "x", "--stage", "dump")
    home = {"espnet:exp/x": "exp/x"}
    home |= {
        spec: f"exp/x/baselines/{name}"
        for spec, name in [("random:exp/x", "random"), ("fbank", "fbank"), ("mfcc", "mfcc")]
    }
    dumped = [call[3:] for call in desk.calls() if call[2] == "dump"]
    sets = ["--data=data/dev", "--data=data/one", "--data=data/two"]
    assert dumped == [["--encoder", spec, *sets, "--out", f"{h}/feats"] for spec, h in home.items()]
    (measured,) = [call[3:] for call in desk.calls() if call[2] == "measure"]
    baselines = ["random=random:exp/x", "fbank=fbank", "mfcc=mfcc"]
    model = ["--exp", "exp/x", "--encoder", "espnet:exp/x"]
    measures = ["--measures", str(ROOT / "conf/measure.yaml")]
    assert measured == [*model, *(f"--baseline={words}" for words in baselines), *sets, *measures]
    report = next(c for c in desk.calls() if c[2] == "report")
    assert report[3:9] == ["--exp", "exp/x", "--dev", "dev", "--test=one", "--test=two"]
    assert value(report, "--data") == "data"


def test_what_is_measured_is_a_list_of_the_recipe_or_the_repository_with_changes(desk: Desk) -> None:
    stage = ["--tag", "x", "--stage", "measure", "--stop_stage", "measure"]
    (desk.recipe / "conf").mkdir()
    (desk.recipe / "conf/measure.yaml").touch()
    desk.run(*stage)
    assert desk.calls()[0][-2:] == ["--measures", "conf/measure.yaml"]
    desk.run(*stage, "--control_quantile", "0.5", "--word_test")
    assert desk.calls()[0][-4:] == ["--set", "control.quantile=0.5", "--also", "word_test"]
    result = desk.run(*stage, "--measures", "conf/mine.yaml")
    assert "conf/mine.yaml: no such file, neither in" in result.stderr


def test_a_stage_is_known_by_its_former_name(desk: Desk) -> None:
    desk.run("--stage", "retrieve", "--stop_stage", "retrieve")
    assert desk.verbs() == ["measure"]


def test_a_mixture_takes_the_place_of_a_corpus(desk: Desk) -> None:
    desk.run("--mixture", "conf/mixtures/open.yaml", "--stop_stage", "data", "--nj", "3")
    file = str(ROOT / "conf/mixtures/open.yaml")
    wanted = ["--mixture", file, "--roots", "conf/corpora.yaml", "--out", "data", "--nj", "3"]
    assert desk.calls() == [["-m", "fangyan", "mix", *wanted]]
    result = desk.run("--mixture", "conf/mixtures/none.yaml")
    assert result.returncode == 2 and "none.yaml: no such file" in result.stderr


def test_patterns_stand_for_the_sets_that_the_data_stage_left(desk: Desk) -> None:
    for name in ("train", "dev", "test_b", "test_a", "test c"):
        (desk.recipe / "data" / name).mkdir(parents=True)
    decode = ["--stage", "decode", "--stop_stage", "decode", "--test_sets"]
    desk.run(*decode, "dev test_*")
    assert desk.calls()[0][5:8] == ["--data=data/dev", "--data=data/test_a", "--data=data/test_b"]
    desk.run(*decode, "far_* $(touch hacked)")
    assert desk.calls()[0][5:8] == ["--data=data/far_*", "--data=data/$(touch", "--data=data/hacked)"]
    assert not list(desk.recipe.rglob("hacked"))


def test_sentencepieces_have_a_token_list_and_an_experiment_of_their_own(desk: Desk) -> None:
    desk.run("--vocabulary", "300", "--stage", "tokens", "--stop_stage", "train")
    tokens, *jobs = desk.calls()
    assert value(tokens, "--vocabulary") == "300"
    assert value(tokens, "--out") == "data/token_list/train_text_cmn_bpe300"
    assert {value(call, "--tokens") for call in jobs} == {value(tokens, "--out")}
    assert {value(call, "--exp") for call in jobs} == {"exp/e_branchformer_text_cmn_bpe300_seed1"}


def test_exit_layers_are_decoded_and_scored_beside_the_whole_model(desk: Desk) -> None:
    arguments = ["--stage", "decode", "--stop_stage", "score", "--tag", "x", "--test_sets", "one two"]
    desk.run(*arguments)
    assert not [word for call in desk.calls() for word in call if "exit" in word]
    desk.run(*arguments, "--exit_layers", " layer02\nnorm ")
    early, whole, *scores = desk.calls()
    assert whole[:-2] == early[:-4] and value(whole, "--out") == "exp/x/decode"
    assert early[-4:] == ["--exit_layer=layer02", "--exit_layer=norm", "--out", "exp/x/early_exit"]
    folders = [(value(call, "--decode"), value(call, "--exits")) for call in scores]
    assert folders == [(f"exp/x/decode/{name}", f"exp/x/early_exit/{name}") for name in ("one", "two")]


def test_the_telling_pairs_of_the_test_sets_are_explained_at_the_layer_that_dev_chooses(desk: Desk) -> None:
    arguments = ["--stage", "report", "--stop_stage", "report", "--tag", "x", "--test_sets", "one two"]
    desk.run(*arguments)
    wanted = "explain --encoder espnet:exp/x --feats exp/x/feats --data=data/one --data=data/two "
    wanted += "--dev exp/x/retrieval/dev --count 3 --out exp/x/explain"
    assert desk.calls()[0][2:] == wanted.split()
    desk.run(*arguments, "--encoder", "fbank", "--dev_set", "", "--telling", "1")
    assert "--dev" not in desk.calls()[0] and value(desk.calls()[0], "--count") == "1"
    assert value(desk.calls()[0], "--retrieval") == "exp/x/retrieval"
    desk.run(*arguments, "--telling", "0")
    assert desk.verbs() == ["report"]


def test_folds_choose_the_layer_of_explanations_and_report_in_place_of_a_development_set(desk: Desk) -> None:
    arguments = [
        "--stage",
        "report",
        "--stop_stage",
        "report",
        "--encoder",
        "fbank",
        "--choose_layer",
        "folds",
    ]
    desk.run(*arguments, "--dev_set", "")
    for call in desk.calls():
        assert value(call, "--choose_layer") == "folds"
    explain, report = desk.calls()
    assert value(explain, "--retrieval") == "exp/fbank/retrieval" and value(report, "--encoder") == "fbank"


def test_layers_to_score_are_handed_on(desk: Desk) -> None:
    desk.run("--stage", "measure", "--stop_stage", "measure", "--layers", " norm\nlayer03+norm ")
    layers = [word for word in desk.calls()[0] if word.startswith("--layer")]
    assert layers == ["--layer=norm", "--layer=layer03+norm"]


def test_an_encoder_is_measured_without_training(desk: Desk) -> None:
    result = desk.run("--encoder", "espnet:../x y/model.zip", "--dev_set", "", "--train_config", "none.yaml")
    assert desk.verbs() == ["data", "dump", "measure", "explain", "report"]
    assert "stage 5 (train): left out, an encoder is given" in result.stderr
    dumps = [value(call, "--encoder") for call in desk.calls() if call[2] == "dump"]
    assert dumps == ["espnet:../x y/model.zip", "random:../x y/model.zip", "fbank", "mfcc"]
    assert desk.calls()[-1][3:8] == ["--exp", "exp/espnet_.._x_y_model.zip", "--dev", "", "--test=test"]


def test_a_published_model_is_measured_and_recognises_without_training(desk: Desk) -> None:
    result = desk.run("--download", "user/name", "--train_config", "none.yaml", "--stop_stage", "publish")
    verbs = ["data", "decode", "score", *VERBS[6:10], "publish"]
    assert desk.verbs() == verbs
    assert "stage 5 (train): left out, a published model is given" in result.stderr
    calls = {call[2]: call for call in desk.calls()}
    assert value(calls["decode"], "--exp") == "user/name"
    assert value(calls["decode"], "--out") == "exp/espnet_user_name/decode"
    assert value(calls["score"], "--decode") == "exp/espnet_user_name/decode/test"
    dumps = [value(call, "--encoder") for call in desk.calls() if call[2] == "dump"]
    assert dumps == ["espnet:user/name", "random:user/name", "fbank", "mfcc"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--target", "text", "--seed", "3"],
        ["--vocabulary", "300"],
        ["--encoder", "espnet:x y.zip"],
        ["--download", "user/name"],
        ["--tag", "it's"],
        ["--layers", "layer03 layer03+norm"],
        ["--measures", "conf/decode.yaml", "--control_quantile", "0.5"],
        ["--corpus_dir", "x y", "--corpus_options", "a=b;c=d", "--dev_set", "", "--encoder", "mfcc"],
        ["--train_set", "t", "--test_sets", "a b", "--baselines", "", "--exit_layers", "layer01"],
        ["--mixture", "conf/mixtures/open.yaml", "--decode_config", "conf/decode.yaml"],
        ["--word_test", "true", "--telling", "1"],
        ["--ngpu", "0", "--num_nodes", "2"],
    ],
)
def test_the_report_is_told_the_command_that_repeats_the_experiment(desk: Desk, arguments: list[str]) -> None:
    desk.run(*arguments, "--nj", "3", "--stop_stage", "report")
    call = next(call for call in desk.calls() if call[2] == "report")
    program, *again = shlex.split(value(call, "--command"))
    assert program == "./run.sh" and pairs(again) == pairs(arguments)  # all that was given but where it ran
    desk.run(*again, "--stage", "report", "--stop_stage", "report")
    assert desk.calls()[-1] == call


def pairs(words: list[str]) -> list[tuple[str, ...]]:
    """Options with their values, sorted."""
    return sorted(batched(words, 2))


def quoted(desk: Desk) -> str:
    """The command line that the report of the last run quotes."""
    return next(value(call, "--command") for call in desk.calls() if call[2] == "report")


def test_what_a_recipe_sets_itself_is_not_quoted_but_what_beats_it_is(desk: Desk) -> None:
    recipe = desk.recipe / "run.sh"
    recipe.write_text(f'exec {TEMPLATE} --corpus kaldi --dev_set "" --encoder mfcc -- "$@"\n')
    desk.run(script=recipe)
    assert quoted(desk) == "./run.sh"
    desk.run("--corpus_dir=--odd", "--encoder", "fbank", "--test_sets", "it's", script=recipe)
    assert quoted(desk) == "./run.sh --corpus_dir=--odd --test_sets it\\'s --encoder fbank"


def test_the_options_that_prepared_the_data_are_quoted_by_later_runs(desk: Desk) -> None:
    of_data = ["--corpus_dir", "x y", "--corpus_options", "a=b;c= d"]
    desk.run(*of_data, "--seed", "3", "--stop_stage", "data")
    desk.run("--seed", "2", "--stage", "measure", "--stop_stage", "report")
    assert pairs(shlex.split(quoted(desk))[1:]) == pairs([*of_data, "--seed", "2"])
    desk.run("--corpus_dir", "z", "--stage", "report", "--stop_stage", "report")
    assert quoted(desk) == "./run.sh --corpus_dir z"
    desk.run("--stop_stage", "report")  # which prepares the data anew
    assert quoted(desk) == "./run.sh"


def test_results_of_some_layers_have_a_folder_of_their_own(desk: Desk) -> None:
    layers = ["layer03", "layer03+norm", "a/b c"]
    for asked in (layers[:1], layers[:2]):
        desk.run("--tag", "x", "--layers", " ".join(asked), "--stage", "report", "--stop_stage", "report")
        explain, report = desk.calls()
        home = f"{results_folder(Path('exp/x'), asked)}"
        assert value(explain, "--out") == f"{home}/explain"
        assert value(explain, "--dev") == f"{home}/retrieval/dev"
        assert [word for word in report if word.startswith("--layer")] == [f"--layer={one}" for one in asked]
    named = f". {ROOT}/utils/names.sh; folder_of_layers {shlex.join(layers)}; folder_of_layers"
    found = desk.bash("-c", named).stdout
    assert (
        found == f"/layers/{results_folder(Path(), layers).name}\n" == "/layers/layer03_layer03+norm_a_b_c\n"
    )


def test_only_an_espnet_encoder_has_a_random_twin(desk: Desk) -> None:
    desk.run("--encoder", "mfcc", "--baselines", "random fbank", "--stage", "dump", "--stop_stage", "dump")
    assert {value(call, "--encoder") for call in desk.calls()} == {"mfcc", "fbank"}
    desk.run("--baselines", "", "--stage", "dump", "--stop_stage", "dump")
    assert len(desk.calls()) == 1


# --- where commands run ---


def submitted(call: list[str]) -> tuple[list[str], list[str]]:
    """The options of a submission, and the command it is to run."""
    assert call[:3] == ["-m", "fangyan", "submit"]
    where = call.index("--")
    return call[3:where], call[where + 1 :]


def test_on_the_cluster_every_command_is_submitted(desk: Desk) -> None:
    arguments = ["--tag", "x y", "--exit_layers", "layer02"]
    desk.run(*arguments)
    here = desk.calls()
    desk.run(*arguments, "--backend", "slurm", "--nj", "2")
    jobs = [submitted(call) for call in desk.calls()]
    assert [command for _, command in jobs] == [["python", *call] for call in here]
    classes = {command[3]: value(options, "--kind") for options, command in jobs}
    assert {verb for verb, kind in classes.items() if kind == "gpu"} == {"decode", "dump", "measure"}
    assert {verb for verb, kind in classes.items() if kind == "train"} == {"train"}
    shards = {command[3]: value(options, "--shards") for options, command in jobs}
    assert {verb for verb, count in shards.items() if count == "2"} == {"decode", "dump", "measure"}
    assert {value(options, "--exp") for options, _ in jobs} == {"exp/x y"}
    assert {value(options, "--stage") for options, _ in jobs} == {*STAGES[:-1]} - {"teach"}


def test_the_size_of_training_is_told_to_the_job_and_to_the_command(desk: Desk) -> None:
    train = ["--stage", "train", "--stop_stage", "train", "--ngpu", "4", "--num_nodes", "2"]
    desk.run(*train, "--backend", "slurm")
    for words in submitted(desk.calls()[0]):
        assert (value(words, "--ngpu"), value(words, "--num_nodes")) == ("4", "2")
    desk.run(*train)
    assert value(desk.calls()[0], "--ngpu") == "4"
    desk.run(*train[:4], "--backend", "slurm")
    assert not any("--ngpu" in words for words in submitted(desk.calls()[0]))


def test_a_chain_hands_each_job_the_one_before(desk: Desk) -> None:
    result = desk.run(
        "--backend=slurm", "--submit", "--stage", "tokens", "--stop_stage", "train", ANSWER="17\n18"
    )
    calls = [submitted(call)[0] for call in desk.calls()]
    assert [value(options, "--after") for options in calls] == ["", "18", "18"]
    assert all("--no_wait" in options for options in calls)
    assert "submitted: jobs 17 18 17 18 17 18" in result.stderr and "scancel 17 18" in result.stderr
    assert not (desk.recipe / "exp/e_branchformer_text_cmn_seed1/times.tsv").exists()


def test_a_chain_that_breaks_while_it_is_submitted_is_cancelled(desk: Desk) -> None:
    scancel = desk.record.parent / "env/bin/scancel"
    scancel.write_text('#!/bin/sh\necho "$@" >"$CALLS.cancelled"\n')
    scancel.chmod(0o755)
    result = desk.run("--backend=slurm", "--submit", "--stage", "tokens", ANSWER="17", FAILING_STAGE="train")
    assert result.returncode == 7
    assert Path(f"{desk.record}.cancelled").read_text() == "17 17 17\n"


def test_inside_a_job_nothing_is_submitted(desk: Desk) -> None:
    result = desk.run("--backend", "slurm", "--submit", "--stage", "pack", SLURM_JOB_ID="17")
    assert desk.calls() == ["-m fangyan pack --exp exp/e_branchformer_text_cmn_seed1".split()]
    assert "inside job 17 of Slurm: commands run in it, nothing is submitted" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backend", "sge"], "--backend is local or slurm, got sge"),
        (["--submit"], "--submit needs --backend slurm"),
        (["--submit", "--backend=slurm", "--test_sets", "test_*"], r"must know what test_\* stands for"),
        (["--submit", "--backend=slurm", "--stop_stage=publish"], "--submit ends with pack"),
    ],
)
def test_what_cannot_be_submitted_is_one_line(desk: Desk, arguments: list[str], message: str) -> None:
    result = desk.run(*arguments)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert re.search(message, result.stderr)
    assert not desk.calls() and not list(desk.recipe.iterdir())


def test_a_dry_run_for_the_cluster_prints_the_job_scripts(desk: Desk) -> None:
    env = {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "FANGYAN_SLURM": ""}
    arguments = "--backend slurm --dry_run --stage dump --stop_stage dump --baselines=".split()
    result = desk.run(*arguments, HOME=str(desk.recipe), **env)
    assert result.stdout.count("#!/usr/bin/env bash") == 2
    assert result.stdout.count("\n#SBATCH --array=1-2%16\n") == 1
    assert "command=(python -m fangyan dump --encoder espnet:exp/" in result.stdout
    assert not list(desk.recipe.iterdir())


def test_the_status_is_asked_of_the_experiment(desk: Desk) -> None:
    desk.run("--status", "--tag", "x", "--nj", "0")  # which is no matter now
    assert desk.all_calls() == [["-m", "fangyan", "status", "--exp", "exp/x", *STAGES]]
    assert not list(desk.recipe.iterdir())


# --- one run at a time ---


@pytest.fixture
def occupied(desk: Desk):
    """A run of the experiment x that does not end by itself."""
    run = subprocess.Popen(
        [TEMPLATE, "--tag", "x"],
        cwd=desk.recipe,
        env=desk.env | {"HANGING": "stats"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while "stats" not in desk.verbs():
        time.sleep(0.05)
    yield run
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def test_a_second_run_of_an_experiment_is_told_who_runs_the_first(
    desk: Desk, occupied: subprocess.Popen
) -> None:
    result = desk.run("--tag", "x")
    assert result.returncode == 2
    owner = rf"\w+ on \S+ \(process {occupied.pid} or one it started\) since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(
        rf"exp/x is in use by {owner}: wait for it, stop it, or choose another --tag\n$", result.stderr
    )
    assert not desk.calls()
    assert desk.run("--tag", "y", "--stop_stage", "data").returncode == 0


def test_what_a_killed_run_has_started_keeps_the_experiment_to_itself(
    desk: Desk, occupied: subprocess.Popen
) -> None:
    occupied.kill()
    occupied.wait()
    assert desk.run("--tag", "x").returncode == 2
    os.killpg(occupied.pid, signal.SIGKILL)  # the command it was waiting for
    assert desk.run("--tag", "x", "--stop_stage", "data").returncode == 0


def test_two_experiments_prepare_the_data_they_share_one_after_the_other(desk: Desk) -> None:
    def start(tag: str, **env: str) -> subprocess.Popen:
        words = [TEMPLATE, "--tag", tag, "--stop_stage", "data"]
        pipe = {"stderr": subprocess.PIPE, "text": True, "start_new_session": True}
        return subprocess.Popen(words, cwd=desk.recipe, env=desk.env | env, **pipe)

    first = start("x", HANGING="data")
    while "fangyan data" not in first.stderr.readline():
        pass
    second = start("y")
    while "waiting for another run to have prepared data/" not in second.stderr.readline():
        pass
    assert len(desk.calls()) == 1
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert "fangyan data" in second.communicate()[1] and second.returncode == 0


def test_the_stage_that_was_stopped_is_remembered(desk: Desk) -> None:
    desk.run("--tag", "x", FAILING="train")
    assert (desk.recipe / "exp/x/.stage").read_text() == "train\nexit code 7\n"
    desk.run("--tag", "x", "--stage", "train", "--stop_stage", "train")
    assert not (desk.recipe / "exp/x/.stage").exists()


# --- what a person may do next ---


def steps(desk: Desk, *arguments: str, script: Path = TEMPLATE, **env: str) -> list[str]:
    """The lines to paste that a run ends with."""
    sets = {f"data/{name}/wav.scp": "a with blank.wav\n" for name in ("dev", "test")}
    for name, text in (sets | {"exp/fbank/report.html": ""}).items():
        path = script.parent / name if script != TEMPLATE else desk.recipe / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = desk.run("--encoder", "fbank", *arguments, script=script, **env)
    assert result.returncode == 0, result.stderr
    return [
        line.strip() for line in result.stderr.partition("What next?")[2].splitlines() if line[:2] == "  "
    ]


def test_a_run_that_reported_says_what_to_type_next(desk: Desk) -> None:
    (desk.recipe.parent / "env/bin/fangyan").touch(0o755)
    here, page, *verbs = steps(desk)
    assert here == f"cd {shlex.quote(str(desk.recipe))}".replace("'", "").replace("my recipe", r"my\ recipe")
    assert page.endswith(" exp/fbank/report.html")
    for line in verbs:
        program, verb, *words = shlex.split(line)
        assert program == "fangyan"
        cli.commands[verb].make_context(verb, words)
    assert [line.split()[1] for line in verbs] == ["demo", "index", "search", "compare", "index"]
    assert verbs[2] == r"fangyan search with\ blank.wav --index exp/fbank/index"


@pytest.mark.parametrize(
    "arguments", [["--dry_run"], ["--stop_stage", "measure"], ["--stage", "pack"]], ids=" ".join
)
def test_a_run_without_a_report_says_nothing_of_what_is_next(desk: Desk, arguments: list[str]) -> None:
    assert not steps(desk, *arguments)


def test_what_comes_next_begins_with_the_environment_that_was_used(desk: Desk, copy: Path) -> None:
    shutil.copytree(desk.recipe.parent / "env", copy / ".venv")
    (copy / ".venv/.setup").touch()
    run = copy / "egs2/mini_sinitic/emb1/run.sh"
    home, root = (str(path).replace(" ", "\\ ") for path in (run.parent, copy))
    (copy / ".venv/bin/fangyan").touch(0o755)
    assert steps(desk, script=run, VIRTUAL_ENV="")[0] == f"source {root}/.venv/bin/activate && cd {home}"
    active = {"VIRTUAL_ENV": f"{copy}/.venv", "PATH": f"{copy}/.venv/bin:{os.environ['PATH']}"}
    assert steps(desk, script=run, **active)[0] == f"cd {home}"
    (copy / ".venv/bin/fangyan").unlink()
    path = f"{desk.recipe.parent}/env/bin:/usr/bin:/bin"
    here, *lines = steps(desk, script=run, PATH=path)
    assert here == f"export PYTHONPATH={root}/local && cd {home}"
    assert all(line.startswith("python -m fangyan ") for line in lines[1:])


# --- the environment ---


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shell layer in another place, whose name has a blank, without .venv."""
    return copy_folders(tmp_path / "another place", ("utils", "egs2", "conf"))


def test_a_recipe_runs_from_anywhere(desk: Desk, copy: Path) -> None:
    for recipe in sorted(copy.glob("egs2/*/emb1/run.sh")):
        result = desk.run("--encoder", "fbank", script=recipe)
        assert result.returncode == 0, result.stderr
        assert (recipe.parent / "exp/fbank/times.tsv").exists()
    assert not list(desk.recipe.iterdir())


def test_without_an_environment_it_says_what_to_type(desk: Desk, copy: Path) -> None:
    result = desk.run(script=copy / "egs2/mini_sinitic/emb1/run.sh", NO_ESPNET="1")
    assert result.returncode == 2
    assert f"type `make setup` in {copy}" in result.stderr.splitlines()[-1]
    assert not desk.calls()


@pytest.mark.parametrize(("no_espnet", "chosen"), [("0", "env"), ("1", "another place/.venv")])
def test_an_activated_environment_comes_before_dot_venv(
    desk: Desk, copy: Path, no_espnet: str, chosen: str
) -> None:
    own = copy / ".venv/bin/python"
    own.parent.mkdir(parents=True)
    shutil.copy(desk.recipe.parent / "env/bin/python", own)
    (copy / ".venv/.setup").touch()
    script = f". {shlex.quote(str(copy))}/utils/path.sh; command -v python; echo $PYTHONPATH; echo $OMP_NUM_THREADS"
    lines = desk.bash(
        "-c", script, NO_ESPNET=no_espnet, OMP_NUM_THREADS="3", PYTHONPATH="mine"
    ).stdout.splitlines()
    assert lines == [f"{desk.recipe.parent}/{chosen}/bin/python", f"{copy}/local:mine", "3"]


def test_a_half_finished_dot_venv_is_not_trusted(desk: Desk, copy: Path) -> None:
    (copy / ".venv/bin").mkdir(parents=True)
    shutil.copy(desk.recipe.parent / "env/bin/python", copy / ".venv/bin/python")
    result = desk.run(script=copy / "egs2/mini_sinitic/emb1/run.sh", NO_ESPNET="1")
    assert result.returncode == 2


# --- style ---


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.parts[-3])
@pytest.mark.parametrize(
    "arguments", [["--encoder", "fbank"], ["--dev_set", "dev"]], ids=lambda words: words[0]
)
def test_a_recipe_is_thin_and_passes_a_dry_run(desk: Desk, recipe: Path, arguments: list[str]) -> None:
    lines = recipe.read_text().splitlines()
    assert len(lines) <= 15
    assert any(line.startswith("exec ../../TEMPLATE/emb1/emb.sh") for line in lines)
    result = desk.run("--dry_run", *arguments, script=recipe)
    name = recipe.parts[-3]
    assert f"--corpus {name}" in result.stdout or f"conf/mixtures/{name}.yaml" in result.stdout


def test_the_recipes_are_found() -> None:
    assert {"kaldi", "mini_sinitic"} <= {recipe.parts[-3] for recipe in RECIPES}


def test_the_template_is_short() -> None:
    assert len(TEMPLATE.read_text().splitlines()) < 200


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_shell_is_clean(script: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    result = subprocess.run([shellcheck, "-x", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "script", sorted(ROOT.glob("egs2/*/*/*.sh")), ids=lambda path: "-".join(path.parts[-3:])
)
def test_a_recipe_does_no_data_work(script: Path) -> None:
    for line in script.read_text().splitlines():
        code = line.split(" # ")[0]
        assert len(re.findall(r"(?<!\|)\|(?!\|)", code)) <= 1, line
        assert not re.search(r"\b(awk|sed|perl|eval)\b", code), line


def test_recipes_hold_no_links_and_may_be_executed() -> None:
    assert not [path for path in ROOT.glob("egs2/*/*/*") if path.is_symlink()]
    executables = [*ROOT.glob("egs2/*/*/*.sh"), ROOT / "utils/setup.sh", ROOT / ".ci/run"]
    assert all(os.access(path, os.X_OK) for path in executables)

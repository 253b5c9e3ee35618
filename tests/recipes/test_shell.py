"""What the shell layer makes of the options: it hands them over to be checked, and stops before anything is made."""

from pathlib import Path

import pytest
from desk import TEMPLATE, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def prepare(desk: Desk, *sets: str) -> None:
    for name in sets:
        (desk.recipe / "data" / name).mkdir(parents=True)
        (desk.recipe / "data" / name / "wav.scp").touch()


def test_every_option_and_the_stages_that_are_to_run_are_checked_first(desk: Desk) -> None:
    desk.run("--encoder", "fbank", "--tag", "x y", "--train_config", "mine.yaml", "--stop_stage", "measure")
    assert desk.all_calls()[0][2] == "check"
    words = desk.checked()
    assert words[:2] == ["--template", str(TEMPLATE)]
    assert words[2:7] == ["--exp", "exp/x y", "--stage=data", "--stage=dump", "--stage=measure"]
    options = dict(word.split("=", 1) for word in words[words.index("--") + 1 :])
    assert options["encoder"] == "fbank" and options["nj"] == "2" and options["hf_repo"] == ""
    assert options["train_config"] == "mine.yaml" and len(options) > 30


@pytest.mark.parametrize("how", [[], ["--dry_run"], ["--backend=slurm"], ["--backend=slurm", "--submit"]])
def test_a_mistake_stops_it_before_anything_is_made(desk: Desk, how: list[str]) -> None:
    result = desk.run(*how, FAILING="check")
    assert result.returncode == 2 and not result.stdout
    assert [call[2] for call in desk.all_calls()] == ["check"]
    assert not list(desk.recipe.iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--test_sets", "tset"],
            "data/tset: there is no such set, did you mean test?; data/ has dev test train",
        ),
        (["--dev_set", "dve"], "data/dve: there is no such set, did you mean dev?"),
        (["--train_set", "trian"], "data/trian: there is no such set, did you mean train?"),
        (["--test_sets", "far_*"], "data/far_*: there is no such set; data/ has"),
    ],
)
def test_names_of_sets_are_checked_once_the_data_is_there(
    desk: Desk, arguments: list[str], told: str
) -> None:
    prepare(desk, "train", "dev", "test")
    for stage in ("data", "tokens"):
        result = desk.run("--stage", stage, *arguments)
        assert result.returncode == 2 and f"run.sh: {told}" in result.stderr
        assert desk.verbs() == ["data"][: stage == "data"]
    result = desk.run("--dry_run", *arguments)
    assert result.returncode == 0 and f"# {told}" in result.stdout and " as yet\n" in result.stdout
    assert desk.run("--stop_stage", "data", *arguments).returncode == 0


def test_a_set_that_no_stage_reads_may_be_missing(desk: Desk) -> None:
    prepare(desk, "dev", "test")
    assert desk.run("--stage", "dump", "--train_set", "gone").returncode == 0
    assert desk.run("--encoder", "fbank", "--train_set", "gone").returncode == 0
    assert desk.run("--stage", "pack", "--test_sets", "gone").returncode == 0
    assert desk.run("--stage", "tokens", "--train_set", "gone").returncode == 2


def test_an_encoder_is_not_its_own_baseline(desk: Desk) -> None:
    desk.run("--encoder", "fbank", "--stage", "dump", "--stop_stage", "dump")
    dumped = [call[call.index("--encoder") + 1] for call in desk.calls()]
    assert dumped == ["fbank", "mfcc"]


def test_the_report_is_named_where_it_was_written(desk: Desk) -> None:
    (desk.recipe / "exp/x").mkdir(parents=True)
    (desk.recipe / "exp/x/RESULTS.md").touch()
    for arguments in (["--dry_run"], ["--stop_stage", "decode"], ["--stage", "pack"]):
        result = desk.run("--tag", "x", *arguments)
        assert result.returncode == 0 and "the report is in" not in result.stdout + result.stderr
    assert "the report is in" in desk.run("--tag", "x", "--stage", "report").stderr


def test_a_dry_run_puts_headings_and_commands_in_one_stream(desk: Desk) -> None:
    result = desk.run("--dry_run", "--encoder", "fbank", "--stop_stage", "decode")
    lines = [line for line in result.stdout.splitlines() if line.startswith("# ") or " -m " in line]
    assert lines[0].startswith("# stage 1 (data): ") and lines[1].startswith("python -m fangyan data")
    assert lines[-1] == "# stage 6 (decode): left out, an encoder is given"
    assert not result.stderr


def test_the_reason_why_a_stage_failed_is_kept(desk: Desk) -> None:
    record = desk.recipe / "exp/x/.stage"
    desk.run("--tag", "x", FAILING="data")
    assert record.read_text() == "data\nexit code 7\n"
    desk.run("--tag", "x", FAILING="data", REASON="data: no such thing")
    assert record.read_text() == "data\ndata: no such thing\n"

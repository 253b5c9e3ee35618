import os
import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fangyan import __main__ as main
from fangyan import __version__
from fangyan.cli import SECTIONS
from fangyan.errors import DataError

VERBS = " ".join(SECTIONS.values()).split()


def test_every_verb_stands_in_one_section_and_explains_itself():
    assert sorted(main.cli.commands) == sorted(VERBS)
    for verb in VERBS:
        result = CliRunner().invoke(main.cli, [verb, "--help"])
        assert result.exit_code == 0
        assert all(parameter.help for parameter in main.cli.commands[verb].params), verb


@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_80_columns_and_ends_in_an_example_that_is_understood(verb):
    page = CliRunner().invoke(main.cli, [verb, "--help"], terminal_width=80).output
    assert max(map(len, page.splitlines())) <= 80
    example = re.search(r"^ *Example: fangyan (.*)", main.cli.commands[verb].help, re.DOTALL | re.MULTILINE)
    assert example, f"{verb}: its docstring ends with a line `Example: fangyan {verb} ...`"
    name, *words = shlex.split(example[1].replace("\\\n", " "))
    assert name == verb
    main.cli.commands[verb].make_context(verb, words)  # click refuses what it does not understand


def test_help_lists_each_verb_under_its_section_in_a_line_of_80_columns():
    page = CliRunner().invoke(main.cli, ["--help"], terminal_width=80).output
    listed = page.partition("Show this message and exit.\n\n")[2]
    assert "..." not in listed and max(map(len, listed.splitlines())) <= 80
    for (title, verbs), section in zip(SECTIONS.items(), listed.split("\n\n"), strict=True):
        head, *lines = section.splitlines()
        assert head == f"{title}:"
        assert [line.split()[0] for line in lines] == verbs.split()
        assert all(line[:16].endswith("  ") and line[16] != " " and line.endswith(".") for line in lines)


def test_the_version_is_said_without_loading_anything_heavy():
    code = "import sys, fangyan.__main__ as m; sys.argv[1:] = ['--version']; import atexit; " + (
        "atexit.register(lambda: print({'torch', 'numpy', 'espnet2'} & set(sys.modules))); m.main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, loaded = run.stdout.splitlines()
    assert said.startswith(f"fangyan {__version__}, ") and loaded == "set()"


@pytest.mark.parametrize(
    "line", [["fly"], ["dump", "--bogus", "1"], ["dump", "--encoder"], ["score", "stray"]]
)
def test_bad_usage_exits_with_2(line):
    assert CliRunner().invoke(main.cli, line).exit_code == 2


def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path):
    command = ["dump", "--encoder", "fbank", "--data", str(tmp_path / "gone"), "--out", str(tmp_path)]
    run = subprocess.run([sys.executable, "-m", "fangyan", *command], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("fangyan: ") and "gone" in run.stderr


@pytest.mark.parametrize(
    ("number", "told"),
    [(28, "x: No space left on device: make room there, then run the same again"), (2, "")],
)
def test_an_error_of_the_system_that_a_user_can_mend_is_one_line(monkeypatch, capsys, number, told):
    def failing(**_):
        raise OSError(number, os.strerror(number), "x")

    monkeypatch.setattr(main, "cli", failing)
    with pytest.raises(SystemExit if told else FileNotFoundError):
        main.main()
    assert capsys.readouterr().err == (f"fangyan: {told}\n" if told else "")


def test_what_went_wrong_is_noted_for_the_stage_that_runs(monkeypatch, tmp_path):
    record = tmp_path / ".stage"
    monkeypatch.setenv("FANGYAN_STAGE", str(record))
    for error, kind in (
        (DataError("text:3: no\nmore"), SystemExit),
        (ZeroDivisionError("x / 0"), ZeroDivisionError),
    ):
        record.write_text("dump\n")

        def failing(error=error, **_):
            raise error

        monkeypatch.setattr(main, "cli", failing)
        with pytest.raises(kind):
            main.main()
        told = "text:3: no" if kind is SystemExit else "ZeroDivisionError: x / 0"
        assert record.read_text() == f"dump\n{told}\n"


def test_the_options_of_a_recipe_are_checked_in_lines_signed_by_its_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = ["check", "--exp", "exp/x", "--stage", "data", "--"]
    assert CliRunner().invoke(main.cli, line).exit_code == 0
    result = CliRunner().invoke(main.cli, [*line, "nj=0", "target=x"])
    assert result.exit_code == 2 and not list(tmp_path.iterdir())
    assert [row.split()[:2] for row in result.stderr.splitlines()] == [
        ["run.sh:", "--nj"],
        ["run.sh:", "--target"],
    ]


def test_the_status_of_an_experiment_that_is_not_there_is_an_error_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main.cli, ["status", "--exp", "exp/x", "data"])
    assert not result.output and "exp/x: no such experiment: known are none" in str(result.exception)
    (tmp_path / "exp/x").mkdir(parents=True)
    result = CliRunner().invoke(main.cli, ["status", "--exp", "exp/x", "data"])
    assert result.output.splitlines() == ["exp/x: no run is in progress", "  1 data      -"]


def test_a_defect_of_ours_keeps_its_stack_trace(monkeypatch):
    def broken(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(main, "cli", broken)
    with pytest.raises(ZeroDivisionError):
        main.main()

    def mistaken(**_):
        raise DataError("text:3: no")

    monkeypatch.setattr(main, "cli", mistaken)
    with pytest.raises(SystemExit, match="2"):
        main.main()


def test_two_sets_of_one_name_are_refused_and_a_dot_is_no_name(tmp_path, monkeypatch):
    run = CliRunner().invoke
    line = ["--encoder", "fbank", "--out", f"{tmp_path}/feats"]
    found = run(main.cli, ["dump", "--data", "a/test", "--data", "b/test", *line])
    assert str(found.exception).startswith(
        "--data b/test: what is made of a set goes to a folder of its name"
    )
    seen = []
    monkeypatch.setattr("fangyan.features.dump.dump", lambda spec, sets, *rest: seen.append(sets))
    (tmp_path / "a/test").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/test")
    for given in (".", "../test", ".."):
        run(main.cli, ["dump", "--data", given, *line])
    run(main.cli, ["dump", "--data", "x/dev", "--data", "x/dev/", *line])
    assert [[path.name for path in sets] for sets in seen] == [["test"], ["test"], ["a"], ["dev"]]

"""Setting up, with a uv, a python and a compiler that only pretend, on a PATH of nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ["bash", "cat", "cp", "dirname", "mkdir", "mv", "rm", "sha256sum", "tail", "tee"]
IN_VENV = "--python .venv/bin/python --constraint constraints.txt"
INSTALL = f"pip install --compile-bytecode {IN_VENV} --editable .[mini,dev] pip"
TRIAL = f"pip install --quiet --dry-run --no-deps {IN_VENV} torch torchaudio"

UV = """#!/usr/bin/env bash
[ "$1" != --version ] || exit 0
if [ "$1" = python ]; then [ "${!#}" = "${INSTALLED-3.12}" ]; exit; fi
echo "$* ${UV_DEFAULT_INDEX-} ${SSL_CERT_FILE-} ${UV_TORCH_BACKEND-}" >>"$CALLS"
if [ "$1" = venv ]; then mkdir -p .venv/bin && cp "$TOOLS/python3.12" .venv/bin/python; fi
if [ "$1" = pip ] && [ -n "${OFFLINE-}" ]; then printf 'Resolving\\n  Caused by: no route\\n' && exit 1; fi
packages=.venv/lib/python3.12/site-packages
if [ "$1 ${UV_TORCH_BACKEND-}" = "pip cpu" ]; then mkdir -p "$packages/torch-2.0.0+cpu.dist-info"; fi
"""
PYTHON = """#!/usr/bin/env bash
case $* in
  '-m pip install --quiet --target '*)
    mkdir -p "$6/bin" && cp "$TOOLS/uv.to.fetch" "$6/bin/uv" && echo "$7" >>"$CALLS" ;;
  '-m pip config get global.index-url') echo "${INDEX-}" ;;
  '-m pip config get '*) exit 1 ;;
  '-c import sysconfig'*) echo "${HEADERS-/dev/null}" ;;
  '-c import sys'*) echo "${VERSION-3.12}" ;;
esac
"""


class Machine:
    """A copy of what setup reads, in a folder with a blank in its name, and a PATH that holds only what is given."""

    def __init__(self, folder: Path):
        self.root, self.tools, self.record = folder / "a clone", folder / "bin", folder / "calls"
        self.tools.mkdir()
        for name in TOOLS:
            (self.tools / name).symlink_to(str(shutil.which(name)))
        for name, text in {"uv": UV, "uv.to.fetch": UV, "python3.12": PYTHON, "c++": "#!/bin/sh\n"}.items():
            (self.tools / name).write_text(text)
            (self.tools / name).chmod(0o755)
        for name in ("pyproject.toml", "constraints.txt", "utils/setup.sh"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)

    def setup(self, *extra: str, **env: str) -> subprocess.CompletedProcess[str]:
        self.record.write_text("")
        env = {"PATH": str(self.tools), "TOOLS": str(self.tools), "CALLS": str(self.record)} | env
        command = [self.root / "utils/setup.sh", *extra]
        return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        """The commands of uv since the last set-up, with index and certificate."""
        return [line.rstrip() for line in self.record.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def error(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2
    return result.stderr.splitlines()[-1]


def test_a_fresh_machine_gets_an_environment_with_the_known_versions(machine: Machine) -> None:
    result = machine.setup()
    assert result.returncode == 0, result.stderr
    assert machine.calls() == ["venv --quiet --python 3.12 .venv", INSTALL]


@pytest.mark.parametrize(("installed", "taken"), [("3.13", "3.13"), ("3.12", "3.12"), ("3.11", "3.12")])
def test_a_python_that_is_there_spares_a_download(machine: Machine, installed: str, taken: str) -> None:
    assert machine.setup(INSTALLED=installed).returncode == 0
    assert machine.calls()[0] == f"venv --quiet --python {taken} .venv"


def test_nothing_is_done_when_nothing_changed(machine: Machine) -> None:
    machine.setup()
    assert machine.setup().returncode == 0
    assert machine.calls() == []


def test_an_extra_is_added_once_and_leaves_the_rest_trusted(machine: Machine) -> None:
    machine.setup()
    assert machine.setup("bench").returncode == 0
    assert machine.calls() == [INSTALL.replace("dev", "dev,bench")]
    for extra in (["bench"], []):
        machine.setup(*extra)
        assert machine.calls() == []


def test_cuda_is_left_out_on_request_and_stays_out(machine: Machine) -> None:
    assert machine.setup(CPU="1").returncode == 0
    assert machine.calls() == ["venv --quiet --python 3.12 .venv", f"{TRIAL}   cpu", f"{INSTALL}   cpu"]
    assert machine.setup(CPU="1").returncode == 0 and machine.setup().returncode == 0
    (machine.root / "pyproject.toml").write_text("# changed\n")
    machine.setup()
    assert machine.calls() == [f"{TRIAL}   cpu", f"{INSTALL}   cpu"]


@pytest.mark.parametrize("cpu", ["", "0", "x86_64"])
def test_a_cpu_that_is_not_1_means_something_else(machine: Machine, cpu: str) -> None:
    machine.setup(CPU=cpu)
    assert machine.calls()[1:] == [INSTALL]


def test_without_pytorchs_own_index_one_sentence_says_that_cuda_cannot_be_left_out(machine: Machine) -> None:
    sentence = error(machine.setup(CPU="1", OFFLINE="1"))
    assert sentence == (
        "setup: PyTorch without CUDA comes from PyTorch's own index, is there a way to it? If not, set up without "
        "CPU=1. It said: Caused by: no route; all of it is in .uv/setup.log"
    )
    machine.setup()
    assert machine.calls() == [INSTALL]


def test_an_environment_with_cuda_is_not_replaced_unasked(machine: Machine) -> None:
    machine.setup()
    (machine.root / ".venv/lib/python3.12/site-packages/nvidia").mkdir(parents=True)
    assert (
        error(machine.setup(CPU="1")) == "setup: .venv has CUDA: remove .venv, then set up with CPU=1 again"
    )
    assert machine.calls() == [] and machine.setup().returncode == 0


def test_make_hands_on_which_interpreter_is_to_be_taken(machine: Machine) -> None:
    shutil.copy(ROOT / "Makefile", machine.root)
    (machine.root / "utils/setup.sh").write_text('#!/bin/sh\necho "$PYTHON $CPU"\n')
    env = {"PATH": os.environ["PATH"], "PYTHON": "python3.13"}
    done = subprocess.run(
        ["make", "setup", "CPU=1"], cwd=machine.root, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("python3.13 1\n")


@pytest.mark.parametrize(("goals", "printed"), [("setup", True), ("lint", False)])
def test_how_to_activate_is_printed_where_set_up_was_asked_for_by_name(
    machine: Machine, goals: str, printed: bool
) -> None:
    shutil.copy(ROOT / "Makefile", machine.root)
    (machine.root / "utils/setup.sh").write_text("#!/bin/sh\n")
    (machine.root / ".venv/bin").mkdir(parents=True)
    for name in ("python", "shellcheck"):
        (machine.root / ".venv/bin" / name).symlink_to("/bin/true")
    env = {"PATH": os.environ["PATH"]}  # not that of the make which may run the tests
    done = subprocess.run(
        ["make", goals], cwd=machine.root, env=env, capture_output=True, text=True, check=True
    )
    place = str(machine.root / ".venv/bin/activate").replace(" ", "\\ ")
    assert done.stdout == (f"type in each new shell:\nsource {place}\n" if printed else "")


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "utils/setup.sh"])
def test_a_change_is_installed_into_the_same_environment(machine: Machine, name: str) -> None:
    machine.setup()
    (machine.root / name).write_text((machine.root / name).read_text() + "\n# changed\n")
    machine.setup()
    assert machine.calls() == [INSTALL]


def test_a_clone_that_moved_is_installed_again(machine: Machine) -> None:
    machine.setup()
    machine.root = machine.root.rename(machine.root.with_name("another place"))
    machine.setup()
    assert machine.calls() == [INSTALL]


def test_a_failed_installation_is_told_in_one_sentence_and_done_again(machine: Machine) -> None:
    sentence = error(machine.setup(OFFLINE="1"))
    assert sentence.startswith("setup: `uv pip install` failed") and sentence.endswith(
        "It said: Caused by: no route; all of it is in .uv/setup.log"
    )
    assert "Resolving" in (machine.root / ".uv/setup.log").read_text()
    machine.setup()
    assert machine.calls() == [INSTALL]


def test_a_change_that_fails_to_install_leaves_no_environment_to_trust(machine: Machine) -> None:
    machine.setup()
    assert (machine.root / ".venv/.setup").exists()
    (machine.root / "constraints.txt").write_text("")
    machine.setup(OFFLINE="1")
    assert not (machine.root / ".venv/.setup").exists()


def test_an_environment_that_was_half_made_is_made_again(machine: Machine) -> None:
    (machine.root / ".venv/bin").mkdir(parents=True)
    (machine.root / ".venv/left over").touch()
    assert machine.setup().returncode == 0
    assert machine.calls()[0].startswith("venv ")
    assert not (machine.root / ".venv/left over").exists()


def test_uv_is_fetched_with_pip_once(machine: Machine) -> None:
    (machine.tools / "uv").unlink()
    assert machine.setup().returncode == 0
    assert machine.calls()[0] == "uv==0.9.30"
    shutil.rmtree(machine.root / ".venv")
    assert machine.setup().returncode == 0
    assert machine.calls()[0].startswith("venv ")


def test_a_command_that_exists_but_does_not_run_is_passed_over(machine: Machine) -> None:
    for broken, whole in (("uv", None), ("python3.12", "python3")):
        if whole:
            (machine.tools / broken).rename(machine.tools / whole)
        (machine.tools / broken).write_text("#!/bin/sh\nexit 127\n")
        (machine.tools / broken).chmod(0o755)
    machine.setup()
    assert machine.calls()[0] == "uv==0.9.30"


def test_without_a_compiler_nothing_is_begun(machine: Machine) -> None:
    (machine.tools / "c++").rename(machine.tools / "my-c++")
    assert "install a C++ compiler (g++)" in error(machine.setup())
    assert machine.calls() == [] and not (machine.root / ".venv").exists()
    assert machine.setup(CXX="my-c++").returncode == 0


def test_without_the_headers_of_python_nothing_is_installed(machine: Machine) -> None:
    assert "install Python's headers (python3-dev)" in error(
        machine.setup(HEADERS="/usr/include/not/Python.h")
    )
    assert machine.calls() == ["venv --quiet --python 3.12 .venv"]
    assert machine.setup().returncode == 0


@pytest.mark.parametrize("version", ["3.11", "3.14", "2.7"])
def test_a_python_that_espnet_does_not_run_on_is_refused(machine: Machine, version: str) -> None:
    wanted = f"espnet 202611 needs Python 3.12 or 3.13, but python3.12 is {version}: set PYTHON"
    assert wanted in error(machine.setup(PYTHON="python3.12", VERSION=version))
    assert machine.calls() == [] and not (machine.root / ".venv").exists()


def test_an_environment_of_another_python_is_refused_and_kept(machine: Machine) -> None:
    (machine.root / ".venv/bin").mkdir(parents=True)
    shutil.copy(machine.tools / "python3.12", machine.root / ".venv/bin/python")
    wanted = "needs Python 3.12 or 3.13, but .venv/bin/python is 3.11: remove .venv"
    assert wanted in error(machine.setup(VERSION="3.11"))
    assert machine.calls() == [] and (machine.root / ".venv/bin/python").exists()


def test_another_interpreter_may_be_chosen(machine: Machine) -> None:
    assert machine.setup(PYTHON="python3.12", VERSION="3.13").returncode == 0
    assert machine.calls()[0] == "venv --quiet --python python3.12 .venv"
    shutil.rmtree(machine.root / ".venv")
    assert "nowhere is no Python" in error(machine.setup(PYTHON="nowhere"))


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({"INDEX": "https://of.pip/"}, "https://of.pip/"),
        ({"INDEX": "https://of.pip/", "PIP_INDEX_URL": "https://of.env/"}, "https://of.env/"),
        ({"INDEX": "https://of.pip/", "UV_DEFAULT_INDEX": "https://of.uv/"}, "https://of.uv/"),
        ({"INDEX": "https://of.pip/", "UV_INDEX_URL": "https://of.uv/"}, ""),
        ({"PIP_CERT": "/pip.pem"}, " /pip.pem"),
        ({"PIP_CERT": "/pip.pem", "SSL_CERT_FILE": "/own.pem"}, " /own.pem"),
    ],
)
def test_what_pip_is_told_uv_is_told(machine: Machine, env: dict[str, str], wanted: str) -> None:
    machine.setup(**env)
    assert machine.calls()[-1] == f"{INSTALL} {wanted}".rstrip()


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = [line.split("==")[0] for line in lines]
    assert all(line.count("==") == 1 and not set(line) & set(" @/:;") for line in lines)
    assert names == sorted(set(names))
    assert {"espnet", "torch", "pytest", "ruff", "espeakng-loader"} <= set(names)

"""What README.md says about publishing and using a model, done to the letter with a Hub on loopback."""

import os
import shutil
import subprocess
import sys

import pytest
import soundfile

from fangyan import audio, datadir
from fangyan.files import ROOT

TITLE = "## Publish a model, use a model"


@pytest.fixture(scope="module")
def section() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n{TITLE}\n")[2].partition("\n## ")[0]


@pytest.fixture
def checkout(exp, packed, tmp_path):
    """A copy of the repository in which the embedded corpus's experiment is trained and packed."""
    for folder in ("conf", "egs2", "local", "utils"):
        skip = shutil.ignore_patterns("data", "exp", "downloads", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skip)
    shutil.copytree(exp, tmp_path / "egs2/mini_sinitic/emb1/exp" / exp.name)
    return tmp_path


def test_three_commands_publish_and_three_lines_use_it(section, checkout, minihub, sung, monkeypatch):
    commands = [line.removeprefix("    ") for line in section.splitlines() if line.startswith("    ")]
    code = section.partition("```python\n")[2].partition("```")[0]
    lines = [line for line in code.splitlines() if line]
    assert len(commands) == len(lines) == 3

    monkeypatch.delenv("HF_TOKEN")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"VIRTUAL_ENV": sys.prefix, "PATH": f"{sys.prefix}/bin:{environment['PATH']}"}
    script = "\n".join(["set -e", *commands])
    run = subprocess.run(
        ["bash", "-c", script], cwd=checkout, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert f"{minihub.url}/user/name/commit/" in run.stdout
    assert "hf_..." not in run.stdout + run.stderr

    monkeypatch.chdir(checkout)
    utterance = datadir.read(sung["test"])[0]
    soundfile.write("speech.wav", audio.read(utterance.wav), audio.SAMPLE_RATE)
    names: dict = {}
    exec("\n".join(lines), names)
    assert list(names["features"]) == ["layer00", "layer01", "layer02", "norm"]

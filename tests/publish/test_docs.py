"""What the docs say about publishing and using a model, done to the letter with a Hub on loopback."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import soundfile
from repository import copy_folders

from fangyan.data import audio, datadir
from fangyan.files import ROOT


def first(page: str, language: str) -> list[str]:
    """The lines of the first block of a language that a page has."""
    text = (ROOT / page).read_text(encoding="utf-8")
    block = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for line in block[1].splitlines() if line]


@pytest.fixture
def checkout(exp, packed, tmp_path):
    """A copy of the repository in which the embedded corpus's experiment is trained and packed."""
    copy_folders(tmp_path)
    shutil.copytree(exp, tmp_path / "egs2/mini_sinitic/emb1/exp" / exp.name)
    return tmp_path


def test_three_commands_publish_and_three_lines_use_it(checkout, minihub, sung, monkeypatch):
    commands, lines = (first("docs/publish.md", language) for language in ("bash", "python"))
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


def test_two_recordings_are_compared_in_python(packed, sung, tmp_path, monkeypatch, capsys):
    home = tmp_path / "egs2/mini_sinitic/emb1/exp" / packed.parent.name
    home.mkdir(parents=True)
    shutil.copy(packed, home / packed.name)
    monkeypatch.chdir(tmp_path)
    for utterance, name in zip(
        datadir.read(sung["test"])[:2], ("mandarin.wav", "cantonese.wav"), strict=True
    ):
        soundfile.write(name, audio.read(utterance.wav), audio.SAMPLE_RATE)
    exec("\n".join(first("docs/use.md", "python")), {})
    assert capsys.readouterr().out.startswith("SeqSim(precision=")

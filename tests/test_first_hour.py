"""README and the page on using a model, from first line to last: what is cheap is run as printed, in a copy.

What takes long, opens a window or needs a network is not run; `run.sh` prints its commands in place of running them.
That every line is understood is for `test_docs` to say.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from pages import commands, fences
from repository import copy_folders

from fangyan import __version__
from fangyan.__main__ import cli
from fangyan.corpora import mini_sinitic
from fangyan.data import audio, datadir
from fangyan.files import ROOT

PAGES = ("README.md", "docs/use.md")
SLURM = ("./run.sh --backend slurm", "./run.sh --status")
NOT_RUN = ("git clone", "make", "mkdir", "${EDITOR:-vi}", "xdg-open", "fangyan demo", *SLURM)
"""How the lines begin that are left to their readers, or to the tests of `fangyan.cluster`."""
RECIPE = "egs2/mini_sinitic/emb1"
MODEL = "exp/e_branchformer_text_cmn_seed1"
OWN = "a.wav b.wav query.wav my_recordings/c.wav recordings/d.wav downloads/mini_sinitic/0/test/yue-m6-s0864.wav"
(FIRST, *REST) = [(page, *fence) for page in PAGES for fence in fences(ROOT / page)]


@pytest.fixture(scope="module")
def clone(sung, job, tmp_path_factory) -> Path:
    """What a clone is after ``make mini``, with recordings of a reader's own: model and corpus are small."""
    root = copy_folders(tmp_path_factory.mktemp("home") / "fangyan", ("conf", "egs2", "utils"))
    for name in ("local", ".venv"):
        (root / name).symlink_to(ROOT / name)
    shutil.copytree(job.exp, root / RECIPE / MODEL)
    for name in ("dev", "test"):
        shutil.copytree(sung[name], root / RECIPE / "data" / name)
    wave = audio.read(datadir.read(sung["test"])[0].wav)
    for name in [*(f"{RECIPE}/{name}" for name in OWN.split()), "mandarin.wav", "cantonese.wav"]:
        audio.write(root / name, wave)
    return root


def is_run(words: list[str]) -> bool:
    """Whether a command is cheap."""
    return not " ".join(words).startswith(NOT_RUN)


def carry_out(words: list[str], environment: dict[str, str]) -> None:
    """Runs a command as a shell would, where it stands; verbs of ours in this process, which is quicker."""
    words = [path for word in words for path in (sorted(glob.glob(word)) or [word])]
    if words[0] == "cd":
        os.chdir(words[1])
    elif words[0] == "export":
        environment.update([words[1].split("=")])
    elif words[0] == "./run.sh":
        done = subprocess.run([*words, "--dry_run"], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, (words, done.stderr)
    else:
        assert words[0] == "fangyan", words
        done = CliRunner().invoke(cli, words[1:])
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_the_first_block_leads_to_the_command_line_in_a_shell_that_knows_nothing(clone):
    script = "\n".join(["set -e", *(shlex.join(words) for words in commands(FIRST[2]) if is_run(words))])
    code = f"PYTHONPATH={ROOT / 'local'}"  # that of this tree, whichever .venv was set up for
    shell = ["env", "-i", code, f"PATH={os.defpath}", f"HOME={clone.parent}", "bash", "-c", script]
    done = subprocess.run(shell, cwd=clone.parent, capture_output=True, text=True)
    assert done.stdout.startswith(f"fangyan {__version__}, "), done.stderr


@pytest.mark.parametrize(
    ("page", "language", "text"), REST, ids=[f"{n}:{row[0]}" for n, row in enumerate(REST)]
)
def test_a_block_runs_from_the_folder_of_the_clone(page, language, text, clone, monkeypatch):
    monkeypatch.chdir(clone)
    if language == "python":
        exec(compile(text.replace("/model.zip", ""), page, "exec"), {})
        return
    text = text.replace("/path/to/data_dir", str(clone / RECIPE / "data/test"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for words in filter(is_run, commands(text)):
        carry_out(words, environment)


def test_recordings_of_the_embedded_corpus_are_named_as_it_names_them():
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("egs2/*/*/README.md")]
    texts = [page.read_text(encoding="utf-8") for page in pages] + [
        verb.help for verb in cli.commands.values()
    ]
    named = set(re.findall(r"\b(?:cmn|yue|hak)-[a-z0-9]+-s[0-9]{4}\b", "\n".join(texts)))
    sets = mini_sinitic._numbered().items()
    made = {one.utterance.id for name, chosen in sets for one in mini_sinitic._recordings(name, chosen)}
    assert named and named <= made

"""A Space, as the Hub would take it and start it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version

import httpx
import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement

from fangyan.corpora.common.licences import describe
from fangyan.data import audio, datadir
from fangyan.demo.space import OF_TEXT, UNUSED, requirements, space
from fangyan.encoders import load_encoder
from fangyan.encoders.choice import Choice
from fangyan.errors import UserError
from fangyan.files import ROOT
from fangyan.publish import rights

OWN = "it is ours"


@pytest.fixture(scope="module")
def folder(sung, tmp_path_factory):
    """A Space of filter banks."""
    out = tmp_path_factory.mktemp("space") / "page"
    assert space("fbank", sung["test"], out, "fbank", OWN)
    return out


def test_the_front_matter_is_what_a_space_needs(folder):
    card = SpaceCard.load(folder / "README.md")
    facts = card.data.to_dict()
    assert (facts["sdk"], facts["sdk_version"], facts["app_file"]) == ("gradio", version("gradio"), "app.py")
    assert (facts["license"], facts["license_link"]) == (
        "other",
        "LICENSE",
    )  # nobody says whose recordings these are
    assert len(facts["short_description"]) <= 60
    assert facts["python_version"] == "3.12" and facts["title"] and facts["emoji"]
    assert "models" not in facts
    assert f"was allowed by: {OWN}" in card.text


def test_everything_is_in_the_folder_at_relative_paths(folder, sung):
    assert {path.name for path in folder.iterdir()} == set(
        "README.md LICENSE app.py requirements.txt .gitattributes .done data local conf".split()
    )
    assert not list(folder.rglob("*.pyc"))
    for line in (folder / "data/test/wav.scp").read_text().splitlines():
        key, _, wav = line.partition(" ")
        original = audio.read({u.id: u for u in datadir.read(sung["test"])}[key].wav)
        assert (audio.read(folder / wav) == original).all()  # FLAC of 16 bits loses nothing
    assert (
        "*.flac filter=lfs diff=lfs merge=lfs -text" in (folder / ".gitattributes").read_text().splitlines()
    )


def test_requirements_are_what_the_page_needs_of_the_project_at_the_versions_in_use(folder):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    _, cpu, *lines = (folder / "requirements.txt").read_text().splitlines()
    assert cpu.startswith("--extra-index-url ") and cpu.endswith("/cpu")  # PyTorch without CUDA
    assert lines == requirements()
    found = {Requirement(line).name: Requirement(line) for line in lines}
    wanted = {Requirement(line).name for line in project}
    assert set(found) == wanted - UNUSED - OF_TEXT and wanted > UNUSED | OF_TEXT
    assert all(str(requirement.specifier) == f"=={version(name)}" for name, requirement in found.items())
    assert found["espnet"].extras == {"asr"}
    assert "gradio" not in found  # the Hub installs that of the front matter


def test_the_page_answers_without_the_packages_that_it_does_not_require(job, sung):
    code = """
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
modules, spec, data, *unused = sys.argv
for module, names in packages_distributions().items():
    if {name.lower().replace("_", "-") for name in names} & set(unused):
        sys.modules[module] = None  # to import it is an error
from fangyan.demo import page, server, view
from fangyan.demo.library import Library
library = Library(spec, Path(data))
asked = next(iter(library.utterances.values()))
query = library.hear(asked.wav)
hit, *_ = library.find(query, [asked.variety])[asked.variety]
view.picture(library.compare(query, library.utterances[hit.entry.id]), 25, "title")
print(hit.entry.id == asked.id, sum(module is None for module in sys.modules.values()) >= len(unused))
"""
    unused = [name.replace("_", "-") for name in UNUSED | OF_TEXT]
    line = [sys.executable, "-c", code, f"espnet:{job.exp}", sung["test"], *unused]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.stdout == "True True\n", done.stderr


def test_it_starts_by_itself_without_a_network(folder, tmp_path):
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", **nowhere}
    with subprocess.Popen(
        [sys.executable, folder / "app.py"],
        cwd=tmp_path,  # not the folder, and nothing of this project on the path
        env=environment | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            address = server.stdout.readline().split()[0]
            page = httpx.get(address, trust_env=False)
            assert page.status_code == 200 and "hear it in the others" in page.text
            config = json.dumps(httpx.get(f"{address}config", trust_env=False).json(), ensure_ascii=False)
            assert "24 recordings of 8 sentences" in config
        finally:
            server.terminate()


def test_what_is_finished_is_kept(folder, sung):
    before = (folder / "README.md").stat().st_mtime_ns
    assert not space("fbank", sung["test"], folder, "fbank", OWN)
    assert (folder / "README.md").stat().st_mtime_ns == before


def test_a_trained_model_goes_with_it(job, sung, tmp_path):
    out = tmp_path / "page"
    space(f"espnet:{job.exp}", sung["test"], out, "norm", OWN)
    names = {str(path.relative_to(out / "model")) for path in (out / "model").rglob("*") if path.is_file()}
    assert names == {"config.json", "encoder.safetensors", "train.json"}
    assert not [path for path in (out / "model").glob("*.json") if str(job.exp.parent) in path.read_text()]
    assert "demo('espnet:model', Path('data/test'), 'norm')" in (out / "app.py").read_text()
    wave = audio.read(datadir.read(sung["test"])[0].wav)
    there, here = (load_encoder(f"espnet:{place}")(wave)["norm"] for place in (out / "model", job.exp))
    assert (there == here).all()


def test_a_teacher_that_is_a_folder_stays_here_and_so_the_page_has_no_field(aligned, sung, tmp_path, capsys):
    out = tmp_path / "page"
    space(f"espnet:{aligned}", sung["test"], out, "norm", OWN)
    assert "no field for typed sentences: their encoder is a folder here" in capsys.readouterr().err
    assert "sentence-transformers" not in (out / "requirements.txt").read_text()
    assert json.loads((out / "model/config.json").read_text())["espnet"]["teacher"] == "text:./tiny"


def test_a_model_of_the_hub_stays_there(sung, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.encoders.identity", lambda spec: {"family": "espnet", "files": "0"})
    monkeypatch.setattr("fangyan.encoders.recommended", lambda spec: Choice())
    monkeypatch.setattr("fangyan.encoders.teacher_of", lambda spec: "text:somebody/e5@v2")
    space("espnet:somebody/model@v1", sung["test"], tmp_path / "page", "", OWN)
    card = SpaceCard.load(tmp_path / "page" / "README.md")
    assert card.data.to_dict()["models"] == ["somebody/model", "somebody/e5"]
    assert "typed in Mandarin: somebody/e5@v2, an encoder of text" in card.text
    assert "\nsentence-transformers==" in (tmp_path / "page" / "requirements.txt").read_text()
    assert "demo('espnet:somebody/model@v1', Path('data/test'), '')" in (tmp_path / "page/app.py").read_text()
    assert not (tmp_path / "page" / "model").exists()


def test_recordings_that_nothing_allows_to_hand_on_stay_here(sung, tmp_path):
    with pytest.raises(UserError, match="not published: nothing allows to hand on recordings of unknown"):
        space("fbank", sung["test"], tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_a_licence_of_the_tables_alone_hands_on_no_recordings(sung, tmp_path):
    """A model of them may be published: for that the licence does."""
    rights.check_permission("user/name", [describe("wenetspeech")], "")
    data = tmp_path / "test"
    shutil.copytree(sung["test"], data)
    for corpus, allowed in (("wenetspeech", False), ("mini_sinitic", True)):
        (data / ".done").write_text(json.dumps({"corpus": corpus}))
        if allowed:
            assert space("fbank", data, tmp_path / corpus)
        else:
            with pytest.raises(
                UserError, match=rf"nothing allows to hand on recordings of {corpus} \(.*annotations"
            ):
                space("fbank", data, tmp_path / corpus)
        assert (tmp_path / corpus).exists() == allowed


def test_a_folder_with_something_else_in_it_is_left_alone(sung, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="has files in it that are not of this work, such as thesis.tex"):
        space("fbank", sung["test"], tmp_path, permission=OWN)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"

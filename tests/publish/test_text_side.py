"""A packed model with a text side: its projection goes along, its teacher is named and never where that lay."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from fangyan import publish
from fangyan.encoders import bare, load_encoder
from fangyan.encoders.text_side import Teacher
from fangyan.errors import DataError, UserError
from fangyan.files import unpack
from fangyan.publish import card
from fangyan.publish.proof import prove
from fangyan.report.read.space import Taught

from .conftest import add_results

TAG = "align_text_cmn_seed1"


@pytest.fixture(scope="module")
def exp(aligned, origin, tmp_path_factory) -> Path:
    home = Path(shutil.copytree(aligned, tmp_path_factory.mktemp("recipe") / "exp" / TAG))
    origin(home, "mini_sinitic")
    add_results(home)
    return home


@pytest.fixture(scope="module")
def packed(exp) -> Path:
    return publish.pack(exp)


@pytest.fixture(scope="module")
def unpacked(packed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    unpack(packed, folder)
    return folder


def test_both_forms_have_the_projection_and_name_the_teacher_by_its_name_alone(unpacked, tiny_sentence):
    from safetensors import safe_open

    with safe_open(unpacked / bare.WEIGHTS, "pt") as weights:
        assert {"joint.project.weight", "joint.centre"} <= {*weights.keys()}
    alone = json.loads((unpacked / bare.SETTINGS).read_text())["espnet"]
    whole = yaml.safe_load((unpacked / f"exp/{TAG}/config.yaml").read_text())
    for settings in (alone, whole):
        assert (settings["teacher"], settings["teacher_prefix"]) == ("text:./tiny", "query: ")
        assert settings["model_conf"]["objectives"] == {"asr": 0.3, "info_nce": 1.0}
    for file in (path for path in unpacked.rglob("*") if path.suffix in (".yaml", ".json", ".md", ".txt")):
        assert str(tiny_sentence.parent) not in file.read_text(encoding="utf-8"), file


def test_who_has_the_teacher_reads_texts_with_the_pack(packed, exp, tiny_sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    encoder = load_encoder(f"espnet:{packed}", "cpu")
    with pytest.raises(UserError, match=f"a folder tiny of those who trained it: .*{tmp_path}/tiny$"):
        encoder.embed_text(["我"])
    (tmp_path / "tiny").symlink_to(tiny_sentence)
    assert (encoder.embed_text(["我"]) == load_encoder(f"espnet:{exp}", "cpu").embed_text(["我"])).all()


@pytest.mark.parametrize("key", ["joint.project.bias", "joint.centre"])
def test_the_proof_finds_a_joint_space_that_differs(unpacked, tmp_path, key):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(unpacked, tmp_path / "copy")
    weights = load_file(folder / bare.WEIGHTS)
    weights[key] += 0.5
    save_file(weights, folder / bare.WEIGHTS)
    with pytest.raises(DataError, match="the encoder alone has other features than the whole model"):
        prove(Path(shutil.make_archive(str(tmp_path / "model"), "zip", folder)))


def test_the_card_names_a_folder_and_what_to_do(packed):
    with zipfile.ZipFile(packed) as bundle:
        text = bundle.read("README.md").decode()
    words = " ".join(text.split())
    assert 'encoder.embed_text(["学生什么时候去机场"])' in text and "--layer joint --index joint" in text
    assert "is **tiny**: a folder of those who trained this model" in words and "at `./tiny`" in words
    assert "Before each text stands `query: `." in text and "Its licence: not known here" in text
    assert "Objectives and their weights: asr 0.3, info_nce 1.0." in text
    assert "Typed sentences are read by tiny" in text


def test_the_card_names_a_model_of_the_hub_with_its_licence(exp):
    from dataclasses import replace

    facts = card.read(exp)
    taught = Taught(Teacher("intfloat/e5@v1", False, None, "mit"), {"info_nce": 1.0})
    text = card.write(replace(facts, experiment=replace(facts.experiment, taught=taught)), "user/name")
    assert "the teacher, is [intfloat/e5@v1](https://huggingface.co/intfloat/e5), which is\n" in text
    assert "Before each text" not in text and "Its licence: mit." in text
    assert "Recognition was no part of its training" in text and "Its decoder writes" not in text

"""A language model that reads units, packed: it goes with the encoder of its units, and its card says what it is of."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from dual_models import build_dual, units_of

from fangyan import publish
from fangyan.encoders import load_encoder, recommended
from fangyan.errors import UserError
from fangyan.files import fingerprint, write_json, write_text
from fangyan.measure.retrieval.tables import Pair
from fangyan.publish import card, learned
from fangyan.tables import write_rows

LLM = "HuggingFaceTB/SmolLM2-135M"


def write_record(exp: Path, *corpora: str, **more: str) -> None:
    counts = {"variety": "yue", "utterances": 10, "speakers": 2, "hours": 1.0}
    record = json.loads((exp / "train.json").read_text()) if (exp / "train.json").exists() else {}
    data = {"data": {"train": {"origins": [{"corpus": corpus, **counts} for corpus in corpora]}}}
    write_json(exp / "train.json", record | data | more)


@pytest.fixture(scope="module")
def exp(job, tmp_path_factory) -> Path:
    """An experiment whose units are of a trained encoder, of another corpus, at a path of its own recipe's folder."""
    home = tmp_path_factory.mktemp("recipe") / "exp"
    heard = shutil.copytree(job.exp, home.parents[1] / home.parent.name / "emb1/exp/asr")
    write_record(heard, "kespeech")
    units = units_of(f"espnet:{heard}", "layer01", 6)
    exp = build_dual(home / "dual" / "llm", units).parent
    write_record(
        exp, "mini_sinitic", task="dual", init=LLM, dev_set="dev", target="text_cmn", seed=1, parameters=9
    )
    rows = [
        Pair(layer, a, b, 8, recall, 1.0, 1.0, recall, 1.0, 0.125)
        for layer, recall in (("layer01", 0.5), ("layer02", 0.25), ("joint", 0.75))
        for a, b in (("cmn", "yue"), ("yue", "cmn"))
    ]
    for name in ("dev", "test"):
        write_rows(exp / "retrieval" / name / "pairs.tsv", rows, Pair)
    write_text(exp / "RESULTS.md", "# Results\n")
    write_text(exp / "images/layers.png", "a picture")
    return exp


@pytest.fixture(scope="module")
def packed(exp) -> Path:
    assert publish.renew(exp)
    return publish.packed(exp)


def test_it_holds_all_that_it_needs_free_of_pickle_and_of_paths(exp, packed):
    assert packed == exp / "packed"
    names = {str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file()}
    assert {
        "units/encoder/encoder.safetensors",
        "units/encoder/config.json",
        "units/encoder/train.json",
    } <= names
    assert {"README.md", "LICENSE", "RESULTS.md", "images/layers.png", "train.json", "modules.json"} <= names
    assert not [name for name in names if name.endswith((".pth", ".bin", ".pt"))]
    assert yaml.safe_load((packed / "units/units.yaml").read_text())["encoder"] == "espnet:./encoder"
    assert yaml.safe_load((packed / "dual.yaml").read_text()) == {
        "varieties": ["cmn", "yue"], "text_variety": "cmn", "text_column": "text_cmn", "layer": "layer01"
    }  # fmt: skip
    for name in names - {".done"}:
        assert str(exp.parents[1]).encode() not in (packed / name).read_bytes(), name


def test_it_gives_elsewhere_what_the_experiment_gives(exp, packed, tmp_path, monkeypatch):
    moved = shutil.copytree(packed, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    wave = np.random.default_rng(3).normal(0, 0.1, 9_001).astype(np.float32)
    ours, theirs = load_encoder(f"llm:{exp}", "cpu"), load_encoder("llm:elsewhere", "cpu")
    for layer, frames in ours(wave).items():
        assert theirs(wave)[layer] == pytest.approx(frames, abs=1e-6)
    assert theirs.embed_text(["我吃饭"]) == pytest.approx(ours.embed_text(["我吃饭"]))
    assert recommended(f"llm:{moved}") == ("layer01", "recommended by its makers")


def test_it_is_packed_again_only_when_something_changed(exp, packed, monkeypatch):
    before = fingerprint(packed)
    assert not publish.renew(exp) and fingerprint(packed) == before
    calls = []
    monkeypatch.setattr("fangyan.publish.dual._lay_out", lambda exp, folder: calls.append(exp))
    shutil.copytree(exp, changed := exp.with_name("changed"))
    write_record(changed, "mini_sinitic", "mdcc")
    assert publish.renew(changed) and calls == [changed]


def test_what_does_not_load_is_not_kept(exp, tmp_path, monkeypatch):
    changed = shutil.copytree(exp, tmp_path / "dual", ignore=shutil.ignore_patterns("packed"))
    monkeypatch.setattr("fangyan.publish.proof.noise", lambda: np.full(16_000, 0.5, np.float32))
    with pytest.raises(UserError, match="packed: not kept, .* other features than those of the experiment"):
        publish.renew(changed)
    assert not (changed / "packed").exists()


def test_the_card_names_language_model_units_corpora_and_the_strictest_licence(exp, packed):
    assert [origin.corpus for origin in learned.origins(f"llm:{exp}")] == ["mini_sinitic", "kespeech"]
    text = (packed / "README.md").read_text()
    front = yaml.safe_load(text.split("---\n")[1])
    assert (front["library_name"], front["base_model"]) == ("sentence-transformers", LLM)
    assert front["license"] == "other" and front["license_name"] == "terms-of-kespeech"
    flat = " ".join(text.split())
    assert 'load_encoder("llm:packed")' in text and 'load_encoder("llm:user/x")' in card.write(
        card.read(exp), "user/x"
    )
    assert f"**Language model**: {LLM}, with a vocabulary that was extended by 6 units" in flat
    assert "k-means of `layer01` of espnet:asr; `units/` has them, and that encoder." in flat
    assert "a text behind `[cmn][text]`" in flat and "Use `layer01`: chosen on the development set" in flat
    assert "- **kespeech**" in text and "- **mini_sinitic**" in text and "espnet_model_zoo" not in text
    assert "It writes nothing." in flat and "It writes Han characters alone" not in flat


def test_published_is_the_folder_with_a_card_of_its_repository(exp, packed, monkeypatch):
    sent = {}

    def upload(folder: Path, *of: object) -> str:
        sent.update(
            {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        )
        return "address"

    monkeypatch.setattr("fangyan.publish.upload.upload", upload)
    with pytest.raises(UserError, match="nothing allows to hand on a model trained on kespeech"):
        publish.publish(exp, "user/dual")
    assert publish.publish(exp, "user/dual", permission="me") == "address"
    names = {str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file()}
    assert sent.keys() == names - {".done"}
    assert b"llm:user/dual" in sent["README.md"] and b"espnet:./encoder" in sent["units/units.yaml"]

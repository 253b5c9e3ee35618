import zipfile

import numpy as np
import pytest

from fangyan import audio, datadir, publish
from fangyan.encoders import load_encoder
from fangyan.errors import UserError


@pytest.fixture
def recipe(job, monkeypatch):
    """The folder a recipe runs in; the experiment as it is called from there."""
    monkeypatch.chdir(job.exp.parent.parent)
    return job.exp.relative_to(job.exp.parent.parent)


def test_the_archive_holds_relative_paths_only(recipe):
    with zipfile.ZipFile(publish.pack(recipe)) as bundle:
        names = bundle.namelist()
    assert "meta.yaml" in names and "exp/micro/config.yaml" in names and "exp/micro/train.json" in names
    assert "exp/micro/stats/train/feats_stats.npz" in names
    assert not [name for name in names if name.startswith("/") or ".." in name]


def test_the_packed_model_says_and_hears_the_same(recipe, sung):
    from espnet2.bin.asr_inference import Speech2Text

    archive = publish.pack(recipe)
    wave = audio.read(datadir.read(sung["test"])[0].wav)
    settings = {"beam_size": 2, "maxlenratio": 0.5}
    from_pack = Speech2Text.from_pretrained(str(archive), **settings)
    from_exp = Speech2Text(str(recipe / "config.yaml"), str(recipe / "valid.acc.ave.pth"), **settings)
    assert from_pack(wave)[0][0] == from_exp(wave)[0][0]
    one, two = load_encoder(f"espnet:{archive}")(wave), load_encoder(f"espnet:{recipe}")(wave)
    assert list(one) == list(two)
    assert all(np.array_equal(one[layer], two[layer]) for layer in one)


def test_packing_from_elsewhere_or_nothing_is_refused(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="pack from the recipe directory"):
        publish.pack(job.exp)
    with pytest.raises(UserError, match="no trained ESPnet model there"):
        publish.pack(tmp_path)


def test_publishing_is_refused_with_what_to_do_instead(tmp_path):
    with pytest.raises(UserError, match=r"not available in this version.*hf upload me/model"):
        publish.publish(tmp_path, "me/model")

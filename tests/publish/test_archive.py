import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fangyan import publish
from fangyan.data import audio, datadir
from fangyan.encoders import bare, load_encoder, recommended
from fangyan.errors import DataError, UserError
from fangyan.features.at_layer import AtLayer
from fangyan.files import unpack
from fangyan.publish.proof import prove
from fangyan.recognition import ctc_alignment

TAG = "exp/e_branchformer_text_cmn_seed1"


@pytest.fixture(scope="module")
def wave(sung):
    return audio.read(datadir.read(sung["test"])[0].wav)


@pytest.fixture(scope="module")
def unpacked(packed, tmp_path_factory):
    """The files of the archive; not to be changed."""
    folder = tmp_path_factory.mktemp("unpacked")
    unpack(packed, folder)
    return folder


def test_the_archive_holds_what_its_description_says_and_no_more(packed):
    with zipfile.ZipFile(packed) as bundle:
        names = bundle.namelist()
    own = "config.yaml tokens.txt stats/train/feats_stats.npz valid.acc.ave.pth train.json RESULTS.md images/layers.png"
    top = "LICENSE README.md config.json encoder.safetensors meta.yaml"
    assert sorted(names) == sorted([*top.split(), *(f"{TAG}/{name}" for name in own.split())])


def test_no_file_in_it_names_a_place_of_the_machine_it_was_made_on(unpacked, sung, exp):
    for file in (path for path in unpacked.rglob("*") if path.suffix in (".yaml", ".json", ".md", ".txt")):
        text = file.read_text(encoding="utf-8")
        assert not [place for place in (sung["train"].parent, exp.parent.parent) if str(place) in text], file
    config = yaml.safe_load((unpacked / TAG / "config.yaml").read_text())
    assert config["train_data_path_and_name_and_type"] == config["valid_shape_file"] == []
    assert config["normalize_conf"]["stats_file"] == f"{TAG}/stats/train/feats_stats.npz"


def test_the_packed_model_says_the_same(packed, exp, wave):
    from espnet2.bin.asr_inference import Speech2Text

    settings = {"beam_size": 2, "maxlenratio": 0.5}
    from_pack = Speech2Text.from_pretrained(str(packed), **settings)
    from_exp = Speech2Text(str(exp / "config.yaml"), str(exp / "valid.acc.ave.pth"), **settings)
    assert from_pack(wave)[0][:3] == from_exp(wave)[0][:3]


def test_the_packed_encoder_hears_the_same_bit_for_bit_with_pickle_and_without(
    packed, unpacked, exp, wave, tmp_path
):
    whole = shutil.copytree(unpacked, tmp_path / "whole")
    for name in bare.FILES:
        (whole / name).unlink()
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in bare.FILES:
        shutil.copy(unpacked / name, alone)
    expected = load_encoder(f"espnet:{exp}")(wave)
    written = ctc_alignment.greedy_tokens(load_encoder(f"espnet:{exp}"), expected["norm"])
    for place in (packed, whole, alone):
        encoder = load_encoder(f"espnet:{place}")
        found = encoder(wave)
        assert list(found) == list(expected)
        assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)
        assert (
            ctc_alignment.vocabulary(encoder)
            and ctc_alignment.greedy_tokens(encoder, found["norm"]) == written
        )


def test_the_untrained_twin_of_a_packed_encoder_is_that_of_its_experiment(unpacked, exp, wave):
    one, two = (load_encoder(f"random:{place}")(wave) for place in (unpacked, exp))
    assert all(np.array_equal(one[layer], two[layer]) for layer in two)


def test_experiment_and_packed_model_recommend_the_layer_that_was_chosen_on_dev(packed, exp, unpacked):
    told = {exp: "chosen on dev", packed: "recommended by its makers", unpacked: "recommended by its makers"}
    for place, reason in told.items():
        spec = f"espnet:{place}"
        found = load_encoder(spec)
        assert (found.recommended, found.reason) == recommended(spec) == ("layer02", reason)
        assert str(AtLayer(found)) == f"layer02, {reason}"


def test_without_scores_on_the_development_set_neither_recommends_a_layer(changed, monkeypatch):
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    shutil.rmtree(changed / "retrieval" / "dev")
    assert recommended(f"espnet:{changed}") == recommended(f"espnet:{publish.pack(changed)}") == ("", "")
    assert str(AtLayer(load_encoder(f"espnet:{changed}"))) == "layer norm, its last"


def test_packing_again_changes_nothing(packed, exp, monkeypatch):
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: pytest.fail("it was packed again"))
    before = packed.read_bytes(), packed.stat().st_mtime_ns
    assert publish.pack(exp) == packed
    assert (packed.read_bytes(), packed.stat().st_mtime_ns) == before


@pytest.fixture
def changed(exp, tmp_path):
    """A copy of the experiment that may be changed."""
    return shutil.copytree(exp, tmp_path / TAG)


def test_equal_content_gives_equal_bytes_and_other_content_others(packed, changed, monkeypatch):
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    (changed / "model.zip").unlink()
    assert publish.pack(changed).read_bytes() == packed.read_bytes()
    (changed / "RESULTS.md").write_text("# Other results\n")
    assert publish.pack(changed).read_bytes() != packed.read_bytes()


def test_what_does_not_load_in_a_fresh_process_is_not_kept(changed):
    config = yaml.safe_load((changed / "config.yaml").read_text())
    (changed / "config.yaml").write_text(yaml.safe_dump(config | {"decoder_conf": {"linear_units": 32}}))
    before = (changed / "model.zip").read_bytes()
    message = r"model\.zip: not kept, for what was packed does not load: DataError: .*keys do not match.*$"
    with pytest.raises(UserError, match=message):
        publish.pack(changed)
    assert (changed / "model.zip").read_bytes() == before
    assert not list(changed.glob(".*partial*"))


def test_the_proof_finds_an_encoder_that_differs_from_the_whole_model(unpacked, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(unpacked, tmp_path / "copy")
    weights = load_file(folder / bare.WEIGHTS)
    weights["encoder.after_norm.bias"] += 1e-6
    save_file(weights, folder / bare.WEIGHTS)
    archive = shutil.make_archive(str(tmp_path / "model"), "zip", folder)
    with pytest.raises(DataError, match="the encoder alone has other features than the whole model"):
        prove(Path(archive))


def test_sentencepieces_go_along_and_are_missed(changed, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.publish.archive.prove", lambda archive: None)
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((changed / "config.yaml").read_text())
    (changed / "config.yaml").write_text(yaml.safe_dump(config | {"bpemodel": "data/tokens/bpe.model"}))
    with pytest.raises(
        UserError, match=r"data/tokens/bpe\.model: the model in .* pack in the folder of its recipe"
    ):
        publish.pack(changed)
    (tmp_path / "data/tokens").mkdir(parents=True)
    (tmp_path / "data/tokens/bpe.model").write_bytes(b"pieces")
    unpack(publish.pack(changed), tmp_path / "out")
    assert (tmp_path / "out" / TAG / "bpe.model").read_bytes() == b"pieces"
    written = yaml.safe_load((tmp_path / "out" / TAG / "config.yaml").read_text())
    assert written["bpemodel"] == f"{TAG}/bpe.model"


def test_what_is_not_trained_is_not_packed(tmp_path):
    with pytest.raises(UserError, match=r"no trained ESPnet model there: run \./run\.sh --stage train"):
        publish.pack(tmp_path)


class Malice:
    def __reduce__(self):
        return exec, ("open('pwned', 'w')",)


def test_a_malicious_pickle_is_refused_on_every_way_in_and_does_not_run(unpacked, exp, tmp_path, monkeypatch):
    from espnet2.bin.asr_inference import Speech2Text

    from fangyan.training.initialise import write_weights

    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(unpacked, tmp_path / "evil")
    for name in bare.FILES:
        (folder / name).unlink()
    torch.save(Malice(), folder / TAG / "valid.acc.ave.pth")
    archive = shutil.make_archive(str(tmp_path / "evil"), "zip", folder)
    for place in (folder, archive):
        for use in (load_encoder, lambda spec: write_weights(spec, exp / "train.yaml", tmp_path)):
            with pytest.raises(UserError, match="not a whole checkpoint of plain tensors"):
                use(f"espnet:{place}")
    with pytest.raises(RuntimeError, match="weights_only"):
        Speech2Text.from_pretrained(archive)
    assert not (tmp_path / "pwned").exists()


def test_the_encoder_alone_is_read_where_the_pickle_beside_it_is_malicious(
    unpacked, tmp_path, monkeypatch, wave
):
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(unpacked, tmp_path / "evil")
    torch.save(Malice(), folder / TAG / "valid.acc.ave.pth")
    assert load_encoder(f"espnet:{folder}")(wave)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda home: (home / bare.WEIGHTS).write_bytes(b"\x80\x04."), "not a whole file of safetensors"),
        (
            lambda home: (home / bare.WEIGHTS).write_bytes((home / bare.WEIGHTS).read_bytes()[:-9]),
            "not a whole file",
        ),
        (
            lambda home: (home / bare.SETTINGS).write_text("{}"),
            r"config\.json: must be the JSON of a packed encoder",
        ),
        (
            lambda home: (home / bare.SETTINGS).write_text("no"),
            r"config\.json:1: must be JSON",
        ),
    ],
)
def test_a_damaged_encoder_is_named(unpacked, tmp_path, spoil, message):
    folder = shutil.copytree(unpacked, tmp_path / "copy")
    spoil(folder)
    with pytest.raises(UserError, match=message):
        load_encoder(f"espnet:{folder}")


def test_weights_of_another_encoder_are_listed(unpacked, tmp_path):
    folder = shutil.copytree(unpacked, tmp_path / "copy")
    settings = json.loads((folder / bare.SETTINGS).read_text())
    settings["espnet"]["encoder_conf"]["num_blocks"] = 1
    (folder / bare.SETTINGS).write_text(json.dumps(settings))
    with pytest.raises(UserError, match=r"(?s)encoder\.safetensors: its keys do not match.*encoders\.1\."):
        load_encoder(f"espnet:{folder}")

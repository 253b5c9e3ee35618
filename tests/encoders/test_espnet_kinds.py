"""Models of ESPnet beside those of recognition: S2T (OWSM, Dolphin), OWSM-CTC, SSL (XEUS); and what is refused."""

import shutil
from pathlib import Path

import espnet_models
import numpy as np
import pytest
import torch
import yaml

from fangyan.encoders import hub, identity, load_encoder
from fangyan.encoders.espnet import ESPnetEncoder, frame_count
from fangyan.encoders.espnet_kinds import HEARD, OTHERS
from fangyan.errors import DataError, UserError
from fangyan.files import unpack

LENGTHS = (16_000, 9_001, 20_479, 16_000, 12_345)
LOCATE = hub.locate


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A function: kind -> ESPnet's own model, the folder it was made in, and the zip that ESPnet packed."""
    made = {}

    def make(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = espnet_models.build_kind(kind, folder), folder, espnet_models.pack_kind(kind, folder)
        return made[kind]

    return make


def encode(kind, model, wave):
    """What ESPnet itself makes of a wave at its last layer, (T, d)."""
    speech, lengths = torch.from_numpy(wave)[None], torch.tensor([len(wave)])
    with torch.inference_mode():
        if kind == "ssl":
            return model.inference_encode(speech, lengths)[0][0].numpy()
        if kind == "s2t":
            return model.encode(speech, lengths)[0][0][
                0
            ].numpy()  # beside it, what CTC was told between blocks
        prefix = torch.tensor([[model.token_list.index(token) for token in ("<nolang>", "<asr>")]])
        before, one = torch.tensor([[model.na]]), torch.tensor([1])
        found = model.encode(speech, lengths, before, one, prefix, 2 * one)[0][0]
        return model.frames(found, prefix)[0].numpy()


def difference(found, expected) -> float:
    """The largest difference of two matrices of one shape, relative to the largest number where that is above 1."""
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / max(1, np.abs(expected).max())


@pytest.mark.parametrize("kind", espnet_models.KINDS)
def test_a_packed_model_gives_every_layer_and_last_what_espnet_itself_gives(kind, published, noise, capsys):
    model, _, packed = published(kind)
    encoder = load_encoder(f"espnet:{packed}", "cpu")
    assert encoder.layers == ("layer00", "layer01", "layer02", "norm")
    assert encoder.frame_rate == espnet_models.RATES[kind]
    assert ("<nolang> <asr>" in capsys.readouterr().err) == (kind == "s2t_ctc")
    waves = noise(*LENGTHS)
    together = encoder.encode(waves)
    for n, wave in enumerate(waves):
        alone = encoder.encode([wave])
        for layer, features in enumerate(together):
            assert np.abs(features[n] - alone[layer][0]).max() < 1e-5
        expected = encode(kind, model, wave)
        assert difference(alone[-1][0], expected) < 1e-5
    assert encoder.masked == (kind != "ssl")
    assert {len(x) for (x,) in encoder.encode([waves[0][: encoder.heard.start]])} == {1}
    with pytest.raises(DataError, match=f"got {encoder.heard.start - 1} "):
        encoder.encode([waves[0][: encoder.heard.start - 1]])


@pytest.mark.parametrize(
    "values",
    [
        *({"input_layer": f"conv{name}"} for name in ("1d1", "1d2", "1d3", "2d", "2d1", "2d2", "2d6", "2d8")),
        {"input_layer": "linear"},
        {"rel_pos_type": "legacy"},
        {"pos_enc_layer_type": "abs_pos", "attention_layer_type": "selfattn"},
        {"pos_enc_layer_type": "scaled_abs_pos", "attention_layer_type": "fast_selfattn"},
        {"use_ffn": True, "macaron_ffn": True, "use_linear_after_conv": True, "use_sdpa": True},
        {"use_cross_attention": False},
        {"output_size": 8},
    ],
)
def test_padding_never_leaks_into_owsm_ctc_and_its_prompt_is_cut_off_again(values, noise):
    model, _ = espnet_models.kind_model("s2t_ctc", {"encoder_conf": values, "normalize": None})
    encoder = ESPnetEncoder(model, "cpu")
    waves = noise(*LENGTHS, encoder.heard.start)
    together = encoder.encode(waves)
    for n, wave in enumerate(waves):
        alone = encoder.encode([wave])
        for layer, (found,) in enumerate(alone):
            assert len(found) == frame_count(model, len(wave))
            assert difference(together[layer][n], found) < 1e-5
        if values.get("input_layer") != "linear":  # there ESPnet cuts two frames, too, but puts none before
            assert difference(alone[-1][0], encode("s2t_ctc", model, wave)) < 1e-5


def plain(published, folder, name="base.pt"):
    """A Dolphin as it is published: its checkpoint, YAML and statistics in one folder, and nothing of them packed."""
    _, made, _ = published("s2t")
    folder.mkdir()
    shutil.copy(made / "exp/s2t/valid.acc.ave.pth", folder / name)
    shutil.copy(made / "exp/s2t/config.yaml", folder / "config.yaml")
    shutil.copy(made / "exp/stats/train/feats_stats.npz", folder)
    return folder


def test_a_plain_checkpoint_beside_its_yaml_is_what_the_packed_model_is(published, noise, tmp_path):
    folder, (wave,) = plain(published, tmp_path / "dolphin"), noise(16_000)
    expected = load_encoder(f"espnet:{published('s2t')[2]}", "cpu")(wave)
    for spec in (f"espnet:{folder}", f"espnet:{folder / 'base.pt'}"):
        found = load_encoder(spec, "cpu")(wave)
        assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)
    assert identity(f"espnet:{folder}") == identity(f"espnet:{folder / 'base.pt'}")
    shutil.copy(folder / "base.pt", folder / "small.pt")
    with pytest.raises(
        UserError, match=r"2 checkpoints, of which one is to be named: .*base\.pt, espnet:.*small"
    ):
        load_encoder(f"espnet:{folder}")
    (folder / "config.yaml").rename(folder / "s2t.yaml")
    assert identity(f"espnet:{folder / 'small.pt'}") == identity(f"espnet:{folder / 'base.pt'}")


def test_of_a_checkpoint_only_what_the_encoder_needs_must_be_there(published, noise, tmp_path):
    folder, (wave,) = plain(published, tmp_path / "dolphin"), noise(16_000)
    expected = load_encoder(f"espnet:{folder}", "cpu")(wave)
    weights = torch.load(folder / "base.pt", weights_only=True)
    kept = {key: value for key, value in weights.items() if key.startswith(("frontend.", "encoder.", "ctc."))}
    torch.save(kept | {"decoder.of_another_kind": torch.ones(1)}, folder / "base.pt")
    found = load_encoder(f"espnet:{folder}", "cpu")(wave)
    assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)
    untrained = load_encoder(f"random:{folder}", "cpu")(wave)
    assert np.abs(untrained["norm"] - expected["norm"]).max() > 0.1
    del kept["encoder.after_norm.bias"]
    torch.save(kept, folder / "base.pt")
    with pytest.raises(DataError, match=r"(?s)base\.pt: its keys do not match.*encoder\.after_norm\.bias"):
        load_encoder(f"espnet:{folder}")


def test_a_model_of_the_hub_is_fetched_without_other_checkpoints(published, cached, tmp_path, monkeypatch):
    asked = []
    from fangyan.encoders import hub

    locate = hub.locate
    monkeypatch.setattr(
        hub, "locate", lambda name, patterns: asked.append(patterns) or locate(name, patterns)
    )
    unpack(published("ssl")[2], tmp_path / "unpacked")
    cached("user/xeus", tmp_path / "unpacked")
    assert load_encoder("espnet:user/xeus", "cpu").frame_rate == 50
    assert asked[2] == ["exp/ssl/valid.acc.ave.pth"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("train.yaml", {"dataset_conf": {}}, "this is a model of WeNet"),
        ("meta.yaml", {"yaml_files": {"st_train_config": "c"}}, "this is a model of speech translation"),
        ("readme.txt", {}, r"config\.yaml: no such file, nor a meta\.yaml: .* beside the checkpoint"),
    ],
)
def test_what_is_not_read_is_refused_before_its_checkpoint_is_fetched(
    name, settings, message, cached, tmp_path, monkeypatch
):
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / name).write_text(yaml.safe_dump(settings))
    cached("user/other", tmp_path / "repository")
    asked = []
    monkeypatch.setattr(
        hub, "locate", lambda name, patterns: asked.append(patterns) or LOCATE(name, patterns)
    )
    with pytest.raises(UserError, match=message):
        load_encoder("espnet:user/other")
    assert not any("pt" in pattern for patterns in asked for pattern in patterns)


def test_owsm_ctc_without_the_tokens_of_its_prompt_is_refused(published, tmp_path):
    folder = Path(shutil.copytree(published("s2t_ctc")[1], tmp_path / "copy"))
    config = folder / "exp/s2t_ctc/config.yaml"
    config.write_text(config.read_text().replace("<nolang>", "<none>"))
    with pytest.raises(
        UserError, match=r"prompt is <nolang> <asr>, but the model's token_list lacks <nolang>"
    ):
        load_encoder(f"espnet:{espnet_models.pack_kind('s2t_ctc', folder)}", "cpu")


READ = r"and the encoder of such a one is not read here: name one of speech recognition \(asr\), .*\(s2t\), .*\(ssl\)"


@pytest.mark.parametrize(
    ("key", "settings", "what"),
    [
        ("st_", {}, "speech translation"),
        ("enh_s2t_", {}, "speech enhancement before recognition"),
        ("s2st_", {}, "speech-to-speech translation"),
        ("classification_", {}, "classification"),
        ("", {"tts": "vits"}, "text to speech"),
        ("", {"separator": "rnn"}, "speech enhancement"),
        ("", {"pooling": "stats"}, "speaker or language identification"),
        ("", {}, "a kind that it does not name"),
        ("new_", {}, "the kind 'new'"),
    ],
)
def test_a_packed_model_of_another_kind_is_refused_by_what_it_is(tmp_path, key, settings, what):
    meta = {"yaml_files": {f"{key}train_config": "c.yaml"}, "files": {f"{key}model_file": "m.pth"}}
    (tmp_path / "meta.yaml").write_text(yaml.safe_dump(meta))
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(DataError, match=rf"meta\.yaml: this is a model of {what}, {READ}") as refused:
        load_encoder(f"espnet:{tmp_path}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"tts": "vits"}, "text to speech"),
        ({"dataset_conf": {}}, "WeNet"),
        ({"extra_mt_decoder": None}, "speech trans"),
    ],
)
def test_a_plain_model_of_another_kind_is_refused_by_what_it_is(tmp_path, settings, what):
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "final.pt").touch()
    with pytest.raises(DataError, match=rf"train\.yaml: this is a model of {what}.*, {READ}"):
        load_encoder(f"espnet:{tmp_path}")


def test_a_checkpoint_without_its_configuration_is_refused_by_what_is_missing(tmp_path):
    (tmp_path / "base.pt").touch()
    for spec in (f"espnet:{tmp_path}", f"espnet:{tmp_path / 'base.pt'}"):
        with pytest.raises(
            UserError, match=r"config\.yaml: no such file, nor a meta\.yaml: .* feats_stats\.npz"
        ):
            load_encoder(spec)


def test_what_is_left_of_a_training_is_no_model(tmp_path):
    (tmp_path / "config.yaml").write_text("encoder: conformer\n")
    for name in ("checkpoint.pth", "3epoch.pth", "latest.pth"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match="no trained ESPnet model there"):
        load_encoder(f"espnet:{tmp_path}")


def test_kinds_have_one_name_each():
    assert not {*HEARD} & {*OTHERS}

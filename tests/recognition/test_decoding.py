import json
import shutil
import zipfile

import numpy as np
import pytest
import soundfile
import torch
import yaml

from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance, read_map
from fangyan.encoders import load_encoder
from fangyan.encoders.espnet_build import build
from fangyan.encoders.espnet_model import locate
from fangyan.errors import DataError, UserError
from fangyan.files import made_from, read_table
from fangyan.journal import NAME
from fangyan.recognition import cer
from fangyan.recognition.decoding import decode, early_exit, exit_layers
from fangyan.shards import Shard


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    path = tmp_path_factory.mktemp("conf") / "quick.yaml"
    path.write_text("beam_size: 2\nctc_weight: 0.5\nmaxlenratio: 0.5\n")
    return path


@pytest.fixture(scope="module")
def decoded(job, sung, quick, tmp_path_factory):
    out = tmp_path_factory.mktemp("exp")
    decode(job.exp, [sung["dev"], sung["test"]], quick, out / "decode")
    layers = ["layer01", "layer02", "norm"]
    homes = decode(job.exp, [sung["test"]], quick, out / "early_exit", layers)
    assert homes == [out / "early_exit/test" / layer for layer in layers]
    return out


def test_a_line_for_every_utterance_and_a_table(job, sung, quick, decoded):
    sets = [sung["dev"], sung["test"]]
    assert decode(job.exp, sets, quick, decoded / "decode") == []
    lines = (decoded / "decode/test/text").read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(read_map(sung["test"] / "text"))
    rows = cer.score(decoded / "decode/test", sung["test"], "text_cmn")
    assert [(row.variety, row.sentences) for row in rows] == [
        ("cmn", 8),
        ("hak", 8),
        ("yue", 8),
        ("all", 24),
    ]


def test_an_unknown_decoding_option_is_refused(job, sung, tmp_path):
    (tmp_path / "bad.yaml").write_text("beam: 2\n")
    with pytest.raises(DataError, match=r"bad\.yaml: unknown key 'beam': did you mean 'beam_size'\?"):
        decode(job.exp, [sung["test"]], tmp_path / "bad.yaml", tmp_path / "decode")


def test_a_packed_model_recognises_the_same_from_anywhere(job, sung, quick, decoded, tmp_path, monkeypatch):
    config, checkpoint, statistics = locate(job.exp)
    settings = yaml.safe_load(config.read_text())
    settings["normalize_conf"]["stats_file"] = "exp/m/train/feats_stats.npz"
    meta = {
        "files": {"asr_model_file": "exp/m/a.pth"},
        "yaml_files": {"asr_train_config": "exp/m/config.yaml"},
    }
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as bundle:
        bundle.writestr("meta.yaml", yaml.safe_dump(meta))
        bundle.writestr("exp/m/config.yaml", yaml.safe_dump(settings))
        bundle.write(checkpoint, "exp/m/a.pth")
        bundle.write(statistics, "exp/m/train/feats_stats.npz")
    monkeypatch.chdir(tmp_path)
    decode("model.zip", [sung["test"]], quick, tmp_path / "decode")
    assert (tmp_path / "decode/test/text").read_text() == (decoded / "decode/test/text").read_text()
    assert decode("model.zip", [sung["test"]], quick, tmp_path / "decode") == []


def test_leaving_after_all_blocks_is_the_whole_model_and_after_fewer_is_not(decoded):
    def text(folder):
        return (decoded / folder / "text").read_text()

    assert text("early_exit/test/norm") == text("early_exit/test/layer02") == text("decode/test")
    assert text("early_exit/test/layer01") != text("decode/test")


def test_exits_are_recognised_and_scored_beside_the_whole_model(job, sung, quick, decoded):
    exits = decoded / "early_exit"
    assert decode(job.exp, [sung["test"]], quick, exits, ["norm", "layer01"]) == []
    whole = cer.score(decoded / "decode/test", sung["test"], "text_cmn")
    cer.score_exits(exits / "test", decoded / "decode/test", sung["test"], "text_cmn")
    rows = read_table(exits / "test/cer.tsv")
    assert list(rows[0]) == "layer variety sentences characters errors cer left_out".split()
    assert [row["layer"] for row in rows[::4]] == ["layer01", "layer02", "norm"]
    for layer in ("layer02", "norm"):
        assert [int(row["errors"]) for row in rows if row["layer"] == layer] == [r.errors for r in whole]


def test_an_unknown_exit_layer_is_answered_with_the_known_ones(job, sung, quick, tmp_path):
    with pytest.raises(UserError, match="no exit layer 'layer00': known are layer01, layer02, norm"):
        decode(job.exp, [sung["test"]], quick, tmp_path, ["layer01", "layer00"])
    assert not list(tmp_path.glob("test/[!.]*"))


def variant(job, **encoder_conf):
    """The model of the experiment with other encoder settings and random weights, and a second of noise."""
    config, _, statistics = locate(job.exp)
    settings = yaml.safe_load(config.read_text())
    settings["encoder_conf"] |= encoder_conf
    settings["normalize_conf"] = {"stats_file": str(statistics)}
    model = build(settings, config).eval()
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32))
    return model, {"speech": noise, "speech_lengths": torch.tensor([16_000])}


def test_the_exit_is_the_final_norm_of_the_block_and_the_model_is_whole_again(job, sung):
    encoder = load_encoder(f"espnet:{job.exp}")
    wave = audio.read(datadir.read(sung["test"])[0].wav)
    layers, keys = encoder(wave), list(encoder.model.state_dict())
    speech = {"speech": torch.from_numpy(wave)[None], "speech_lengths": torch.tensor([len(wave)])}
    with torch.inference_mode(), early_exit(1, encoder.model):
        assert len(encoder.model.encoder.encoders) == 1
        found, _ = encoder.model.encode(**speech)
        wanted = encoder.model.encoder.after_norm(torch.from_numpy(layers["layer01"]))
    assert np.allclose(found[0, : len(wanted)], wanted, atol=1e-5)
    assert list(encoder.model.state_dict()) == keys
    with torch.inference_mode():
        again, _ = encoder.model.encode(**speech)
    assert np.allclose(again[0, : len(wanted)], layers["norm"], atol=1e-5)


@pytest.mark.parametrize("conditioned", [False, True])
def test_ctc_reads_what_it_was_trained_on_where_the_block_has_its_own(job, conditioned):
    model, speech = variant(job, interctc_layer_idx=[1], interctc_use_conditioning=conditioned)
    torch.nn.init.normal_(model.encoder.after_norm.weight)  # as training leaves it: not the identity
    with torch.inference_mode():
        (_, [(block, trained_on)]), _ = model.encode(**speech)
        wanted = model.ctc.log_softmax(trained_on)
        for _ in range(2):
            with early_exit(1, model):
                (found, _), _ = model.encode(**speech)
                assert torch.equal(model.ctc.log_softmax(found), wanted)
        assert block == 1
        assert not torch.allclose(model.ctc.log_softmax(found), wanted, atol=1e-3)
        with early_exit(2, model):
            (whole, _), _ = model.encode(**speech)
            assert not torch.allclose(model.ctc.log_softmax(whole), wanted, atol=1e-3)


def test_exit_layers_are_named_like_dumped_ones():
    class Encoder:
        encoders = after_norm = range(3)

    assert exit_layers(Encoder()) == {"layer01": 1, "layer02": 2, "layer03": 3, "norm": 3}
    assert exit_layers(object()) == {}


def test_whisper_is_left_in_the_same_way():
    from types import SimpleNamespace

    from fangyan.encoders.espnet_whisper import PaddingFreeEncoder
    from fangyan.encoders.whisper import PaddingFree

    encoder = PaddingFreeEncoder(8, output_size=16, num_blocks=3, attention_heads=2, linear_units=32).eval()
    mels, frames = torch.randn(1, 40, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([40])
    with torch.inference_mode():
        layers, _ = PaddingFree.forward(encoder, mels, frames)
        for layer, blocks in exit_layers(encoder).items():
            with early_exit(blocks, SimpleNamespace(encoder=encoder)):
                found = encoder(mels, frames)[0]
            assert torch.allclose(found, encoder.after_norm(layers[blocks]), atol=1e-6), layer


@pytest.mark.parametrize("exits", [[], ["layer01"]])
def test_shares_of_the_utterances_joined_are_the_text_of_one_process(
    job, sung, quick, decoded, tmp_path, exits
):
    out, folder = tmp_path / "out", "/".join(["test", *exits])
    for part in (Shard(2, 2), Shard(1, 2)):
        decode(job.exp, [sung["test"]], quick, out, exits, part)
    assert decode(job.exp, [sung["test"]], quick, out, exits, Shard(0, 2)) == [out / folder]
    whole = decoded / ("early_exit" if exits else "decode") / folder
    for name in ("text", ".done"):
        assert (out / folder / name).read_bytes() == (whole / name).read_bytes()
    assert {p.name for p in (out / folder).iterdir()} == {".done", "decode.log", "text"}
    assert decode(job.exp, [sung["test"]], quick, out, exits) == []
    assert not list((out / folder).parent.glob(".*.shards"))


@pytest.mark.parametrize("exits", [[], ["layer01"]])
def test_a_killed_process_is_gone_on_with_after_its_last_utterance(
    job, sung, quick, decoded, tmp_path, exits
):
    out, folder = tmp_path / "out", "/".join(["test", *exits])
    whole = decoded / ("early_exit" if exits else "decode") / folder
    home = out / folder
    shard = home.with_name(f".{home.name}.shards") / "1_of_1"
    shard.mkdir(parents=True)
    inputs = made_from(whole)
    keys = list(read_map(sung["test"] / "text"))
    lines = [json.dumps(inputs, sort_keys=True)]
    lines += [json.dumps({"id": key, "text": "记得", "unheard": ""}) for key in keys[:20]]
    (shard / NAME).write_text("\n".join(lines) + '\n{"id": "half')
    assert decode(job.exp, [sung["test"]], quick, out, exits) == [home]
    right = (whole / "text").read_text().split("\n")
    assert (home / "text").read_text().split("\n") == [f"{key} 记得" for key in keys[:20]] + right[20:]
    assert not shard.exists()


@pytest.fixture
def odd(sung, tmp_path):
    """A data directory of one good recording and all kinds of others."""
    (tmp_path / "wav").mkdir()
    song = audio.read(datadir.read(sung["test"])[0].wav)
    broken = np.where(np.arange(len(song)) == 5, np.nan, song)
    waves = {"a-good": song, "b-nan": broken, "c-short": song[:959], "d-frame": song[:960], "e-cut": song}
    for key, wave in waves.items():
        soundfile.write(tmp_path / f"wav/{key}.wav", wave, 16_000, "FLOAT")
    (tmp_path / "wav/e-cut.wav").write_bytes(b"RIFF" + bytes(40))
    rows = [
        Utterance(key, str(tmp_path / f"wav/{key}.wav"), "我", key[0], "cmn", "s", 0.5, text_cmn="我")
        for key in waves
    ]
    datadir.write(tmp_path / "odd", rows)
    return tmp_path / "odd"


def test_what_the_encoder_cannot_hear_has_an_empty_hypothesis_and_is_named(job, odd, quick, tmp_path, capsys):
    home = tmp_path / "out/odd"
    decode(job.exp, [odd], quick, tmp_path / "out")
    said = capsys.readouterr().err
    wav = tmp_path / "wav"
    assert (
        f"utterance b-nan, 0.500 s: {wav}/b-nan.wav: samples are finite numbers, got others: its hypothesis is empty"
        in said
    )
    assert (
        f"utterance c-short, 0.500 s: {wav}/c-short.wav: this encoder hears 960 samples (0.06 s) or more at once"
        in said
    )
    assert f"utterance e-cut, 0.500 s: {wav}/e-cut.wav: not readable as audio" in said
    assert f"{home}: 3 of 5 utterances could not be heard" in said and "a-good" not in said
    text = cer.read_hypotheses(home / "text")
    assert list(text) == ["a-good", "b-nan", "c-short", "d-frame", "e-cut"]
    assert not (text["b-nan"] or text["c-short"] or text["e-cut"])
    assert [row["id"] for row in read_table(home / ".unheard.tsv")] == ["b-nan", "c-short", "e-cut"]
    assert decode(job.exp, [odd], quick, tmp_path / "out") == []
    for part in (Shard(1, 2), Shard(2, 2), Shard(0, 2)):
        decode(job.exp, [odd], quick, tmp_path / "shards", part=part)
    for name in ("text", ".unheard.tsv", ".done"):
        assert (tmp_path / "shards/odd" / name).read_bytes() == (home / name).read_bytes()


def test_a_recording_that_was_mended_is_heard_after_all(job, odd, quick, tmp_path):
    decode(job.exp, [odd], quick, tmp_path / "out")
    shutil.copy(tmp_path / "wav/a-good.wav", tmp_path / "wav/e-cut.wav")
    assert decode(job.exp, [odd], quick, tmp_path / "out") == [tmp_path / "out/odd"]
    text = cer.read_hypotheses(tmp_path / "out/odd/text")
    assert text["e-cut"] == text["a-good"]


def test_no_special_token_is_ever_in_a_hypothesis(job, odd, tmp_path):
    (tmp_path / "long.yaml").write_text("beam_size: 2\nmaxlenratio: -4\nminlenratio: -4\n")
    for name in ("quick.yaml", "long.yaml"):
        (tmp_path / "quick.yaml").write_text("beam_size: 2\nmaxlenratio: 0.5\n")
        decode(job.exp, [odd], tmp_path / name, tmp_path / name[:-5])
        assert "<" not in (tmp_path / name[:-5] / "odd/text").read_text()


def test_a_set_of_which_nothing_can_be_heard_is_refused_and_gone_on_with_once_mended(
    job, odd, quick, tmp_path
):
    for key in ("a-good", "d-frame"):
        shutil.move(tmp_path / f"wav/{key}.wav", tmp_path / f"wav/{key}.kept")
        (tmp_path / f"wav/{key}.wav").touch()
    with pytest.raises(DataError, match=r"none of 5 utterances could be heard, the first: utterance a-good"):
        decode(job.exp, [odd], quick, tmp_path / "out")
    assert not (tmp_path / "out/odd").exists()
    shutil.move(tmp_path / "wav/d-frame.kept", tmp_path / "wav/d-frame.wav")
    assert decode(job.exp, [odd], quick, tmp_path / "out") == [tmp_path / "out/odd"]


def test_a_recording_that_is_not_there_stops_decoding_by_name_and_nothing_is_lost(job, odd, quick, tmp_path):
    shutil.move(tmp_path / "wav/d-frame.wav", tmp_path / "kept")
    with pytest.raises(DataError, match=r"d-frame.wav: no such file, the recording of utterance d-frame"):
        decode(job.exp, [odd], quick, tmp_path / "out")
    assert len((tmp_path / "out/.odd.shards/1_of_1" / NAME).read_text().split("\n")) == 1 + 3 + 1
    shutil.move(tmp_path / "kept", tmp_path / "wav/d-frame.wav")
    assert decode(job.exp, [odd], quick, tmp_path / "out") == [tmp_path / "out/odd"]

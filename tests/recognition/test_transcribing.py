"""`fangyan.recognition.transcribing`: what a model writes of files, folders and data directories, as decode does."""

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.errors import DataError, UserError
from fangyan.files import ROOT
from fangyan.recognition.decoding import decode
from fangyan.recognition.transcribing import transcribe

CONFIG = ROOT / "conf" / "decode.yaml"


@pytest.fixture(scope="module")
def decoded(job, sung, tmp_path_factory):
    """Utterance id -> what `decode` writes of the test set."""
    out = tmp_path_factory.mktemp("decode")
    decode(job.exp, [sung["test"]], CONFIG, out)
    lines = (line.rstrip("\n").partition(" ") for line in (out / "test" / "text").open(encoding="utf-8"))
    return {key: text for key, _, text in lines}


def test_a_data_directory_has_the_hypotheses_of_decode(job, sung, decoded, monkeypatch):
    monkeypatch.chdir(job.exp.parent.parent)
    assert transcribe(f"espnet:{job.exp}", [sung["test"]], CONFIG) == decoded
    assert list(decoded) == [u.id for u in datadir.read(sung["test"])]


def test_files_are_a_line_each_in_their_order_and_bad_ones_are_left_out(
    job, sung, decoded, tmp_path, monkeypatch
):
    monkeypatch.chdir(job.exp.parent.parent)
    wavs = [sung["test"].parent / "wav" / f"{key}.wav" for key in ("yuetest-s01", "cmntest-s02")]
    (tmp_path / "bad.wav").write_text("no audio")
    audio.write(tmp_path / "short.wav", np.zeros(40, np.float32))
    paths = [wavs[0], tmp_path / "bad.wav", wavs[1], tmp_path / "short.wav"]
    run = CliRunner().invoke(cli, ["transcribe", *map(str, paths), "--model", str(job.exp)])
    assert run.exit_code == 0, run.output
    assert run.stdout.splitlines() == [f"{wav}\t{decoded[wav.stem]}" for wav in wavs]
    told = [line for line in run.stderr.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in told] == [str(tmp_path / "bad.wav"), str(tmp_path / "short.wav")]


def test_segments_are_heard_alone(job, sung, decoded, tmp_path, monkeypatch):
    monkeypatch.chdir(job.exp.parent.parent)
    a, b = (sung["test"].parent / "wav" / f"{key}.wav" for key in ("cmntest-s00", "yuetest-s01"))
    waves = [audio.read(path) for path in (a, b)]
    audio.write(tmp_path / "both.wav", np.concatenate(waves))
    ends = [len(waves[0]) / 16_000, (len(waves[0]) + len(waves[1])) / 16_000]
    (tmp_path / "wav.scp").write_text(f"r {tmp_path}/both.wav\n")
    (tmp_path / "segments").write_text(f"u r 0 {ends[0]}\nv r {ends[0]} {ends[1]}\n")
    found = transcribe(f"espnet:{job.exp}", [tmp_path], CONFIG)
    assert found == {"u": decoded["cmntest-s00"], "v": decoded["yuetest-s01"]}


def test_mistakes_are_told_before_a_model_is_opened(sung, tmp_path):
    wav = sung["test"].parent / "wav" / "cmntest-s00.wav"
    with pytest.raises(UserError, match="--model fbank: a model that writes is espnet:<exp folder"):
        transcribe("fbank", [wav], CONFIG)
    with pytest.raises(DataError, match="gone.wav: no such file or folder"):
        transcribe("espnet:nowhere", [tmp_path / "gone.wav"], CONFIG)
    (tmp_path / "bad.wav").write_text("no audio")
    with pytest.raises(DataError, match="bad.wav: not readable as audio"):
        transcribe("espnet:nowhere", [tmp_path / "bad.wav"], CONFIG)
    with pytest.raises(DataError, match="no.yaml: no such file"):
        transcribe("espnet:nowhere", [wav], tmp_path / "no.yaml")
    with pytest.raises(UserError, match="no trained ESPnet model there"):
        transcribe(f"espnet:{tmp_path}", [wav], CONFIG)

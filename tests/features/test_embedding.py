"""`features.embedding`: what is heard of files, folders and data directories, and the forms it is written in."""

import os
from itertools import chain
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.encoders import Encoder, load_encoder
from fangyan.errors import DataError, UserError
from fangyan.features import embedding
from fangyan.features.at_layer import AtLayer
from fangyan.features.embedding import embed, encode_batches, find_recordings, unique_recordings
from fangyan.measure.scores import SCORES


class Two(Encoder):
    """Two layers: each sample x of a wave, and (x squared, x); refuses silence."""

    layers, frame_rate = ("a", "b"), 16_000.0

    def encode(self, waves):
        if any(not wave.any() for wave in waves):
            raise DataError("silence")
        return [[wave[:, None] for wave in waves], [np.stack([wave**2, wave], 1) for wave in waves]]


def test_a_folder_is_its_audio_files(tmp_path):
    for name in ("b.wav", "a.FLAC", "deep/c.mp3", ".hidden.wav", ".no/d.wav", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [os.path.relpath(u.id, tmp_path) for u in find_recordings(tmp_path)] == [
        "a.FLAC",
        "b.wav",
        "deep/c.mp3",
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"empty: expected wav.scp or audio files \(.wav .*\) in it, found none"
    ):
        find_recordings(tmp_path / "empty")


def test_a_data_directory_needs_wav_scp_alone_and_knows_segments(tmp_path):
    (tmp_path / "wav.scp").write_text("r /x.wav\n")
    (found,) = find_recordings(tmp_path)
    assert (found.id, found.wav, found.start, found.end, found.text) == ("r", "/x.wav", 0, None, "")
    (tmp_path / "segments").write_text("u1 r 0.5 1.5\nu2 r 2 3\n")
    (tmp_path / "text").write_text("u1 你\nu2 我\n")
    assert [(u.id, u.start, u.end, u.text) for u in find_recordings(tmp_path)] == [
        ("u1", 0.5, 1.5, "你"),
        ("u2", 2, 3, "我"),
    ]


def test_what_fails_stands_beside_what_does_not(tmp_path):
    audio.write(tmp_path / "good.wav", np.ones(800, np.float32) / 2)
    audio.write(tmp_path / "silent.wav", np.zeros(800, np.float32))
    (tmp_path / "text.wav").write_text("no audio")
    found = [x for batch in encode_batches(AtLayer(Two()), find_recordings(tmp_path), "") for x in batch]
    results = {os.path.basename(u.id): frames for u, frames in found}
    assert len(found) == 3 and results["good.wav"].shape == (800, 2)
    assert isinstance(results["silent.wav"], DataError) and "silence" in str(results["silent.wav"])
    assert "not readable as audio" in str(results["text.wav"])


def test_segments_and_other_rates_are_heard_as_16_khz_mono(tmp_path):
    tone = np.sin(np.arange(96_000) / 20).astype(np.float32)
    soundfile.write(tmp_path / "x.flac", np.stack([tone, tone], 1), 48_000)
    (tmp_path / "wav.scp").write_text(f"r {tmp_path}/x.flac\n")
    (tmp_path / "segments").write_text("u r 0.5 1.0\n")
    ((_, frames),) = [
        x for batch in encode_batches(AtLayer(Two(), "a"), find_recordings(tmp_path), "") for x in batch
    ]
    np.testing.assert_array_equal(frames[:, 0], audio.read(tmp_path / "x.flac", 0.5, 1.0))
    assert len(frames) == 8_000


@pytest.mark.parametrize("suffix", [".npz", ".ark"])
def test_frames_of_a_data_directory_by_utterance(sung, tmp_path, suffix):
    out = tmp_path / f"x{suffix}"
    embed("fbank", [sung["test"]], out)
    found = dict(np.load(out)) if suffix == ".npz" else kaldiio.load_scp(str(tmp_path / "x.scp"))
    utterances = datadir.read(sung["test"])
    assert sorted(found) == [u.id for u in utterances]
    for utterance in utterances[::7]:
        due = load_encoder("fbank")(audio.read(utterance.wav))["fbank"]
        np.testing.assert_allclose(found[utterance.id], due, atol=1e-5)
        assert found[utterance.id].dtype == np.float32
    if suffix == ".ark":
        assert [line.split()[0] for line in (tmp_path / "x.scp").open()] == [u.id for u in utterances]


def test_files_are_known_by_their_path(sung, tmp_path, monkeypatch):
    monkeypatch.chdir(sung["test"].parent)
    run = CliRunner().invoke(
        cli,
        [
            "embed",
            "wav/cmntest-s00.wav",
            "wav/yuetest-s00.wav",
            "--encoder",
            "fbank",
            "--out",
            f"{tmp_path}/x.npz",
        ],
    )
    assert run.exit_code == 0 and sorted(np.load(tmp_path / "x.npz")) == [
        "wav/cmntest-s00.wav",
        "wav/yuetest-s00.wav",
    ]


@pytest.mark.parametrize("suffix", [".npz", ".ark"])
def test_pooled_a_recording_is_the_mean_of_its_frames_as_long_as_that_is(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(embedding, "load_at_layer", lambda spec, layer: AtLayer(Two(), layer))
    audio.write(tmp_path / "x.wav", np.float32([0.5, -0.25] * 800))
    out = tmp_path / f"x{suffix}"
    embed("two", [tmp_path / "x.wav"], out, "b", "mean")
    found = np.load(out) if suffix == ".npz" else kaldiio.load_scp(str(out.with_suffix(".scp")))
    (vector,) = (found[key] for key in found)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, [(0.25 + 0.0625) / 2, (0.5 - 0.25) / 2], atol=1e-4)  # 16 bits


def test_pooled_vectors_are_those_that_pooled_retrieval_compares(sung, tmp_path):
    run = ["embed", str(sung["test"]), "--encoder", "mfcc", "--out"]
    for more in ([], ["--pool", "mean"]):
        done = CliRunner().invoke(cli, [*run, str(tmp_path / f"x{len(more)}.npz"), *more])
        assert done.exit_code == 0, done.output
    frames, vectors = (dict(np.load(tmp_path / f"x{n}.npz")) for n in (0, 2))
    assert frames.keys() == vectors.keys()
    score = SCORES["pooled"]
    due = score.compare(score.prepare(frames), score.prepare(frames)).numpy()
    vectors = {key: x.astype(np.float64) for key, x in vectors.items()}
    units = {key: x / np.linalg.norm(x) for key, x in vectors.items()}
    found = np.array([[units[a] @ units[b] for b in frames] for a in frames])
    np.testing.assert_allclose(found, due, atol=3e-7)


def test_mistakes(sung, tmp_path):
    wav = sung["test"].parent / "wav" / "cmntest-s00.wav"
    with pytest.raises(UserError, match=r"--pool max: how frames become one vector: mean"):
        embed("fbank", [wav], tmp_path / "x.npz", pool="max")
    with pytest.raises(UserError, match=r"x.npy: the suffix says the form, one of .npz .ark"):
        embed("fbank", [wav], tmp_path / "x.npy")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wav.scp").write_text(
            f"u {wav.with_stem(f'cmntest-s0{len(name) + (name == "b")}')}\n"
        )
    with pytest.raises(DataError, match=r"s02.wav: ids are unique, got u again"):
        embed("fbank", [tmp_path / "a", tmp_path / "b"], tmp_path / "x.npz")
    with pytest.raises(DataError, match="gone.wav: no such file or folder"):
        embed("fbank", [tmp_path / "gone.wav"], tmp_path / "x.npz")
    odd = tmp_path / "a b.wav"
    odd.symlink_to(wav)
    with pytest.raises(DataError, match="a key of an archive has no blanks: rename the file, or write .npz"):
        embed("fbank", [odd], tmp_path / "x.ark")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(DataError, match=r"empty.wav: not readable as audio \(empty file\)"):
        embed("fbank", [tmp_path / "empty.wav"], tmp_path / "x.npz")
    with pytest.raises(UserError, match=r"wav.ark: its index would be \S+wav.scp, a list of recordings"):
        embed("fbank", [wav], tmp_path / "wav.ark")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a b.wav", "b", "empty.wav"]


def test_what_is_named_twice_is_embedded_once(sung, tmp_path, monkeypatch):
    wav = sung["test"].parent / "wav" / "cmntest-s00.wav"
    embed("fbank", [wav, wav, sung["test"], sung["test"]], tmp_path / "x.npz")
    assert len(np.load(tmp_path / "x.npz").files) == 25


@pytest.mark.parametrize("suffix", [".npz", ".ark"])
def test_what_cannot_be_read_is_left_out_and_told_and_the_rest_is_written(sung, tmp_path, suffix):
    wav = sung["test"].parent / "wav" / "cmntest-s00.wav"
    bad, worse, out = tmp_path / "bad.wav", tmp_path / "worse.wav", tmp_path / f"x{suffix}"
    bad.write_text("no audio")
    worse.touch()
    paths = [str(path) for path in (bad, wav, worse)]
    run = CliRunner().invoke(cli, ["embed", *paths, "--encoder", "fbank", "--out", str(out)])
    assert run.exit_code == 0
    found = np.load(out).files if suffix == ".npz" else list(kaldiio.load_scp(str(out.with_suffix(".scp"))))
    assert found == [str(wav)]
    assert [line.rpartition(" (")[0] for line in run.stderr.splitlines()] == [
        "fbank: layer fbank, its last",
        f"left out: {bad}: not readable as audio",
        f"left out: {worse}: not readable as audio",
    ]


@pytest.mark.parametrize("suffix", [".npz", ".ark"])
def test_where_nothing_is_left_nothing_is_written(tmp_path, suffix):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_text("no audio")
    with pytest.raises(
        DataError, match=r"a.wav: not readable as audio .* \(and none of 2 recordings is left\)"
    ):
        embed("fbank", [tmp_path], tmp_path / f"x{suffix}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.wav"]


def test_what_a_data_directory_lacks_is_told(tmp_path, capsys):
    audio.write(tmp_path / "x.wav", np.ones(800, np.float32) / 2)
    (tmp_path / "wav.scp").write_text(f"u {tmp_path}/x.wav\n")
    (tmp_path / "text").write_text("u 你\nv 我\nw 他\n")
    assert [u.id for u in unique_recordings([tmp_path])] == ["u"]
    assert capsys.readouterr().err == f"{tmp_path}: left out: 2 not in wav.scp: the first is v\n"


def test_samples_that_are_no_numbers_are_named_by_their_file_and_left_out_one_by_one(sung, tmp_path):
    bad, good = tmp_path / "bad.wav", datadir.read(sung["test"])[0].wav
    soundfile.write(bad, np.float32([0.1, np.nan] * 8_000), 16_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"bad\.wav: samples are finite numbers, got others"):
        embed("fbank", [bad], tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()
    found = dict(
        chain.from_iterable(
            encode_batches(AtLayer(load_encoder("fbank")), unique_recordings([bad, Path(good)]), "")
        )
    )
    assert {type(frames) for frames in found.values()} == {np.ndarray, DataError}


class Silent(Encoder):
    """Divides by the loudness, as some do."""

    layers, frame_rate = ("layer00",), 1.0

    def encode(self, waves):
        return [[np.full((2, 1), 1 / np.float32(abs(wave).max())) for wave in waves]]


def test_features_that_are_no_numbers_are_named_by_their_file(sung, tmp_path, monkeypatch):
    silent, good = tmp_path / "silent.wav", Path(datadir.read(sung["test"])[0].wav)
    audio.write(silent, np.zeros(16_000))
    monkeypatch.setattr("fangyan.features.at_layer.load_encoder", lambda spec, **of: Silent())
    with np.errstate(divide="ignore"):
        with pytest.raises(DataError, match=r"silent\.wav: utterance .*: features are finite numbers"):
            embed("fbank", [silent], tmp_path / "out.npz")
        found = dict(
            chain.from_iterable(encode_batches(AtLayer(Silent()), unique_recordings([silent, good]), ""))
        )
    assert {u.wav: isinstance(x, DataError) for u, x in found.items()} == {
        str(silent): True,
        str(good): False,
    }


def test_typed_sentences_and_lines_of_a_file_each_once(tiny_sentence, tmp_path):
    (tmp_path / "lines.txt").write_text("我吃饭\n\n 你看书 \n我吃饭\n")
    spec, out = f"text:{tiny_sentence}", tmp_path / "x.npz"
    words = ["embed", "--text", "你看书", "--lines", str(tmp_path / "lines.txt"), "--encoder", spec]
    assert CliRunner().invoke(cli, [*words, "--out", str(out)]).stdout == f"{out}: written\n"
    found, encoder = np.load(out), load_encoder(spec, "cpu", "text")
    assert {text: found[text].shape for text in found} == {"你看书": (1, 32), "我吃饭": (1, 32)}
    assert found["我吃饭"] == pytest.approx(encoder("我吃饭")["sentence"], abs=1e-6)
    CliRunner().invoke(
        cli, [*words, "--out", str(tmp_path / "x.ark"), "--layer", "layer01", "--pool", "mean"]
    )
    pooled = dict(kaldiio.load_scp(str(tmp_path / "x.scp")))
    assert pooled["你看书"] == pytest.approx(encoder("你看书")["layer01"].mean(0), abs=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "or sentences to be typed with --text, got neither"),
        (["x.wav", "--text", "我"], "got both"),
        (["--lines", "blank.txt"], "blank.txt: one sentence at least, got none"),
        (["--lines", "gone.txt"], "gone.txt: no such file"),
        (["--lines", "long.txt"], "long.txt:2: .* reads 16 tokens at once, got 32"),
        (["--text", "我", "--encoder", "fbank"], "fbank takes speech, got text"),
    ],
)
def test_texts_that_cannot_be_embedded_are_told(tiny_sentence, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    Path("blank.txt").write_text("\n \n")
    Path("long.txt").write_text("我\n" + "我" * 30 + "\n")
    with pytest.raises(UserError, match=message):
        given = ["embed", "--encoder", f"text:{tiny_sentence}", "--out", "x.npz", *words]
        CliRunner().invoke(cli, given, catch_exceptions=False)

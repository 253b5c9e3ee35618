import os
import signal
import subprocess
import sys
import time

import kaldiio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan import audio, datadir, dump
from fangyan.datadir import Utterance
from fangyan.encoders import load_encoder
from fangyan.errors import DataError
from fangyan.files import ROOT


def utterance(seconds: float, key: str) -> Utterance:
    return Utterance(key, "w", "", key, "cmn", "s", seconds)


def test_batches_are_of_like_length_and_bounded_when_padded():
    durations = {"a": 10, "b": 30, "c": 29, "d": 70, "e": 10}
    grouped = dump.batches([utterance(s, key) for key, s in durations.items()], seconds=60)
    assert [[u.id for u in batch] for batch in grouped] == [["d"], ["b", "c"], ["a", "e"]]


@given(st.lists(st.floats(0.1, 40), max_size=30))
def test_batches_hold_every_utterance_once_within_the_bound(durations):
    utterances = [utterance(seconds, f"u{n:02d}") for n, seconds in enumerate(durations)]
    grouped = dump.batches(utterances, seconds=50)
    assert sorted(u.id for batch in grouped for u in batch) == [u.id for u in utterances]
    assert all(len(batch) == 1 or len(batch) * max(u.duration for u in batch) <= 50 for batch in grouped)


def test_archives_hold_what_the_encoder_gives_and_kaldi_reads_them(sung, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = dump.Path("exp/feats")
    assert dump.dump("fbank", [sung["dev"], sung["test"]], out) == [out / "dev", out / "test"]
    assert dump.dump("fbank", [sung["dev"], sung["test"]], out) == []
    assert dump.layers(out / "test") == ["fbank"]
    features = dump.read_features(out / "test", "fbank")
    utterances = datadir.read(sung["test"])
    assert list(features) == [u.id for u in utterances]
    encoder = load_encoder("fbank")
    for u in utterances[:3]:
        assert np.allclose(features[u.id], encoder(audio.read(u.wav))["fbank"], atol=1e-5)
    by_kaldi = kaldiio.load_scp("exp/feats/test/fbank/feats.scp")
    assert all(np.array_equal(by_kaldi[key], matrix) for key, matrix in features.items())


def test_moved_features_are_still_read(sung, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dump.dump("fbank", [sung["test"]], dump.Path("feats"))
    dump.Path("feats").rename("elsewhere")
    assert len(dump.read_features(dump.Path("elsewhere/test"), "fbank")) == 24


def test_a_folder_without_features_is_named(tmp_path):
    with pytest.raises(DataError, match="run the stage dump first"):
        dump.layers(tmp_path)


def test_an_unreadable_recording_is_named_with_its_batch(sung, tmp_path):
    utterances = datadir.read(sung["test"])
    lost = dump.Path(utterances[3].wav)
    datadir.write(
        tmp_path / "data", [*utterances[:3], Utterance(**vars(utterances[3]) | {"wav": "gone.wav"})]
    )
    assert lost.exists()
    with pytest.raises(DataError, match=rf"gone\.wav: .*no such file.*in the batch .*{utterances[3].id}"):
        dump.dump("fbank", [tmp_path / "data"], tmp_path / "feats")
    assert not (tmp_path / "feats/data").exists()


def checksums(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("feats.ark"))}


def test_a_killed_dump_is_repeated_and_gives_the_same_archives(sung, tmp_path):
    out = tmp_path / "feats"
    command = ["dump", "--encoder", "mfcc", "--data", str(sung["test"]), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "local")}
    process = subprocess.Popen([sys.executable, "-m", "fangyan", *command], env=environment)
    while process.poll() is None and not any(out.glob(".test.partial/mfcc/feats.ark")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    dump.dump("mfcc", [sung["test"]], out)
    dump.dump("mfcc", [sung["test"]], tmp_path / "calm")
    assert checksums(out) == checksums(tmp_path / "calm") != {}

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders import Encoder, load_encoder
from fangyan.errors import DataError, UserError
from fangyan.features import at_layer, dump
from fangyan.features.archive import entry
from fangyan.files import ROOT
from fangyan.shards import WHOLE, Shard


class Tattletale(Encoder):
    """Two layers whose features tell of the whole batch: equal features mean equal batches. Dies when told to."""

    layers, frame_rate = ("layer00", "layer01"), 100.0

    def __init__(self, dies_after=None):
        self.dies_after, self.batches = dies_after, 0

    def encode(self, waves):
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1
        batch = np.float32([len(waves), max(map(len, waves))])
        return [[scale * batch * np.ones((len(w) // 1600, 2), np.float32) for w in waves] for scale in (1, 2)]


@pytest.fixture
def tell(monkeypatch):
    """Calls dump with a Tattletale, which it returns, and batches of three seconds."""
    monkeypatch.setattr(dump, "BATCH_SECONDS", 3.0)

    def run(*arguments, dies_after=None, **options):
        encoder = Tattletale(dies_after)
        monkeypatch.setattr(dump, "load_encoder", lambda spec, **_: encoder)
        dump.dump("fbank", *arguments, **options)
        return encoder

    return run


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


FILES = {".done", ".journal", *(f"layer0{n}/feats.{kind}" for n in (0, 1) for kind in ("ark", "scp"))}


@pytest.fixture
def calm(sung, tell, tmp_path, monkeypatch):
    """What a dump that nothing disturbs writes."""
    (tmp_path / "calm").mkdir()
    monkeypatch.chdir(tmp_path / "calm")
    assert tell([sung["test"]], Path("feats")).batches == 6
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return content(tmp_path / "calm/feats/test")


def test_archives_hold_what_the_encoder_gives_and_kaldi_reads_them(sung, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = Path("exp/feats")
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
    assert [p.name for p in sorted(Path("exp/feats").iterdir())] == ["dev", "test"]


def test_only_the_layers_asked_for_are_written(sung, tell, tmp_path, monkeypatch):
    monkeypatch.setattr(at_layer, "known_layers", lambda spec: ())  # a stub stands for fbank
    out = tmp_path / "feats"
    tell([sung["test"]], out)
    every = dump.read_features(out / "test", "layer01")
    assert tell([sung["test"]], out, only=["layer01"]).batches == 6
    assert dump.layers(out / "test") == ["layer01"]
    only = dump.read_features(out / "test", "layer01")
    assert all(np.array_equal(only[key], features) for key, features in every.items())
    assert tell([sung["test"]], out, only=("layer01", "layer01")).batches == 0
    with pytest.raises(UserError, match="^--layer norm: known are layer00, layer01$"):
        tell([sung["test"]], out, only=["layer01", "norm"])


def test_a_layer_that_is_none_is_told_before_the_encoder_is_loaded(sung, tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "load_encoder", None)
    with pytest.raises(UserError, match="^--layer layer01: no layer of fbank: known are fbank$"):
        dump.dump("fbank", [sung["test"]], tmp_path, only=["fbank", "layer01"])


def test_moved_features_are_still_read(sung, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dump.dump("fbank", [sung["test"]], Path("feats"))
    Path("feats").rename("elsewhere")
    assert len(dump.read_features(Path("elsewhere/test"), "fbank")) == 24


def test_a_folder_without_features_is_named(tmp_path):
    with pytest.raises(DataError, match="run the stage dump first"):
        dump.layers(tmp_path)


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_shards_joined_in_any_order_are_the_dump_of_one_process(sung, tell, calm, count):
    out = Path("feats")
    encoders = [tell([sung["test"]], out, part=Shard(i, count)) for i in range(count, 0, -1)]
    assert sum(encoder.batches for encoder in encoders) == 6
    assert dump.dump("fbank", [sung["test"]], out, Shard(0, count)) == ([] if count == 1 else [out / "test"])
    assert content(out / "test") == calm and set(calm) == FILES
    assert [p.name for p in out.iterdir()] == ["test"]
    assert dump.dump("fbank", [sung["test"]], out, Shard(0, count)) == []
    assert tell([sung["test"]], out, part=Shard(1, 9)).batches == 0


def test_a_missing_or_half_written_shard_is_named_and_the_others_are_kept(sung, tell, calm):
    sets, out = [sung["test"]], Path("feats")
    tell(sets, out, part=Shard(1, 3))
    with pytest.raises(UserError, match=r"shard 2/3 has 0 of its 2 batches: run the same with --shard 2/3"):
        dump.dump("fbank", sets, out, Shard(0, 3))
    with pytest.raises(KeyboardInterrupt):
        tell(sets, out, part=Shard(2, 3), dies_after=1)
    tell(sets, out, part=Shard(3, 3))
    with pytest.raises(UserError, match=r"shard 2/3 has 1 of its 2 batches"):
        dump.dump("fbank", sets, out, Shard(0, 3))
    with pytest.raises(UserError, match=r"shard 1/2 has 0 of its 3 batches"):
        dump.dump("fbank", sets, out, Shard(0, 2))
    with pytest.raises(UserError, match=r"shard 1/3 has 0 of its 2 batches"):
        dump.dump("mfcc", sets, out, Shard(0, 3))
    assert not (out / "test").exists()
    assert tell(sets, out, part=Shard(2, 3)).batches == 1
    dump.dump("fbank", sets, out, Shard(0, 3))
    assert content(out / "test") == calm


def test_a_merge_goes_on_where_it_was_killed(sung, tell, calm, monkeypatch):
    sets, out = [sung["test"]], Path("feats")
    for index in (1, 2):
        tell(sets, out, part=Shard(index, 2))
    appended, append = [], dump.Archive.append

    def dies_at_the_fourth(archive, ids, layers):
        if len(appended) == 3:
            raise KeyboardInterrupt
        appended.append(append(archive, ids, layers))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(dump.Archive, "append", dies_at_the_fourth)
        dump.dump("fbank", sets, out, Shard(0, 2))
    dump.dump("fbank", sets, out, Shard(0, 2))
    assert content(out / "test") == calm


@pytest.mark.parametrize("batches", range(6))
def test_a_dump_that_is_interrupted_goes_on_after_its_last_whole_batch(sung, tell, calm, batches):
    out = Path("feats")
    with pytest.raises(KeyboardInterrupt):
        tell([sung["test"]], out, dies_after=batches)
    assert not (out / "test").exists()
    assert tell([sung["test"]], out).batches == 6 - batches
    assert content(out / "test") == calm


def test_a_killed_dump_is_gone_on_with_and_gives_the_same_archives(sung, tmp_path):
    out = tmp_path / "feats"
    command = ["dump", "--encoder", "mfcc", "--data", str(sung["test"]), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "local")}
    process = subprocess.Popen([sys.executable, "-m", "fangyan", *command], env=environment)
    while process.poll() is None and not any(out.glob(".test.shards/*/.journal")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    dump.dump("mfcc", [sung["test"]], out)
    dump.dump("mfcc", [sung["test"]], tmp_path / "calm")
    assert (out / "test/mfcc/feats.ark").read_bytes() == (tmp_path / "calm/test/mfcc/feats.ark").read_bytes()


def test_what_another_encoder_began_is_not_mixed_in(sung, tell, calm, monkeypatch):
    out = Path("feats")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(dump, "identity", lambda spec: {"family": "another"})
        tell([sung["test"]], out, dies_after=3)
    assert tell([sung["test"]], out).batches == 6
    assert content(out / "test") == calm


def test_what_was_begun_with_batches_of_another_size_is_begun_anew(sung, tell, calm, monkeypatch):
    out = Path("feats")
    with pytest.raises(KeyboardInterrupt):
        tell([sung["test"]], out, dies_after=3)
    monkeypatch.setattr(dump, "BATCH_SECONDS", 100.0)
    assert tell([sung["test"]], out).batches == 1


def test_features_of_other_data_are_kept_until_the_new_ones_are_whole(sung, tell, calm, tmp_path):
    out = Path("feats")
    datadir.write(tmp_path / "test", datadir.read(sung["test"])[:3])
    tell([tmp_path / "test"], out)
    with pytest.raises(KeyboardInterrupt):
        tell([sung["test"]], out, dies_after=1)
    assert len(dump.read_features(out / "test", "layer00")) == 3
    tell([sung["test"]], out)
    assert content(out / "test") == calm


def test_an_unreadable_recording_is_named_and_what_went_before_is_kept(sung, tell, tmp_path):
    utterances = datadir.read(sung["test"])
    lost = utterances[3]  # the shortest, so it comes late
    wav = tmp_path / "later.wav"
    datadir.write(tmp_path / "data", [*utterances[:3], Utterance(**vars(lost) | {"wav": str(wav)})])
    with pytest.raises(DataError, match=rf"later\.wav: not readable .*no such file.*utterance {lost.id}"):
        tell([tmp_path / "data"], tmp_path / "feats")
    assert not (tmp_path / "feats/data").exists()
    wav.symlink_to(lost.wav)
    tell([tmp_path / "data"], tmp_path / "feats")
    assert len(dump.read_features(tmp_path / "feats/data", "layer00")) == 4


@pytest.fixture
def dumped(sung, tmp_path) -> Path:
    """The features of a set by fbank."""
    dump.dump("fbank", [sung["test"]], tmp_path / "feats")
    return tmp_path / "feats/test"


def test_the_identity_is_that_of_the_layers_asked_for(sung, tell, calm):
    tell([sung["test"]], Path("feats"))
    home = Path("feats/test")
    both, one = dump.identity_of(home, ["layer00", "layer01"]), dump.identity_of(home, ["layer00"])
    shutil.rmtree(home / "layer01")
    assert dump.identity_of(home, ["layer00"]) == one != both
    (home / ".journal").unlink()  # as of features that were made elsewhere: by content
    elsewhere = dump.identity_of(home, ["layer00"])
    (home / "layer00/feats.ark").open("ab").write(b"x")
    assert len({elsewhere, one, both, dump.identity_of(home, ["layer00"])}) == 4


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "gone", "journal"])
def test_a_damaged_archive_is_told_before_it_is_used(dumped, damage):
    ark, journal = dumped / "fbank/feats.ark", dumped / ".journal"
    whole = ark.read_bytes()
    if damage == "gone":
        ark.unlink()
    elif damage == "journal":
        journal.write_bytes(journal.read_bytes()[:-20])
    else:
        flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
        ark.write_bytes({"flipped": flipped, "cut": whole[:-8], "longer": whole + b"x"}[damage])
    with pytest.raises(DataError, match=rf"damaged.*: remove {dumped}, then run dump again"):
        dump.read_features(dumped, "fbank")


def test_a_damaged_archive_that_was_made_elsewhere_is_told(dumped):
    (dumped / ".journal").unlink()
    ark = dumped / "fbank/feats.ark"
    assert len(dump.read_features(dumped, "fbank")) == 24
    ark.write_bytes(ark.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"feats\.ark:\d+: no whole matrix there for yuetest-s"):
        dump.read_features(dumped, "fbank")


def test_an_index_that_says_another_place_than_was_written_is_refused(dumped):
    scp = dumped / "fbank/feats.scp"
    whole = scp.read_text()
    first, second, *rest = (line.split() for line in whole.splitlines())
    swapped = [(first[0], second[1]), (second[0], first[1]), *rest]
    scp.write_text("".join(f"{key} {place}\n" for key, place in swapped))
    with pytest.raises(
        DataError, match=rf"feats\.scp: {first[0]} is at feats\.ark:\d+, got .*ark:\d+: remove"
    ):
        dump.read_features(dumped, "fbank")
    scp.write_text(whole.partition("\n")[2])  # of some utterances only
    assert first[0] not in dump.read_features(dumped, "fbank")


def test_a_place_is_never_a_command(dumped, monkeypatch):
    (dumped / ".journal").unlink()
    monkeypatch.chdir(dumped)
    for place in ("touch ran |", "touch ran |:12", "x|touch ran|"):
        (dumped / "fbank/feats.scp").write_text(f"a {place}\n")
        with pytest.raises(DataError, match=r"feats\.scp: a place is FILE:OFFSET, got "):
            dump.read_features(dumped, "fbank")
    assert not (dumped / "ran").exists()


@pytest.mark.parametrize("sizes", [7, {"fbank": ["a"]}, {"fbank": [-5]}, {"fbank": None}])
def test_a_journal_that_no_dump_wrote_is_named(dumped, sizes):
    inputs, line, *_ = (dumped / ".journal").read_text().splitlines()
    (dumped / ".journal").write_text(f"{inputs}\n{json.dumps(json.loads(line) | {'sizes': sizes})}\n")
    with pytest.raises(DataError, match=r"\.journal: damaged: remove"):
        dump.read_features(dumped, "fbank")


def test_the_command_line_dumps_shards_and_merges_them(sung, tmp_path):
    common = ["dump", "--encoder", "fbank", "--data", str(sung["test"]), "--out", str(tmp_path / "feats")]

    def run(*more):
        return CliRunner().invoke(cli, [*common, *more])

    assert run("--shard", "2/2").exit_code == 0
    early = run("--merge", "2")
    assert isinstance(early.exception, UserError) and "shard 1/2" in str(early.exception)
    assert isinstance(run("--shard", "1/2", "--merge", "2").exception, UserError)
    assert run("--merge", "-2").exit_code == 2
    assert run("--shard", "1/2").exit_code == 0
    assert "written" in run("--merge", "2").output
    assert "up to date" in run().output
    assert len(dump.read_features(tmp_path / "feats/test", "fbank")) == 24


def test_a_set_in_which_an_utterance_is_twice_or_lacking_is_never_finished(sung, tmp_path):
    (job,) = dump._Wanted("fbank").unfinished([sung["test"]], tmp_path)
    archive, ids = job.archive(WHOLE), [u.id for u in job.batches[0]]
    matrix = np.zeros((1, 1), np.float32)
    archive.append([*ids[:-1], ids[0]], [("x", [entry(key, matrix) for key in [*ids[:-1], ids[0]]])])
    with pytest.raises(DataError, match=r"exactly once, got \S+ [02] times"):
        job.finish([archive])
    assert not job.home.exists()


class Silent(Encoder):
    """Divides by the loudness, as some do."""

    layers, frame_rate = ("layer00",), 1.0

    def encode(self, waves):
        return [[np.full((2, 1), 1 / np.float32(abs(wave).max())) for wave in waves]]


@pytest.fixture
def disturbed(singer, tmp_path):
    """A function: samples -> a data directory of which one recording holds them instead."""

    def write(samples) -> tuple[Path, datadir.Utterance]:
        data = singer(tmp_path, "odd")
        utterance = datadir.read(data)[5]
        soundfile.write(utterance.wav, np.full(9_600, samples, np.float32), 16_000, subtype="FLOAT")
        return data, utterance

    return write


def test_features_that_are_no_numbers_are_not_written_and_the_utterance_is_named(
    disturbed, tmp_path, monkeypatch
):
    data, utterance = disturbed(0.0)
    monkeypatch.setattr(dump, "load_encoder", lambda spec, **_: Silent())
    with (
        np.errstate(divide="ignore"),
        pytest.raises(
            DataError, match=f"{utterance.wav}: utterance {utterance.id}, .* s: features are finite"
        ),
    ):
        dump.dump("fbank", [data], tmp_path / "feats")
    assert not (tmp_path / "feats/odd/layer00").exists()


def test_samples_that_are_no_numbers_are_not_encoded_and_the_recording_is_named(disturbed, tmp_path):
    data, utterance = disturbed(np.nan)
    message = f"{utterance.wav}: samples are finite numbers, got others .utterance {utterance.id}"
    with pytest.raises(DataError, match=message):
        dump.dump("fbank", [data], tmp_path / "feats")
    assert not (tmp_path / "feats/odd/fbank").exists()


def test_a_set_that_was_not_dumped_is_told_with_those_that_were(tmp_path):
    with pytest.raises(DataError, match=r"feats/tset: no <layer>/feats.scp there; run the stage dump first$"):
        dump.layers(tmp_path / "feats" / "tset")
    for name in ("dev", "test"):
        (tmp_path / "feats" / name / "norm").mkdir(parents=True)
        (tmp_path / "feats" / name / "norm" / "feats.scp").touch()
    with pytest.raises(DataError, match=r"there .did you mean 'test'. known are dev, test.; run the stage"):
        dump.layers(tmp_path / "feats" / "tset")

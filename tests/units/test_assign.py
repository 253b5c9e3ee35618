"""The column of units: what a model says of each frame, whole or in shards, gone on with, and made again when due."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.encoders import Encoder, load_encoder, unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.files import made_from, read_text, stamp
from fangyan.shards import Shard
from fangyan.units import assign as assigning
from fangyan.units.assign import assign
from fangyan.units.column import read_units
from fangyan.units.kmeans import kmeans

CENTROIDS = np.random.default_rng(0).normal(size=(6, 39)).astype(np.float32)


@pytest.fixture
def units(tmp_path, monkeypatch):
    """The folder of a model of six units of MFCC; blocks are of three seconds."""
    monkeypatch.setattr(assigning, "BLOCK_SECONDS", 3.0)
    folder = tmp_path / "units"
    folder.mkdir()
    UnitModel("mfcc", "mfcc", CENTROIDS).save(folder)
    return folder


@pytest.fixture
def data(sung, tmp_path):
    """A data directory of one's own, its recordings as well."""
    home = shutil.copytree(sung["dev"], tmp_path / "dev")
    shutil.copytree(sung["dev"].parent / "wav", tmp_path / "wav")
    scp = home / "wav.scp"
    scp.write_text(scp.read_text().replace(f"{sung['dev'].parent}/wav", f"{tmp_path}/wav"))
    return home


class Mortal(Encoder):
    """MFCC that counts its batches and dies after so many."""

    layers, frame_rate = ("mfcc",), 100.0

    def __init__(self, dies_after):
        self.dies_after, self.batches, self.mfcc = dies_after, 0, load_encoder("mfcc")

    def encode(self, waves):
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1
        return self.mfcc.encode(waves)


@pytest.fixture
def mortal(monkeypatch):
    """A function: from now on units are of a `Mortal`, which it returns."""

    def replace(dies_after=None):
        encoder = Mortal(dies_after)
        monkeypatch.setattr(unit_model, "load_encoder", lambda spec, device: encoder)
        return encoder

    return replace


def test_the_column_has_the_unit_of_each_frame(units, data):
    assert assign(units, [data]) == [data / "units"]
    assert assign(units, [data]) == []
    found, encoder = read_units(data, 6), load_encoder("mfcc")
    utterances = datadir.read(data)
    assert [*found] == [u.id for u in utterances]
    for utterance in utterances[::5]:
        frames = encoder(audio.read(utterance.wav))["mfcc"]
        slow = [((frame - CENTROIDS) ** 2).sum(1).argmin() for frame in frames]
        assert found[utterance.id].tolist() == slow


def test_runs_are_one_where_the_model_says_so(units, data):
    assign(units, [data])
    every = read_units(data, 6)
    UnitModel("mfcc", "mfcc", CENTROIDS, merged=True).save(units)
    assert assign(units, [data], "merged") == [data / "merged"]
    merged = read_units(data, 6, "merged")
    assert all(np.array_equal(merged[key], unit_model.merge(found)) for key, found in every.items())


def test_shards_merged_are_the_column_of_one_process(units, data):
    assign(units, [data])
    whole = (data / "units").read_bytes()
    for column, count in (("two", 2), ("four", 4), ("many", 30)):
        for n in range(count, 0, -1):
            assign(units, [data], column, Shard(n, count))
        assert not (data / column).exists()
        assert assign(units, [data], column, Shard(0, count)) == [data / column]
        assert (data / column).read_bytes() == whole
    assert sorted(path.name for path in (data / ".units").iterdir()) == ["four", "many", "two", "units"]


def test_a_missing_shard_is_named(units, data):
    assign(units, [data], part=Shard(1, 2))
    with pytest.raises(
        UserError, match=r"dev: shard 2/2 has 0 of its \d blocks: run the same with --shard 2/2"
    ):
        assign(units, [data], part=Shard(0, 2))


def test_killed_work_is_gone_on_with(units, data, mortal):
    every = mortal()
    assign(units, [data], "calm")
    dying = mortal(dies_after=every.batches - 1)
    with pytest.raises(KeyboardInterrupt):
        assign(units, [data])
    assert not (data / "units").exists()
    rest = mortal()
    assert assign(units, [data]) == [data / "units"]
    assert dying.batches + rest.batches == every.batches
    assert (data / "units").read_bytes() == (data / "calm").read_bytes()


def test_a_column_killed_before_its_stamp_is_written_again(units, data, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(assigning, "stamp", die)
    with pytest.raises(KeyboardInterrupt):
        assign(units, [data])
    monkeypatch.undo()
    assert (data / "units").exists() and assign(units, [data]) == [data / "units"]


def test_a_column_of_other_centroids_audio_or_encoder_is_made_again(units, data, tmp_path, monkeypatch):
    assign(units, [data])
    UnitModel("mfcc", "mfcc", CENTROIDS[::-1]).save(units)
    assert assign(units, [data]) == [data / "units"] and assign(units, [data]) == []
    wav = Path(datadir.read(data)[0].wav)
    audio.write(wav, -audio.read(wav))
    assert assign(units, [data]) == [data / "units"] and assign(units, [data]) == []
    monkeypatch.setattr(assigning, "identity", lambda spec: {"family": "mfcc", "files": "others"})
    assert assign(units, [data]) == [data / "units"] and assign(units, [data]) == []
    (data / "units").unlink()
    assert assign(units, [data]) == [data / "units"]


def test_an_encoder_that_was_changed_since_its_units_were_learnt_is_told(data, tmp_path, monkeypatch, capsys):
    kmeans("mfcc", "mfcc", [data], 4, tmp_path / "learnt")
    assign(tmp_path / "learnt", [data])
    assert "changed" not in capsys.readouterr().err
    monkeypatch.setattr(assigning, "identity", lambda spec: {"family": "mfcc", "files": "others"})
    assign(tmp_path / "learnt", [data])
    assert (
        "learnt: mfcc has changed since: learn its units anew with fangyan kmeans" in capsys.readouterr().err
    )
    stamp(tmp_path / "learnt", {"phone_units": made_from(tmp_path / "learnt")["kmeans"]}, [])
    assign(tmp_path / "learnt", [data])
    assert "learn its units anew with fangyan phone_units" in capsys.readouterr().err


def test_what_is_no_column_of_this_work_is_kept(units, data):
    (data / "units").write_text("my notes\n")
    with pytest.raises(
        UserError, match=r"units: would be replaced, and is no column of this work: remove it, or name"
    ):
        assign(units, [data])
    assert read_text(data / "units") == "my notes\n"
    for name in ("text", "wav.scp", "mine.scp", ".units", "../units", "a/b", "", "a b", "segments"):
        with pytest.raises(UserError, match="^--column .*: the name of a table that is none of Kaldi's"):
            assign(units, [data], name)


def test_what_has_no_recordings_or_no_model_is_told(units, data, tmp_path):
    with pytest.raises(DataError, match="no model of units"):
        assign(data, [data])
    wav = datadir.read(data)[3]
    (data.parent / "wav" / f"{wav.id}.wav").write_bytes(b"nothing")
    with pytest.raises(DataError, match=f"{wav.id}"):
        assign(units, [data])
    (data / "wav.scp").unlink()
    with pytest.raises(DataError, match=r"wav\.scp"):
        assign(units, [data])


def test_the_verb_names_each_column_and_whether_it_was_written(units, data, tmp_path):
    def run(*more):
        return CliRunner().invoke(cli, ["units", "--units", f"{units}", "--data", f"{data}", *more]).stdout

    assert run() == f"{data}/units: written\n" and run() == f"{data}/units: up to date\n"
    assert run("--column", "u6", "--shard", "1/2") == f"{data}/u6: written\n"

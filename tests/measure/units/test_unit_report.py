"""The unit report: rows of several models by hand-made units, and the same of a real encoder."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.encoders import Encoder, unit_model
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.measure import units as reporting
from fangyan.measure.units import NAME, UnitRow, characters, report
from fangyan.measure.units.stretches import Stretch
from fangyan.tables import read_rows
from fangyan.units import assign as assigning


class Variety(Encoder):
    """Two layers, a frame for each tenth of a second: the first tells how long an utterance is, the other nothing."""

    layers, frame_rate = ("long", "none"), 10.0
    loads = 0

    def encode(self, waves):
        lengths = [len(wave) // 1600 for wave in waves]
        return [
            [np.full((n, 1), n, np.float32) for n in lengths],
            [np.zeros((n, 1), np.float32) for n in lengths],
        ]


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Folders of units of the two layers of `Variety`: 0 for up to six frames, 1 for seven, 2 for more."""

    def load(spec, device=None):
        Variety.loads += 1
        return Variety()

    monkeypatch.setattr(reporting, "load_encoder", load)
    monkeypatch.setattr(assigning, "identity", lambda spec: {"family": spec})
    Variety.loads, folders = 0, []
    for layer, merged in (("long", False), ("none", True)):
        folders.append(tmp_path / layer)
        folders[-1].mkdir()
        UnitModel("mfcc", layer, np.float32([[6], [7], [9]]), merged).save(folders[-1])
    return folders


def test_a_row_for_each_model_of_units_by_hand(models, sung, tmp_path):
    out = tmp_path / "report"
    assert report(models, sung["dev"], out) and not report(models, sung["dev"], out)
    assert Variety.loads == 1
    long, none = read_rows(out / NAME, UnitRow)
    frames = [int(10 * u.duration + 1e-6) for u in datadir.read(sung["dev"])]
    assert set(frames) == {6, 7} and long.frames == none.frames == sum(frames)
    assert (long.k, none.k, none.perplexity) == (3, 3, 1)
    assert none.used == pytest.approx(1 / 3, abs=1e-6) and long.used == pytest.approx(2 / 3, abs=1e-6)
    share = sum(n for n in frames if n == 6) / sum(frames)
    assert long.perplexity == pytest.approx(share**-share * (1 - share) ** (share - 1), abs=1e-4)
    assert (long.variety_bits, long.speaker_nmi) == (0, 0)  # every variety says the same in the same time
    assert long.variety_chance == none.speaker_chance == 0
    assert long.pairs == 8 * 3 and (long.translations, none.translations) == (1, 1)
    assert long.others < 1 == none.others and 0.5 < long.found < 1 and none.found == 0.5
    assert (long.aligned, long.character_nmi, long.purity) == (0, None, None)


def test_columns_on_characters_by_hand(models, sung, tmp_path, monkeypatch):
    told_by = characters.Transcript("text", characters.transcript("mfcc").form)
    monkeypatch.setattr(characters, "transcript_of", lambda spec: told_by)
    monkeypatch.setattr(characters, "encoder_identity", lambda spec: {})

    def find(spec, utterances, told_by):
        return {u.id: [Stretch("长" if u.duration > 0.7 else "短", 1.0)] for u in utterances[:-1]}

    monkeypatch.setattr(characters, "find", find)
    report(models, sung["dev"], tmp_path / "report", "espnet:x")
    long, none = read_rows(tmp_path / "report" / NAME, UnitRow)
    assert long.aligned == none.aligned == 23
    assert (long.character_nmi, long.purity, long.cluster_purity) == (1, 1, 1)
    assert none.character_nmi == 0 and 0.6 < none.purity < 0.8 and none.cluster_purity == 1
    assert none.purity_chance == pytest.approx(none.purity, abs=0.05)  # all that is shuffled is who is long
    assert long.character_chance < 0.5


def test_the_verb_tells_each_model_and_knows_finished_work(sung, tmp_path):
    data, folder = shutil.copytree(sung["dev"], tmp_path / "dev"), tmp_path / "k4"
    folder.mkdir()
    UnitModel("mfcc", "mfcc", np.random.default_rng(0).normal(size=(4, 39))).save(folder)
    words = ["unit_report", "--units", f"{folder}", "--data", f"{data}", "--out", f"{tmp_path / 'report'}"]
    done = CliRunner().invoke(cli, words)
    assert f"{tmp_path / 'report' / NAME}: written\n{folder}: perplexity " in done.stdout
    assert "variety 0." in done.stdout and "(by chance 0.5)" in done.stdout and "character" not in done.stdout
    assert ": up to date\n" in CliRunner().invoke(cli, words).stdout
    (data / "utt2lang").write_text((data / "utt2lang").read_text().replace(" yue", " wuu"))
    assert ": written\n" in CliRunner().invoke(cli, words).stdout


def test_of_recordings_with_varieties_alone_there_is_less_to_tell(models, sung, tmp_path):
    bare = shutil.copytree(sung["dev"], tmp_path / "bare")
    for name in ("utt2spk", "spk2utt", "utt2sent"):
        (bare / name).unlink()
    report(models[:1], bare, tmp_path / "report")
    (row,) = read_rows(tmp_path / "report" / NAME, UnitRow)
    assert (row.speaker_nmi, row.pairs, row.found, row.variety_nmi) == (
        None,
        0,
        None,
        0,
    ) and row.variety_chance > 0


def test_what_cannot_be_reported_on_is_told(models, sung, tmp_path):
    with pytest.raises(DataError, match="no model of units"):
        report([tmp_path], sung["dev"], tmp_path / "report")
    with pytest.raises(UserError, match="--align mfcc"):
        report(models, sung["dev"], tmp_path / "report", "mfcc")
    bare = shutil.copytree(sung["dev"], tmp_path / "bare")
    (bare / "utt2lang").unlink()
    with pytest.raises(DataError, match="utt2lang"):
        report(models, bare, tmp_path / "report")
    assert unit_model.load(models[0]).k == 3 and not (tmp_path / "report").exists()

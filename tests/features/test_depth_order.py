"""Layers keep the order that their encoder gives, from the dump to the curve, whatever they are called."""

import shutil

import pytest

from fangyan.encoders import load_encoder
from fangyan.features import dump
from fangyan.features.at_layer import AtLayer
from fangyan.files import read_table
from fangyan.measure import significance
from fangyan.measure.pronunciation_control import control
from fangyan.measure.retrieval import retrieve
from fangyan.measure.selection import chosen_on
from fangyan.report.read import results
from fangyan.report.render import curves, tables
from fangyan.shards import Shard

ORDER = ["conv", "blocks.9", "blocks.10"]
"""Neither by code points nor with numbers as numbers: only the encoder knows."""

FAMILY = f"""
import numpy as np

from fangyan.encoders import Encoder


class Spectra(Encoder):
    layers, frame_rate = {tuple(ORDER)}, 100.0

    def encode(self, waves):
        frames = [wave[: len(wave) // 160 * 160].reshape(-1, 160) for wave in waves]
        found = [np.abs(np.fft.rfft(x))[:, :12].astype(np.float32) for x in frames]
        return [found, found, found]


def load(argument, device):
    return Spectra()
"""


@pytest.fixture(scope="module")
def exp(sung, tmp_path_factory):
    """An experiment of another package's encoder, all of whose layers are alike: dumped, retrieved, controlled."""
    folder = tmp_path_factory.mktemp("depth")
    information = folder / "site" / "spectra-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: spectra\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[fangyan.encoders]\nspectra = spectra_family\n")
    (folder / "site" / "spectra_family.py").write_text(FAMILY)
    home, sets = folder / "exp", [sung["dev"], sung["test"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        for part in (Shard(1, 2), Shard(2, 2), Shard(0, 2)):
            dump.dump("spectra", sets, home / "feats", part)
        for part in (Shard(1, 2), Shard(2, 2), Shard(0, 2)):
            retrieve(home / "feats", sets, home / "retrieval", part=part)
        control(home / "feats", [sung["test"]], home / "control")
        significance.intervals(home / "retrieval", ["dev", "test"], home / "intervals")
        yield home


def test_every_table_lists_them_in_it(exp):
    for table in (
        *("retrieval/test/pairs.tsv", "retrieval/test/groups.tsv", "retrieval/test/ranks.tsv"),
        *("control/test/controlled.tsv", "control/test/bins.tsv", "intervals/test/intervals.tsv"),
    ):
        assert list(dict.fromkeys(row["layer"] for row in read_table(exp / table))) == ORDER, table


def test_the_report_has_it_and_a_tie_goes_to_the_shallower(exp):
    found = results.read(exp, "dev", ["test"])
    assert found.encoder.layer == chosen_on(exp / "retrieval/dev") == "conv"
    assert list(found.control["test"].pooled) == list(found.intervals["test"]) == ORDER
    assert [row[0] for row in tables.layers(found, "test").rows] == ORDER
    (axes,) = curves.layers(found, "test").axes
    (line,) = (line for line in axes.lines if line.get_label() == "SeqSim")
    assert list(line.get_xdata()) == [0, 1, 2]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ORDER


def test_layers_that_are_asked_for_stand_in_it(exp, sung, tmp_path):
    asked = ["blocks.10", "blocks.9+blocks.10", "conv", "blocks.9"]
    retrieve(exp / "feats", [sung["test"]], tmp_path / "some", layers=asked)
    rows = read_table(tmp_path / "some/test/pairs.tsv")
    expected = ["conv", "blocks.9", "blocks.9+blocks.10", "blocks.10"]
    assert list(dict.fromkeys(row["layer"] for row in rows)) == expected


def test_features_without_a_record_have_numbers_as_numbers(exp, tmp_path):
    copy = shutil.copytree(exp / "feats/test", tmp_path / "test")
    assert dump.layers(copy) == ORDER
    (copy / "blocks.9").rename(copy / "other")  # of which nothing is recorded
    assert dump.layers(copy) == ["conv", "blocks.10", "other"]
    (copy / "other").rename(copy / "blocks.9")
    (copy / ".journal").unlink()
    assert dump.layers(copy) == ["blocks.9", "blocks.10", "conv"]


def test_the_last_layer_is_that_of_the_encoder(exp):
    assert AtLayer(load_encoder("spectra")).layers == ("blocks.10",)

"""Texts as hidden units, from speech to a directory of texts, and what is told of what cannot be."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import DataError, UserError
from fangyan.units import text_to_unit as learning
from fangyan.units.assign import assign
from fangyan.units.column import units_of
from fangyan.units.kmeans import kmeans
from fangyan.units.phone_units import phone_units
from fangyan.units.text_to_unit import Settings
from fangyan.units.text_units import text_units

MICRO = (
    "{blocks: 1, width: 16, filter: 32, predictor_width: 16, updates: 4, batch_units: 300, valid_every: 2}"
)


def test_bounds_of_phones_are_those_of_units_of_another_rate():
    found = learning.to_spoken([0, 5, 0], np.array([1, 3, 4]) / 4, np.arange(8))
    assert found.durations.tolist() == [2, 4, 2]
    assert learning.to_spoken([0, 5, 0], np.array([1, 2, 4]) / 4, np.arange(2)).durations.tolist() == [
        0,
        1,
        1,
    ]


def test_speech_teaches_a_network_by_which_texts_become_units(singer, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.units.phone_classifier.EPOCHS", 1)
    data, config = singer(tmp_path, "own", varieties=("cmn", "yue")), tmp_path / "micro.yaml"
    config.write_text(MICRO)
    phones, hidden, out = (tmp_path / name for name in ("phones", "hidden", "network"))
    phone_units("mfcc", "mfcc", [data], phones)
    kmeans("mfcc", "mfcc", [data], 6, hidden)
    assign(hidden, [data], "units_k6")
    words = (
        f"text_to_unit --phones {phones} --units {hidden} --data {data} --column units_k6 --config {config}"
    )
    first = CliRunner().invoke(cli, [*words.split(), "--out", str(out)])
    assert first.exit_code == 0 and first.stdout == f"{out}: written\n", first.output
    assert "% of the units of speakers held out are right" in first.stderr
    assert CliRunner().invoke(cli, [*words.split(), "--out", str(out)]).stdout == f"{out}: up to date\n"
    CliRunner().invoke(cli, [*words.split(), "--out", str(tmp_path / "same")])
    assert (tmp_path / "same" / learning.WEIGHTS).read_bytes() == (out / learning.WEIGHTS).read_bytes()

    texts = tmp_path / "texts"
    words = f"text_units --units {hidden} --model {out} --data {data} --out {texts}".split()
    assert CliRunner().invoke(cli, words).stdout == f"{texts}: written\n"
    assert CliRunner().invoke(cli, words).stdout == f"{texts}: up to date\n"
    units = units_of(hidden, texts)
    assert len(units) == 16 and all(u.min() >= 0 and u.max() < 6 for u in units.values())

    with pytest.raises(UserError, match="network: was learnt of other units than those of .*phones"):
        text_units(phones, [data], "text", tmp_path / "no", network=out)
    with pytest.raises(UserError, match="hidden: units without names are no phones"):
        learning.text_to_unit(hidden, hidden, [data], "units_k6", config, tmp_path / "no")
    with pytest.raises(DataError, match="own/units: no such column: known are units_k6"):
        learning.text_to_unit(phones, hidden, [data], "units", config, tmp_path / "no")
    words = f"text_units --units {hidden} --model {out} --durations published --data {data} --out {tmp_path / 'no'}"
    asked = CliRunner().invoke(cli, words.split())
    assert asked.exit_code and "--durations published: with --model the network says how long" in str(
        asked.exception
    )
    assert not (tmp_path / "no").exists()

    texts_only = text_units(phones, [data], "text", tmp_path / "texts_only")
    assert texts_only
    with pytest.raises(DataError, match=r"texts_only/wav\.scp: no such file: recordings are needed here"):
        learning.text_to_unit(phones, phones, [tmp_path / "texts_only"], "units", config, tmp_path / "no")

    network = learning.load(out)
    torch.nn.init.constant_(network.network.predictor.output.bias, 20.0)
    learning.save(network, Settings.read(config), 6, out)
    with pytest.raises(
        DataError, match=r"own/text:1: cmnown-s00: the network .* has a phone last .* \(.*network"
    ):
        text_units(hidden, [data], "text", tmp_path / "no", network=out)
    torch.nn.init.constant_(network.network.predictor.output.bias, float("nan"))
    learning.save(network, Settings.read(config), 6, out)
    with pytest.raises(DataError, match=r"text_to_unit\.safetensors: finite numbers are needed, got nan"):
        text_units(hidden, [data], "text", tmp_path / "no", network=out)
    UnitModel("mfcc", "mfcc", np.zeros((6, 39), np.float32), merged=True).save(hidden)
    with pytest.raises(UserError, match="hidden: merged units do not tell how long they last"):
        learning.text_to_unit(phones, hidden, [data], "units_k6", config, tmp_path / "no")
    (out / learning.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"text_to_unit\.safetensors: is not of text_to_unit\.yaml beside it"):
        learning.load(out)
    with pytest.raises(DataError, match=r"text_to_unit\.yaml: no network from texts to units: make one with"):
        learning.load(phones)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("width: 6", "width is a multiple of twice the heads"),
        ("kernel: 4", "kernel and predictor_kernel are odd"),
        ("heads: 0", "width, heads, .* are above 0"),
        ("dropout: 1", "dropout, .* are below 1, or nothing is learnt"),
        ("warm_up: 1.5", "warm_up is at most 1"),
        ("clip: 0", "learning_rate and clip are above 0, or nothing is learnt"),
        ("learning_rate: 0", "learning_rate and clip are above 0, or nothing is learnt"),
        (
            "learning_rate: 5e-4",
            r"learning_rate is a number .*, got '5e-4': YAML takes 5e-4 for a word, write 5\.0e-4",
        ),
        ("learning_rate: fast", "learning_rate is a number from 0 up, got 'fast'$"),
        ("learning_rate: .inf", "learning_rate is a number from 0 up, got inf"),
        ("updates: 1.5", "updates is a whole number from 0 up, got 1.5"),
        ("dropout: -1", "dropout is a number from 0 up, got -1"),
        ("dropout: true", "dropout is a number from 0 up, got True"),
        ("widht: 8", "unknown key 'widht': did you mean 'width'"),
    ],
)
def test_a_setting_that_is_none_is_told(tmp_path, line, told):
    (tmp_path / "a.yaml").write_text(line)
    with pytest.raises(DataError, match=rf"a\.yaml: {told}"):
        Settings.read(tmp_path / "a.yaml")


def test_the_shipped_configurations_are_those_published_and_a_small_one():
    from fangyan.files import ROOT

    published = Settings.read(ROOT / "conf/text_to_unit.yaml")
    assert published == Settings(batch_units=80_000)
    assert Settings.read(ROOT / "conf/text_to_unit_small.yaml").width == 64

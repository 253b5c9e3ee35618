"""`fangyan.measure.retrieval.layers`: which layers of two banks go together, and what the tables call them."""

import numpy as np
import pytest
from banks import archive, stamp

from fangyan.data import datadir
from fangyan.errors import DataError, UserError
from fangyan.measure.retrieval.layers import layers_to_score
from fangyan.measure.retrieval.sides import Bank, open_bank, speech


@pytest.fixture
def banks(bilingual) -> list[Bank]:
    return [
        speech(bilingual / "speech/data", bilingual / "data"),
        open_bank(bilingual / "text/data", bilingual / "data"),
    ]


def names(scored: dict) -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(str, layers)) for name, layers in scored.items()}


def test_of_one_bank_each_layer_is_scored_by_itself(banks):
    assert names(layers_to_score(banks[:1])) == {"layer00": ("layer00",), "layer01": ("layer01",)}
    wanted = ["layer01", "layer00+layer01", "layer01"]
    assert list(layers_to_score(banks[:1], wanted)) == ["layer00+layer01", "layer01"]


def test_every_layer_of_recordings_goes_with_the_last_of_texts(banks):
    assert names(layers_to_score(banks)) == {
        "layer00|sentence": ("layer00", "sentence"),
        "layer01|sentence": ("layer01", "sentence"),
    }
    assert list(layers_to_score(banks, ["layer01"])) == ["layer01|sentence"]


def test_layers_of_other_dimensions_are_left_out_unless_asked_for(bilingual, banks):
    ids = [u.id for u in datadir.read(bilingual / "data")]
    archive(bilingual / "speech/data", "layer02", {key: np.ones((1, 5)) for key in ids})
    assert list(layers_to_score(banks)) == ["layer00|sentence", "layer01|sentence"]
    with pytest.raises(
        DataError,
        match=r"lie in one space, .* got 5 in .*speech/data/layer02, 4 in .*text/data/sentence: choose layers",
    ):
        layers_to_score(banks, ["layer02"])


def test_where_no_two_layers_have_one_dimension_both_are_said(bilingual, banks):
    archive(bilingual / "text/data", "sentence", {key: np.ones((1, 7)) for key in ("s0", "s1", "s2")})
    with pytest.raises(DataError, match=r"got 4 in .*speech/data/layer00, 7 in .*text/data/sentence"):
        layers_to_score(banks)


def test_a_pair_of_layers_may_be_named(bilingual, banks):
    archive(bilingual / "text/data", "layer01", {key: np.ones((1, 4)) for key in ("s0", "s1", "s2")})
    wanted = ["layer00|layer01", "layer01|layer01", "layer00+layer01|layer01+sentence"]
    assert names(layers_to_score(banks, wanted)) == {name: tuple(name.split("|")) for name in wanted}


def test_layers_of_one_encoder_go_with_themselves(bilingual, banks):
    """A model that takes speech and text has the same identity in both dumps."""
    for folder, column in (("speech", {}), ("text", {"column": "text_cmn"})):
        stamp(bilingual / folder / "data", encoder={"family": "dual", "files": "2"}, **column)
    archive(bilingual / "text/data", "layer00", {key: np.ones((1, 4)) for key in ("s0", "s1", "s2")})
    assert names(layers_to_score(banks)) == {
        "layer00": ("layer00", "layer00"),
        "layer01|sentence": ("layer01", "sentence"),
    }
    assert list(layers_to_score(banks, ["layer00|layer00"])) == ["layer00"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer9", r"no layer 'layer9' in .*speech/data: known are layer00, layer01,"),
        ("layer00|norm", r"no layer 'norm' in .*text/data: known are layer00, sentence,"),
        ("a|b|c", r"a layer of .*speech/data, or joined by \| one of each folder of features \(2\)"),
    ],
)
def test_unknown_layers_are_refused(banks, layer, message):
    with pytest.raises(UserError, match="^--layer .*" + message):
        layers_to_score(banks, [layer])


def test_one_folder_has_no_pairs_of_layers(banks):
    with pytest.raises(UserError, match=r"^--layer layer00\|layer01: a layer of .*\(1\)"):
        layers_to_score(banks[:1], ["layer00|layer01"])

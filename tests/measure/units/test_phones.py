"""Phones on time: by a model of phone units with hand-made weights, and what is no such model."""

import numpy as np
import pytest

from fangyan.data import datadir
from fangyan.encoders.unit_model import UnitModel
from fangyan.errors import UserError
from fangyan.measure.units import NAME, UnitRow, phones, report
from fangyan.measure.units.stretches import Stretch
from fangyan.tables import read_rows


@pytest.fixture
def model(tmp_path):
    """The folder of a model of three phones and silence, of MFCC frames, with weights by chance."""
    folder, names = tmp_path / "phones", ("SIL", "<UNK>", "a", "w")
    folder.mkdir()
    weights = np.random.default_rng(0).normal(size=(4, 39)).astype(np.float32)
    UnitModel("mfcc", "mfcc", weights, bias=np.zeros(4, np.float32), names=names).save(folder)
    return folder


def test_a_phone_ends_where_it_is_aligned(model, sung, monkeypatch):
    monkeypatch.setattr(phones, "aligned", lambda *_: [("u1", [0, 3, 2, 0], np.array([0.25, 0.5, 0.75, 1]))])
    found = phones.find(model, sung["dev"])
    assert found == {"u1": [Stretch("SIL", 0.25), Stretch("w", 0.5), Stretch("a", 0.75), Stretch("SIL", 1.0)]}


def test_all_of_a_recording_is_phones_and_silence_at_both_ends(model, sung):
    found = phones.find(model, sung["dev"])
    read = {
        u.id for u in datadir.read(sung["dev"], ["text"]) if u.variety != "hak"
    }  # of which there is no dictionary
    assert {*found} == read
    for stretches in found.values():
        assert (stretches[0].label, stretches[-1]) == ("SIL", Stretch("SIL", 1.0))
        ends = [stretch.end for stretch in stretches]
        assert ends == sorted(ends)


def test_the_report_has_columns_on_phones_and_is_up_to_date_with_the_same_aligner(model, sung, tmp_path):
    out = tmp_path / "report"
    assert report([model], sung["dev"], out, by_phones=model)
    assert not report([model], sung["dev"], out, by_phones=model)
    (row,) = read_rows(out / NAME, UnitRow)
    assert row.aligned_phones == 16 and row.aligned == 0 and row.purity is None
    # Units of the aligner itself: its best phone of a frame, and that on the best path.
    assert row.phone_nmi > row.phone_chance > 0 and row.phone_purity > 0.5
    assert report([model], sung["dev"], out) and read_rows(out / NAME, UnitRow)[0].phone_nmi is None


def test_units_that_are_no_phones_are_refused(model, sung, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    UnitModel("mfcc", "mfcc", np.zeros((4, 39), np.float32)).save(hidden)
    with pytest.raises(UserError, match="hidden: units without names are no phones"):
        report([model], sung["dev"], tmp_path / "report", by_phones=hidden)

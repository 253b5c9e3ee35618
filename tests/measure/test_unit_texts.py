"""Texts as units beside speech, by layer: which text is read, what is compared, what is told where there is none."""

import pytest
from joint import counts, encoded, joint_space

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import UserError
from fangyan.files import stamp, write_lines
from fangyan.measure.cross_modal import KindInterval
from fangyan.measure.unit_texts import directory_of, unit_texts
from fangyan.tables import read_rows

UNITS = ("0 0 1", "2 2 2", "3 4 4", "5 5 0")


@pytest.fixture
def home(tmp_path, package):
    """Recordings that are the units of their text, and two texts of each sentence, the second of them longer."""
    home = joint_space(tmp_path, package, UNITS)
    texts = [
        Utterance(f"{voice}-{n}", "", "x", "a", "cmn", f"s{n}", None, "x")
        for voice in ("f1", "m1")
        for n in range(4)
    ]
    folder = directory_of(home / "data/test")
    assert folder == home / "data/texts_test_text_cmn"
    folder.mkdir()
    write_lines(folder / "utt2sent", (f"{u.id} {u.sentence}\n" for u in texts))
    write_lines(folder / "utt2lang", (f"{u.id} {u.variety}\n" for u in texts))
    lines = [f"f1-{n} {units}\n" for n, units in enumerate(UNITS)]
    write_lines(folder / "units", [*lines, *(f"m1-{n} {units} 5\n" for n, units in enumerate(UNITS))])
    return home


def run(home, **options):
    return unit_texts("letters", home / "feats", [home / "data/test"], home / "unit_texts", **options)


def test_the_first_text_of_a_sentence_is_read_and_compared_at_every_layer(home):
    assert run(home) and not run(home)
    assert sorted(encoded(home)) == sorted(UNITS)
    rows = read_rows(home / "unit_texts/kinds/test/kinds.tsv", KindInterval)
    means = {(row.layer, row.kind): row.mean for row in rows if row.metric == "recall_at_1"}
    assert means["joint|joint", "speech to text"] == means["joint|joint", "text to speech"] == 1.0
    assert set(means) == {
        (layer, kind)
        for layer in ("layer00|layer00", "joint|joint")
        for kind in ("speech to speech", "speech to text", "text to speech")
    }
    assert counts(UNITS[0]).shape == (1, 97) and means["layer00|layer00", "speech to text"] < 1.0


def test_what_changed_is_read_again(home):
    run(home)
    units = directory_of(home / "data/test") / "units"
    units.write_text(units.read_text().replace("f1-0 0 0 1", "f1-0 0 1 1"))
    assert run(home) and not run(home)


def test_units_of_another_model_than_the_encoder_learnt_are_refused(home, tmp_path):
    folder = directory_of(home / "data/test")
    stamp(folder / ".units/units", {"centroids": "hidden"}, [folder / "units"])
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp/train.json").write_text('{"units": "phones"}')
    with pytest.raises(
        UserError, match=r"texts_test_text_cmn/units: of another model of units than .*exp was trained on"
    ):
        unit_texts(f"espnet:{tmp_path / 'exp'}", home / "feats", [home / "data/test"], home / "unit_texts")
    assert not encoded(home)


def test_without_texts_as_units_it_is_told_how_they_are_made(home):
    (directory_of(home / "data/test") / "units").unlink()
    with pytest.raises(
        UserError, match="texts_test_text_cmn/units: .* fangyan text_units --data .*data/test"
    ):
        run(home)
    assert not encoded(home)
    assert datadir.read(home / "data/test")

"""Units of texts: phones, silences, durations by hand; what has no unit; a directory that readers of units take."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fangyan.__main__ import cli
from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.encoders.unit_model import UnitModel, merge
from fangyan.errors import DataError, UserError
from fangyan.tables import read_rows, write_rows
from fangyan.units import text_units as texts
from fangyan.units.column import units_of
from fangyan.units.phone_units import DURATIONS, PhoneDuration
from fangyan.units.text_units import Durations, Unread, Wording, draw_units

NAMES = ("SIL", "<UNK>", *"wofnʂukixa", "y")


def spoken(*words: tuple[int, ...], key: str = "a") -> Wording:
    return Wording(Utterance(key, "", "", key, "", ""), "", words, ())


def lasting(means, deviations=None, pauses=0.0, scale=1.0) -> Durations:
    means = np.array(means, float)
    return Durations(
        means, np.zeros(len(means)) if deviations is None else np.array(deviations), pauses, scale
    )


@pytest.fixture
def phones(tmp_path):
    """A folder of a model of a few phones of MFCC."""
    folder = tmp_path / "phones"
    folder.mkdir()
    centroids = np.zeros((len(NAMES), 39), np.float32)
    UnitModel("mfcc", "mfcc", centroids, bias=centroids[:, 0], names=NAMES).save(folder)
    rows = [PhoneDuration(name, 0 if n == 1 else 2, float(n + 1), 0.0) for n, name in enumerate(NAMES)]
    write_rows(folder / DURATIONS, rows, PhoneDuration)
    return folder


def test_phones_are_repeated_by_their_durations_between_two_silences():
    units = draw_units(spoken((2, 3), (2,)), lasting([2, 9, 1, 3]), 1)
    assert units.tolist() == [0, 0, 2, 3, 3, 3, 2, 0, 0]


def test_bounds_are_rounded_so_that_a_text_lasts_as_long_at_any_rate():
    # 14, 5, 5, 5, 14 frames of 10 ms end at 14, 19, 24, 29, 43; at 25 frames a second at 3.5, 4.75, 6, 7.25, 10.75.
    units = draw_units(spoken((2,), (3, 2)), lasting([14, 5, 5, 5], scale=0.25), 1)
    assert units.tolist() == [0, 0, 0, 0, 2, 3, 2, 0, 0, 0, 0]


def test_there_is_silence_between_words_as_often_as_asked_for():
    assert draw_units(spoken((2,), (3,)), lasting([1] * 4, pauses=1.0), 1).tolist() == [0, 2, 0, 3, 0]
    many = draw_units(spoken(*[(2,)] * 2000), lasting([1] * 4, pauses=0.25), 1)
    assert 450 < (many[1:-1] == 0).sum() < 550


@given(st.integers(0, 99), st.lists(st.lists(st.integers(1, 3), min_size=1), min_size=1, max_size=9))
def test_no_phone_is_lost_whatever_is_drawn(seed, words):
    wording = spoken(*map(tuple, words), key=f"u{seed}")
    durations = lasting([14, 5, 5, 5], [7, 2.5, 2.5, 2.5], 0.25, 0.25)
    units = draw_units(wording, durations, seed)
    assert [*merge(units[units > 0])] == [*merge([phone for word in words for phone in word])]
    assert units[0] == units[-1] == 0 and np.array_equal(units, draw_units(wording, durations, seed))


def test_published_durations_are_normal_in_frames_of_ten_milliseconds(phones):
    from fangyan.encoders import unit_model

    found = texts.published_durations(phones, unit_model.load(phones))
    assert (found.means[0], found.deviations[0], found.means[5], found.deviations[5]) == (14, 7, 5, 2.5)
    assert (found.pauses, found.scale) == (0.25, 1.0)  # MFCC are of 10 ms
    drawn = draw_units(spoken(*[(2,)] * 3000), found, 1)
    assert (drawn == 2).sum() / 3000 == pytest.approx(5.0, abs=0.2)


def test_the_verb_writes_a_directory_that_a_reader_of_units_takes(sung, phones, tmp_path):
    out = tmp_path / "texts"
    words = f"text_units --units {phones} --data {sung['dev']} --column text_cmn --out".split()
    first = CliRunner().invoke(cli, [*words, str(out)])
    assert first.exit_code == 0 and first.stdout == f"{out}: written\n", first.output
    assert CliRunner().invoke(cli, [*words, str(out)]).stdout == f"{out}: up to date\n"
    rows = datadir.read(out, ("text", "utt2lang", "utt2spk", "utt2sent"))
    spoken = datadir.read(sung["dev"])
    assert [(u.id, u.text, u.variety) for u in rows] == [(u.id, u.text_cmn, "cmn") for u in spoken]
    units = units_of(phones, out)
    number = {name: n for n, name in enumerate(NAMES)}
    # 我看书 is w o, kʰ a n, ʂ u; the model has no kʰ, which lasts as phones do on average.
    found = units["yuedev-s02"].tolist()
    assert [*merge(found)] == [
        0,
        number["w"],
        number["o"],
        1,
        number["a"],
        number["n"],
        number["ʂ"],
        number["u"],
        0,
    ]
    assert found.count(number["w"]) == 3 and found.count(1) == 8  # (3 + ... + 13) / 11
    assert f"{sung['dev']}/text_cmn:1 (cmndev-s00): 'ʈ͡ʂʰ' has no unit and is <UNK>: 5 such" in first.stderr
    unread = {row.symbol: row for row in read_rows(out / "unread.tsv", Unread)}
    assert unread["kʰ"].times == 9 and unread["kʰ"].first.startswith(f"{sung['dev']}/text_cmn:3 (cmndev-s02)")


def test_an_utterance_has_the_same_units_whatever_stands_beside_it(sung, phones, tmp_path):
    texts.text_units(phones, [sung["dev"]], "text_cmn", tmp_path / "one", "published")
    texts.text_units(phones, [sung["test"], sung["dev"]], "text_cmn", tmp_path / "two", "published")
    one, two = (units_of(phones, tmp_path / name) for name in ("one", "two"))
    assert len(two) == 2 * len(one) and all(np.array_equal(two[key], units) for key, units in one.items())
    texts.text_units(phones, [sung["dev"]], "text_cmn", tmp_path / "three", "published", seed=2)
    assert any(
        not np.array_equal(units_of(phones, tmp_path / "three")[key], units) for key, units in one.items()
    )


def test_what_has_no_units_is_told(sung, phones, tmp_path, capsys):
    def write(*sets, column="text", model=phones, **more):
        return texts.text_units(model, sets or [data], column, tmp_path / "texts", **more)

    data = shutil.copytree(sung["dev"], tmp_path / "dev")
    write()
    assert f"{data}/text:9: nothing of the text of hakdev-s00 is read, variety hak" in capsys.readouterr().err
    assert {u.variety for u in datadir.read(tmp_path / "texts", ["text"])} == {"cmn", "yue"}
    (data / "utt2lang").write_text(
        (data / "utt2lang").read_text().replace(" cmn", " nan").replace(" yue", " nan")
    )
    with pytest.raises(
        DataError, match=r"text:1: nothing of the text of cmndev-s00 is read, variety nan.*no dict"
    ):
        write()
    with pytest.raises(DataError, match="data directories that are used together have different ids"):
        write(sung["dev"], data)
    (data / "text_cmn").unlink()
    with pytest.raises(DataError, match="dev/text_cmn"):
        write(column="text_cmn")
    (phones / DURATIONS).unlink()
    with pytest.raises(
        DataError, match=r"durations\.tsv: a row for each of the 13 phones, .* --durations published"
    ):
        write(sung["dev"])
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    UnitModel("mfcc", "mfcc", np.zeros((5, 39), np.float32)).save(hidden)
    with pytest.raises(UserError, match="hidden: units without names are no phones: .* fangyan phone_units"):
        write(model=hidden)


def test_a_directory_of_texts_of_other_units_is_refused(sung, phones, tmp_path):
    texts.text_units(phones, [sung["dev"]], "text_cmn", tmp_path / "texts")
    UnitModel("mfcc", "mfcc", np.ones((len(NAMES), 39), np.float32), names=NAMES).save(phones)
    with pytest.raises(UserError, match="texts/units: of another model .* run fangyan text_units --units .*"):
        units_of(phones, tmp_path / "texts")


def test_a_model_whose_names_are_no_phones_of_ours_is_refused(sung, phones, tmp_path):
    centroids = np.ones((3, 39), np.float32)
    UnitModel("mfcc", "mfcc", centroids, bias=centroids[:, 0], names=("SIL", "a", "b")).save(phones)
    with pytest.raises(
        DataError,
        match=r"units\.yaml: names of phones begin with SIL and <UNK>, got SIL, a: make the model anew",
    ):
        texts.text_units(phones, [sung["dev"]], "text_cmn", tmp_path / "texts", "published")

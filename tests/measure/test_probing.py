"""Probes: what a linear classifier can and cannot read, on features of which that is known."""

import kaldiio
import numpy as np
import pytest

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import read_table
from fangyan.measure import Subject, measure, plan
from fangyan.measure.probing import cross_validate, probe

SENTENCES = [f"s{n}" for n in range(6)]
VARIETIES = ("cmn", "hak", "yue")


def test_what_the_vectors_hold_is_found_and_what_they_lack_is_not():
    sentences = SENTENCES * 2
    labels = ["a"] * 6 + ["b"] * 6
    held = np.array([[0.0, n] for n in range(6)] + [[1.0, n] for n in range(6)])
    assert cross_validate(held, labels, sentences) == (1.0, 0.5)
    assert cross_validate(held[:, 1:] * 0, labels, sentences)[0] == 0.5


def test_no_sentence_is_known_from_training():
    """Vectors that are the sentence, and labels that are, too: learned by heart all would be right, here none is."""
    vectors = np.repeat(np.eye(6), 3, 0)
    labels = [sentence for sentence in SENTENCES for _ in VARIETIES]
    assert cross_validate(vectors, labels, labels)[0] == 0.0


def test_chance_is_the_commonest_label_of_the_training_part():
    # Of two folds, one a sentence: trained on s0 (a a b) the guess is a, on s1 (b b a) it is b.
    labels, sentences = ["a", "a", "b", "b", "b", "a"], ["s0"] * 3 + ["s1"] * 3
    assert cross_validate(np.zeros((6, 1)), labels, sentences)[1] == pytest.approx(2 / 6)


def test_a_label_that_training_alone_has_is_no_trouble():
    labels, sentences = ["a", "a", "b"], ["s0", "s0", "s1"]  # trained on s0 nothing but a is known, on s1 b
    assert cross_validate(np.zeros((3, 1)), labels, sentences) == (0.0, 0.0)


@pytest.fixture
def home(tmp_path):
    """``data`` with a further column of where each was recorded, and a layer of noise and one of variety."""
    utterances = [
        Utterance(f"{v}-{s}", f"/{v}-{s}.wav", "", v, v, s, 1.0) for v in VARIETIES for s in SENTENCES
    ]
    datadir.write(tmp_path / "data", utterances)
    places = (f"{u.id} {'north' if u.variety == 'cmn' else 'south'}\n" for u in utterances)
    (tmp_path / "data" / "utt2place").write_text("".join(places))
    noise = np.random.default_rng(0)
    for layer, scale in (("layer00", 0.0), ("layer01", 5.0)):
        (tmp_path / "feats" / "data" / layer).mkdir(parents=True)
        at = tmp_path / "feats" / "data" / layer / "feats"
        with kaldiio.WriteHelper(f"ark,scp:{at}.ark,{at}.scp") as writer:
            for u in utterances:
                frames = noise.standard_normal((4, 3)) + scale * np.eye(3)[VARIETIES.index(u.variety)]
                writer(u.id, frames.astype(np.float32))
    return tmp_path


def run(home, label="utt2lang", layers=()):
    return probe(home / "feats", [home / "data"], home / "probe", label, layers)


def test_the_table_has_a_row_a_layer(home):
    assert run(home) == [home / "probe" / "data"]
    noise, variety = read_table(home / "probe/data/probe.tsv")
    assert list(variety) == "layer label n classes folds accuracy chance".split()
    assert list(variety.values())[:6] == ["layer01", "utt2lang", "18", "3", "5", "1"]
    assert float(variety["chance"]) == pytest.approx(1 / 3, rel=1e-5) and float(noise["accuracy"]) < 0.8
    assert not run(home)
    assert run(home, layers=["layer00+layer01"])


def test_any_column_is_a_label_and_a_change_of_it_is_noticed(home):
    assert run(home, "utt2place")
    (row,) = read_table(home / "probe/data/probe.tsv")[1:]
    assert (row["classes"], row["accuracy"]) == ("2", "1") and float(row["chance"]) == pytest.approx(
        2 / 3, rel=1e-5
    )
    column = home / "data" / "utt2place"
    column.write_text(column.read_text().replace("cmn-s0 north", "cmn-s0 south"))
    assert run(home, "utt2place") and not run(home, "utt2place")


def test_it_is_a_line_of_the_list(home):
    (home / "measure.yaml").write_text("- probe: {label: utt2lang}\n- probe: {label: utt2place}\n")
    measurements = plan.read(home / "measure.yaml")
    found = measure(measurements, Subject(home, "fbank"), [], [home / "data"])
    assert list(found) == [(home / "probe_utt2lang", True), (home / "probe_utt2place", True)]


@pytest.mark.parametrize(
    ("label", "text", "message"),
    [
        ("utt2x", None, "data/utt2x: no such column: known are utt2place"),
        (
            "../utt2lang",
            None,
            "a label is the name of a file in the data directory, utt2lang say, got '../utt2lang'",
        ),
        ("utt2x", "cmn-s0 a\n", "utt2x: every file has the ids of .*wav.scp, got none for cmn-s1"),
        ("utt2x", "cmn-s9 a\n", "utt2x:1: every file has the ids of .*wav.scp, got cmn-s9"),
        ("utt2x", "cmn-s0\n", "utt2x:1: "),
        (
            "utt2x",
            "".join(f"{v}-{s} a\n" for v in VARIETIES for s in SENTENCES),
            "utt2x: a probe tells .*'a' alone",
        ),
    ],
)
def test_labels_that_cannot_be_probed_are_named(home, label, text, message):
    if text:
        (home / "data" / label).write_text(text)
    with pytest.raises(UserError, match=message):
        run(home, label)


def test_a_single_sentence_cannot_be_probed(home):
    lines = (home / "data/utt2sent").read_text().splitlines()
    (home / "data/utt2sent").write_text("".join(f"{line.split()[0]} s0\n" for line in lines))
    with pytest.raises(DataError, match="utt2sent: a probe is tested on other sentences, at least 2, got 1"):
        run(home)

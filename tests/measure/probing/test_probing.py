"""Probes: what a linear classifier can and cannot read, on features of which that is known."""

import json

import kaldiio
import numpy as np
import pytest
from banks import archive
from joint import SENTENCES as TEXTS
from joint import joint_space

from fangyan.data import datadir
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError, UserError
from fangyan.files import read_table
from fangyan.measure import Subject, measure, plan
from fangyan.measure.probing import Probe, cross_validate, probe
from fangyan.tables import read_rows

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
    further = "low high control held_out features side clusters".split()
    assert list(variety) == [*"layer label n classes folds accuracy chance".split(), *further]
    assert [variety[name] for name in ("low", "high", *further[3:])] == [
        *("1", "1", "sentence", "mean", "speech", "6 sentences")
    ]
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


def test_what_was_probed_before_there_were_options_is_finished(home):
    """The stamp of a line without options names the label and no option."""
    assert run(home)
    found = json.loads((home / "probe/data/.done").read_text())
    assert found.keys() == {"feats", "data", "layers", "label", "outputs"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"label": ""},
            "a probe reads a label, such as utt2lang, or else a word, got label '' and word ''",
        ),
        ({"word": "吃"}, "got label 'utt2lang' and word '吃'"),
        (
            {"folds": "speakers"},
            "folds are of what they do not share, got 'speakers': did you mean 'speaker'",
        ),
        ({"features": "frames"}, "features are mean or frame, got 'frames': did you mean 'frame'"),
    ],
)
def test_words_that_are_no_choice_are_named(home, options, message):
    with pytest.raises(UserError, match=message):
        probe(home / "feats", [home / "data"], home / "probe", **{"label": "utt2lang"} | options)


def test_other_speakers_are_needed_where_they_are_held_out(tmp_path):
    alone = [Utterance(f"x-{n}", "/x.wav", "", "x", "ab"[n % 2], f"s{n}", 1.0) for n in range(4)]
    datadir.write(tmp_path / "data", alone)
    archive(tmp_path / "feats/data", "norm", {u.id: np.ones((1, 2)) for u in alone})
    assert run(tmp_path)
    for folds in ("speaker", "both"):
        with pytest.raises(
            DataError, match="data/utt2spk: a probe is tested on other speakers, at least 2, got 1"
        ):
            probe(tmp_path / "feats", [tmp_path / "data"], tmp_path / folds, "utt2lang", folds=folds)


# What is said and who says it: two voices a variety say the sentences, in vectors of the one and the other.

VOICES = ("cmn-a", "cmn-b", "yue-c", "yue-d")


@pytest.fixture
def voices(tmp_path):
    """``said`` and ``voice`` hold one alone; the label utt2sex is of the voice, topic of the sentence."""
    spoken = [
        Utterance(f"{v}-{s}", "/nowhere.wav", "", v, v[:3], s, 1.0, "吃" * (n % 2) + "饭")
        for v in VOICES
        for n, s in enumerate(SENTENCES)
    ]
    datadir.write(tmp_path / "data", spoken)
    sexes = (f"{u.id} {'f' if u.speaker[-1] in 'ac' else 'm'}\n" for u in spoken)
    (tmp_path / "data/utt2sex").write_text("".join(sexes))
    chance = np.random.default_rng(0)
    of_sentence, of_voice = chance.standard_normal((6, 12)), chance.standard_normal((4, 12))
    frames = {u.id: np.tile(of_sentence[SENTENCES.index(u.sentence)], (15, 1)) for u in spoken}
    archive(tmp_path / "feats/data", "said", frames)
    archive(
        tmp_path / "feats/data",
        "voice",
        {u.id: np.tile(of_voice[VOICES.index(u.speaker)], (3, 1)) for u in spoken},
    )
    return tmp_path


def rows(home, **options) -> dict[str, Probe]:
    out = home / "_".join(["probe", *options.values()])
    probe(home / "feats", [home / "data"], out, **options)
    return {row.layer: row for row in read_rows(out / "data/probe.tsv", Probe)}


def test_a_voice_that_is_known_tells_its_label_and_selectivity_says_so(voices):
    known = rows(voices, label="utt2sex")
    assert (known["voice"].accuracy, known["voice"].control) == (1, 1)  # any label of a voice would be found
    assert known["said"].accuracy <= 0.5
    unknown = rows(voices, label="utt2sex", folds="speaker")
    assert unknown["voice"].clusters == "4 speakers" and unknown["voice"].folds == 4
    assert unknown["voice"].chance == 0.5  # a guess by what training has most of would be right nowhere
    assert unknown["said"].accuracy <= 0.5


def test_a_word_is_read_across_speakers_from_what_is_said_alone(voices):
    found = rows(voices, word="吃", folds="speaker")
    assert (found["said"].label, found["said"].accuracy, found["said"].chance) == ("word:吃", 1, 0.5)
    assert (found["said"].control, found["said"].classes) == (
        1,
        2,
    )  # six sentences are known by heart as well
    assert found["voice"].accuracy <= 0.5


def test_of_sentences_and_speakers_nothing_is_in_common(voices):
    found = rows(voices, word="吃", folds="both")
    assert found["said"].n == 24 and found["said"].held_out == "both" and found["said"].accuracy < 1


def test_frames_have_the_label_of_their_utterance_ten_of_each(voices):
    found = rows(voices, label="utt2sex", features="frame")
    assert (found["said"].n, found["voice"].n) == (240, 72)
    assert found["voice"].accuracy == 1 and found["voice"].clusters == "6 sentences"


def test_texts_stand_beside_speech_on_the_same_items(tmp_path, package):
    home = joint_space(tmp_path, package, TEXTS)
    with pytest.raises(UserError, match="unknown encoder 'nobody'"):
        probe(
            home / "feats", [home / "data/test"], home / "p", word="吃", column="text_cmn", encoder="nobody"
        )
    for options in ({"encoder": "letters"}, {"encoder": "nobody", "text": "letters"}):
        probe(home / "feats", [home / "data/test"], home / "p", word="看", column="text_cmn", **options)
    found = {row.layer: row for row in read_rows(home / "p/test/probe.tsv", Probe)}
    assert list(found) == ["layer00", "joint"] and found["joint"].side == "text_cmn"
    assert (found["joint"].n, found["joint"].classes) == (8, 2)
    speech = home / "speech"
    assert probe(home / "feats", [home / "data/test"], speech, word="看", layers=["joint"])
    (row,) = read_rows(speech / "test/probe.tsv", Probe)
    assert (row.n, row.chance, row.accuracy) == (8, found["joint"].chance, found["joint"].accuracy)


def test_own_words_are_those_of_each_variety(tmp_path, package):
    home = joint_space(tmp_path, package, TEXTS)
    probe(home / "feats", [home / "data/test"], home / "p", "utt2lang", column="text", encoder="letters")
    assert {row.n for row in read_rows(home / "p/test/probe.tsv", Probe)} == {8}

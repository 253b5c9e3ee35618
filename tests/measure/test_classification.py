"""Classification by the nearest label text: by hand, and against scikit-learn."""

import numpy as np
import pytest
from joint import encoded, joint_space
from sklearn.metrics import f1_score

from fangyan.errors import DataError, UserError
from fangyan.files import ROOT
from fangyan.measure import Subject, measure, plan
from fangyan.measure.classification import (
    LABELS,
    Answer,
    Classified,
    classify,
    macro_f1,
    nearest,
    read_labels,
)
from fangyan.tables import read_rows

SENTENCES = ("我吃饭", "你吃鱼", "他看书", "她看电视")
LABEL_TABLE = "label\ttext\neat\t吃\nlook\t看书\nlook\t你看\n"


@pytest.fixture
def home(tmp_path, package, monkeypatch):
    """Four sentences in two varieties; one is labelled as what it is not."""
    joint_space(tmp_path, package, SENTENCES)
    topics = ("eat", "look", "look", "look")
    column = (f"{v}-{n} {topics[n]}\n" for v in ("cmn", "yue") for n in range(4))
    (tmp_path / "data/test/utt2topic").write_text("".join(column))
    (tmp_path / "labels.tsv").write_text(LABEL_TABLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(home, **options):
    options = {"labels": "labels.tsv"} | options
    return classify("letters", home / "feats", [home / "data/test"], home / "classify", **options)


def test_an_utterance_is_of_the_label_of_the_nearest_text(home):
    assert run(home)
    answers = read_rows(home / "classify/scores/test/answers.tsv", Answer)
    # 你吃鱼 has one character of 吃, one of 你看: 1/sqrt(3) > 1/sqrt(6).
    assert [(a.sentence, a.label, a.answer) for a in answers if a.source == "yue"] == [
        ("s0", "eat", "eat"),
        ("s1", "look", "eat"),
        ("s2", "look", "look"),
        ("s3", "look", "look"),
    ]
    rows = {row.source: row for row in read_rows(home / "classify/scores/test/scores.tsv", Classified)}
    assert set(rows) == {"cmn", "yue", "all"}
    found = rows["all"]
    assert (found.accuracy, found.n, found.labels, found.chance, found.majority) == (0.75, 8, 2, 0.5, 0.75)
    # eat: precision 1/2, recall 1, F1 2/3; look: 1, 2/3, 4/5. Always look: 0 and 6/7.
    assert found.f1 == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-5)
    assert found.majority_f1 == pytest.approx(6 / 7 / 2, abs=1e-5)
    assert found.low < 0.75 < found.high and found.f1_low < found.f1 < found.f1_high
    assert found.clusters == "4 sentences" and rows["cmn"].n == 4


def test_ties_go_against_the_encoder():
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.4], [0.1, 0.4]])
    assert nearest(scores, ["a", "b", "a", "a"], ["a", "b"]) == ["b", "a", "a", "b"]


def test_macro_f1_of_draws_is_that_of_scikit_learn():
    chance = np.random.default_rng(0)
    truth, said = (list(chance.choice(["a", "b", "c"], 30)) for _ in range(2))
    weights = chance.integers(0, 3, (20, 30))
    for found, row in zip(macro_f1(truth, said, weights), weights, strict=True):
        drawn = [n for n, count in enumerate(row) for _ in range(count)]
        of_draw = [[some[n] for n in drawn] for some in (truth, said)]
        assert found == pytest.approx(f1_score(*of_draw, average="macro", zero_division=0))


def test_what_changed_is_noticed_and_texts_are_encoded_once(home):
    assert run(home) and not run(home)
    assert sorted(encoded(home)) == ["你看", "吃", "看书"]
    (home / "labels.tsv").write_text(LABEL_TABLE.replace("look", "watch"), encoding="utf-8")
    column = home / "data/test/utt2topic"
    column.write_text(column.read_text().replace("look", "watch"))
    assert run(home) and not run(home) and len(encoded(home)) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("look", "see", r"utt2topic:2: a label has a text in labels.tsv, got 'look': known are eat, see"),
        ("吃", " ", r"labels.tsv: every cell is filled, got label 'eat' with text ' '"),
        ("look", "eat", r"labels.tsv: labels are told apart, at least 2, got eat, eat, eat"),
        ("text", "words", r"labels.tsv:1: the columns are label text, got none named text"),
    ],
)
def test_broken_labels_are_named(home, old, new, message):
    (home / "labels.tsv").write_text(LABEL_TABLE.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        run(home)


def test_what_is_not_there_is_named(home):
    with pytest.raises(UserError, match="gone.tsv: no such file: a table with the columns label and text"):
        run(home, labels="gone.tsv")
    with pytest.raises(DataError, match="test/utt2intent: no such column: known are utt2topic"):
        run(home, label="utt2intent")
    with pytest.raises(UserError, match="a label is the name of a file in the data directory"):
        run(home, label="../utt2topic")
    with pytest.raises(UserError, match="no layer 'joined'"):
        run(home, layer="joined")


def test_it_is_a_line_of_the_list(home):
    (home / "measure.yaml").write_text("- classify: {labels: labels.tsv}\n")
    measurements = plan.read(home / "measure.yaml")
    found = list(measure(measurements, Subject(home, "letters"), [], [home / "data/test"]))
    assert found == [(home / "classify_labels.tsv", True)]


def test_the_labels_of_the_embedded_corpus_are_the_default():
    assert len(read_labels(ROOT / LABELS)) == 6

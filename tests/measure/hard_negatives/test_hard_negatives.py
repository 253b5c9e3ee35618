"""Speech to text among hard negatives, with answers by hand, on a joint space of counts of characters."""

import pytest
from joint import encoded, joint_space

from fangyan.errors import DataError, UserError
from fangyan.measure import Subject, measure, plan
from fangyan.measure.hard_negatives import Changed, HardScore, KindOfChange, hard_negatives
from fangyan.tables import read_rows

SENTENCES = ("他比老师高", "左边有书", "我吃鱼")


@pytest.fixture
def home(tmp_path, package):
    return joint_space(tmp_path, package, SENTENCES)


def run(home, **options):
    return hard_negatives("letters", home / "feats", [home / "data/test"], home / "hard", **options)


def test_counts_of_characters_miss_what_an_exchange_changes(home):
    assert run(home)
    folder = home / "hard/scores/test"
    made = read_rows(folder / "variants.tsv", Changed)
    assert {(row.sentence, row.kind) for row in made} >= {
        ("s0", "exchange"),
        ("s1", "place"),
        ("s1", "negation"),
    }
    rows = {(row.source, row.against): row for row in read_rows(folder / "scores.tsv", HardScore)}
    assert set(rows) == {(s, a) for s in ("cmn", "yue", "all") for a in ("sentences", "variants")}
    alone, hard = rows["all", "sentences"], rows["all", "variants"]
    assert (alone.recall_at_1, alone.n, alone.candidates, alone.chance) == (
        1,
        6,
        3,
        pytest.approx(1 / 3, abs=1e-6),
    )
    # Counts do not tell an exchange from its sentence: s0 is lost to a tie, s1 and s2 are found.
    assert hard.recall_at_1 == pytest.approx(2 / 3, abs=1e-6) and hard.candidates == 3 + len(made)
    assert hard.low < hard.recall_at_1 < hard.high and hard.clusters == "3 sentences"
    kinds = {(row.source, row.kind): row for row in read_rows(folder / "kinds.tsv", KindOfChange)}
    exchanged = kinds["all", "exchange"]
    assert (exchanged.n, exchanged.outranked, exchanged.chance, exchanged.errors) == (2, 1, 0.5, 2)
    assert exchanged.low is None and kinds["cmn", "exchange"].n == 1
    assert {row.outranked for key, row in kinds.items() if key[1] != "exchange"} == {0}
    assert kinds["yue", "sentence"].n == 3 and kinds["yue", "sentence"].errors == 0


def test_texts_are_encoded_once_and_what_changed_is_noticed(home):
    assert run(home) and not run(home)
    count = len(encoded(home))
    assert len(set(encoded(home))) == count
    column = home / "data/test/text_cmn"
    column.write_text(column.read_text().replace("左边", "右边"))
    assert run(home) and not run(home) and len(encoded(home)) > count


def test_what_cannot_be_changed_is_named(home):
    with pytest.raises(UserError, match="change the one text of a sentence, text_cmn say, got text$"):
        run(home, column="text")
    with pytest.raises(UserError, match="no layer 'joined'"):
        run(home, layer="joined")
    column = home / "data/test/text_cmn"
    column.write_text("".join(f"{line.split()[0]} 唱\n" for line in column.read_text().splitlines()))
    with pytest.raises(
        DataError, match="test/text_cmn: nothing stands in these texts that a rule of .* changes"
    ):
        run(home)


def test_it_is_a_line_of_the_list(home):
    (home / "measure.yaml").write_text("- hard_negatives: {layer: joint|joint}\n")
    measurements = plan.read(home / "measure.yaml")
    found = list(measure(measurements, Subject(home, "letters"), [], [home / "data/test"]))
    assert found == [(home / "hard_negatives_joint_joint", True)]

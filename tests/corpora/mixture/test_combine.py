from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fangyan.corpora.mixture.combine import Prepared, combine, group_by_set, write
from fangyan.corpora.mixture.plan import Mixture, MixturePart
from fangyan.data import datadir
from fangyan.data.columns import read_all
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError

A, B = MixturePart("a", "aishell"), MixturePart("b", "mdcc")
ANY = 500


def said(key, text, variety="cmn", cmn="", sentence="", speaker="", seconds=1.0):
    """An utterance whose sentence is its number, unless one is given."""
    speaker = speaker or key
    return Utterance(key, f"{key}.wav", text, speaker, variety, sentence or key, seconds, text_cmn=cmn)


class Shelf:
    """Prepared sets of parts, in a folder."""

    def __init__(self, folder):
        self.folder, self.sets = folder, {}

    def add(self, part, name, *utterances):
        home = self.folder / part.name / name
        home.mkdir(parents=True)
        datadir.write(home, utterances)
        item = Prepared(part, name, home)
        self.sets.setdefault(item.goal, []).append(item)
        return self

    def combined(self, dev_utterances=ANY, without=(), longest=60.0):
        parts = tuple(dict.fromkeys(item.part for of in self.sets.values() for item in of))
        return combine(Mixture(parts, "text", dev_utterances, longest), self.sets, list(without))

    def kept(self, goal, **how):
        records = [r for of in self.combined(**how)[goal].values() for r in of]
        return [r.id for r in records if isinstance(r, Utterance)]

    def dropped(self, goal, **how):
        records = [r for of in self.combined(**how)[goal].values() for r in of]
        return {r.id: r.reason for r in records if isinstance(r, Dropped)}


@pytest.fixture
def shelf(tmp_path):
    """Part a with a dev and a test utterance of its own; what a test adds to it counts."""
    shelf = Shelf(tmp_path / "data")
    return shelf.add(A, "dev", said("d", "开发")).add(A, "test", said("t", "测试", cmn="测试", speaker="t"))


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("train", "train"),
        ("dev", "dev"),
        ("test", "test_a"),
        ("test_net", "test_a_net"),
        ("test_x_y", "test_a_x_y"),
    ],
)
def test_where_a_set_goes(tmp_path, name, goal):
    assert Prepared(A, name, tmp_path).goal == goal


@pytest.mark.parametrize("name", ["far", "tests", "train_2", ""])
def test_other_sets_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="the sets of a mixture are train, dev, test and test_..., got"):
        _ = Prepared(A, name, tmp_path).goal


def test_ids_and_speakers_begin_with_the_corpus_and_numbers_of_sentences_are_its_own(shelf):
    utterance = said("s1-7", "你好", speaker="s1", sentence="17")
    shelf.add(A, "train", utterance, said("s1-8", "再见", speaker="s1", sentence="再见"))
    first, second = shelf.combined()["train"]["a"]
    assert first == replace(utterance, id="aishell-s1-7", speaker="aishell-s1", sentence="aishell:17")
    assert second.sentence == "再见"


LEAKS = {
    "the same number of one corpus": (said("x", "别的", sentence="t"), A),
    "the same wording": (said("x", "测试"), B),
    "the same wording but for script and punctuation": (said("x", "測試！"), B),
    "a translation": (said("x", "試吓", "yue", cmn="测试"), B),
    "its wording in a corpus whose ids are wordings": (said("x", "試吓", "yue", sentence="测试"), B),
}


@pytest.mark.parametrize("case", LEAKS)
def test_sentences_of_a_test_set_are_neither_in_train_nor_in_dev(shelf, case):
    utterance, part = LEAKS[case]
    shelf.add(part, "train", utterance)
    if part is B:
        shelf.add(part, "dev", utterance)
    key = f"{part.corpus}-x"
    assert shelf.dropped("train") == {key: "sentence of a held-out set"}
    assert (key in shelf.dropped("dev")) == (part is B)


def test_one_wording_in_two_varieties_and_one_number_of_two_corpora_are_no_leak(shelf):
    shelf.add(B, "train", said("x", "测试", "yue"), said("t", "别的"))
    assert shelf.dropped("train") == {}


def test_sentences_of_dev_are_not_in_train_unless_dev_left_them_out(shelf):
    shelf.add(B, "dev", said("e", "粤语", "yue"), said("f", "广州", "yue"))
    shelf.add(B, "train", said("x", "粤语", "yue"), said("y", "广州", "yue"))
    assert shelf.kept("train") == []
    (chosen,) = set(shelf.kept("dev", dev_utterances=1)) - {"aishell-d"}
    twin = {"mdcc-e": "mdcc-y", "mdcc-f": "mdcc-x"}
    assert shelf.kept("train", dev_utterances=1) == [twin[chosen]]


def test_speakers_of_a_test_set_are_not_in_train_and_those_of_dev_may_be(shelf):
    shelf.add(A, "train", said("t2", "一", speaker="t"), said("d2", "二", speaker="d"))
    assert shelf.dropped("train") == {"aishell-t2": "speaker of a test set"}


def test_dev_has_as_many_utterances_of_each_variety_whatever_their_corpus(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.add(A, "train", said("x", "训练"))
    shelf.add(A, "dev", *(said(f"a{n}", f"{'一二三四五'[n]}甲") for n in range(5)))
    shelf.add(B, "dev", *(said(f"b{n}", f"{'一二三'[n]}乙") for n in range(3)), said("y", "粤", "yue"))
    kept = shelf.kept("dev", dev_utterances=4)
    assert len(kept) == 5 and "mdcc-y" in kept
    assert set(shelf.dropped("dev", dev_utterances=4).values()) == {
        "beyond the dev utterances of its variety"
    }


def test_hours_are_capped_by_utterances_and_a_larger_cap_keeps_what_a_smaller_one_kept(tmp_path):
    utterances = [said(f"a{n:02}", f"{chr(0x4E00 + n)}句", seconds=60.0) for n in range(20)]
    kept = []
    for hours in (0.1, 0.2, 1.0):
        part = replace(A, hours=hours)
        shelf = (
            Shelf(tmp_path / str(hours)).add(part, "train", *utterances).add(part, "dev", said("d", "开发"))
        )
        kept.append(shelf.kept("train"))
        alone = kept[-1]
        shelf.add(B, "train", said("x", "别的"))
        assert shelf.kept("train") == [*alone, "mdcc-x"]
    assert [len(ids) for ids in kept] == [6, 12, 20]
    assert set(kept[0]) < set(kept[1]) < set(kept[2])


def test_what_is_too_long_is_in_the_test_sets_alone(shelf):
    shelf.add(A, "train", said("x", "训", seconds=1.04), said("y", "练", seconds=1.0))
    shelf.add(B, "dev", said("z", "粤", "yue", seconds=1.1))
    shelf.add(B, "test", said("w", "测", "yue", seconds=9.0))
    assert shelf.dropped("train", longest=1.0) == {"aishell-x": "longer than 1 s"}
    records = chain.from_iterable(shelf.combined(longest=1.0)["train"].values())
    assert [record.detail for record in records if isinstance(record, Dropped)] == ["1.040"]
    assert shelf.dropped("dev", longest=1.0) == {"mdcc-z": "longer than 1 s"}
    assert shelf.kept("test_b", longest=1.0) == ["mdcc-w"]


def test_missing_corpora_are_counted_with_train(shelf):
    shelf.add(A, "train", said("x", "训练"))
    gone = Dropped("tat", "missing corpus")
    assert shelf.dropped("train", without=[gone]) == {"tat": "missing corpus"}
    assert shelf.dropped("dev", without=[gone]) == {}


WORDINGS = ["一", "二", "三", "四"]
UTTERANCE = st.builds(
    said,
    key=st.integers(0, 99).map("u{:02}".format),
    text=st.sampled_from(WORDINGS),
    variety=st.sampled_from(["cmn", "yue"]),
    cmn=st.sampled_from(["", *WORDINGS]),
    sentence=st.sampled_from(["1", "2", *WORDINGS]),
    speaker=st.just("u"),
)
SET = st.lists(UTTERANCE, min_size=1, max_size=8, unique_by=lambda u: u.id)


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(SET, SET, SET), min_size=2), st.integers(1, 4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_utterance_is_kept_or_left_out_by_name_and_no_sentence_is_in_two_sets(
    tmp_path_factory, parts, most
):
    shelf = Shelf(tmp_path_factory.mktemp("mixture"))
    for part in (A, B):
        for name, utterances in zip(("train", "dev", "test"), parts[part.name], strict=True):
            whole = all(u.text_cmn for u in utterances)
            named = [replace(u, id=f"{name}-{u.id}", speaker=name) for u in utterances]
            shelf.add(part, name, *(u if whole else replace(u, text_cmn="") for u in named))
    made = shelf.combined(dev_utterances=most)
    for goal, of in shelf.sets.items():
        ids = [r.id for records in made[goal].values() for r in records]
        expected = [f"{item.part.corpus}-{u.id}" for item in of for u in datadir.read(item.home)]
        assert sorted(ids) == sorted(expected)
    names = {goal: slow_names(made[goal]) for goal in made}
    assert not names["train"] & (names["dev"] | names["test_a"] | names["test_b"])
    assert not names["dev"] & (names["test_a"] | names["test_b"])


def slow_names(by_part) -> set[tuple]:
    """What sentences of single characters go by: id, Mandarin wording, wording in the variety."""
    names = set()
    for records in by_part.values():
        for u in records:
            if isinstance(u, Utterance):
                names |= {("id", u.sentence), ("own", u.variety, u.text)}
                names |= {("id", u.text_cmn)} if u.text_cmn else set()
    return names


def test_what_is_written_is_a_data_directory_with_its_corpora(shelf, tmp_path):
    weighty = replace(B, weight=2.5)
    shelf.add(A, "train", said("z", "训", cmn="训"), said("y", "练", cmn="练"))
    shelf.add(weighty, "train", said("x", "食饭", "yue"))
    made = shelf.combined()
    out = tmp_path / "out"
    write(out, made["train"], shelf.sets["train"], out)
    assert [u.id for u in datadir.read(out)] == ["aishell-y", "aishell-z", "mdcc-x"]
    assert (out / "utt2corpus").read_text() == "aishell-y a\naishell-z a\nmdcc-x b\n"
    assert (out / "corpus2weight").read_text() == "a 1.0\nb 2.5\n"
    assert not (out / "text_cmn").exists()  # only one of the corpora has it
    write(tmp_path / "test", made["test_a"], shelf.sets["test_a"], tmp_path / "test")
    assert (tmp_path / "test" / "text_cmn").read_text() == "aishell-t 测试\n"
    assert not (tmp_path / "test" / "corpus2weight").exists()


def test_equal_weights_are_not_written_and_groups_of_corpora_are(shelf, tmp_path):
    shelf.add(A, "train", said("x", "训", "site1"))
    (shelf.folder / "a/train/lang2group").write_text("site1 north\n")
    write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "out")
    assert not (tmp_path / "out/corpus2weight").exists()
    assert datadir.read_groups(tmp_path / "out") == {"site1": "north"}


def test_two_parts_with_the_same_recordings_are_refused(shelf, tmp_path):
    again = MixturePart("again", A.corpus)
    shelf.add(A, "train", said("x", "训")).add(again, "train", said("x", "训"))
    with pytest.raises(DataError, match="utterance ids are unique, got aishell-x 2 times"):
        write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "out")


def test_parts_of_a_corpus_whose_speakers_begin_one_another_are_marked(shelf, tmp_path):
    again = MixturePart("again", A.corpus)
    shelf.add(A, "train", said("1_2", "训", speaker="1")).add(
        again, "train", said("13_1", "练", speaker="13")
    )
    write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "out")
    assert [u.speaker for u in datadir.read(tmp_path / "out")] == ["aishell-1", "aishell-13"]
    assert datadir.describe_changes(tmp_path / "out") == f"; 1 renamed ({tmp_path}/out/.changed.tsv)"
    assert (tmp_path / "out/utt2corpus").read_text() == "aishell-1-aishell-1_2 a\naishell-13_1 again\n"


def test_groups_that_two_parts_put_a_variety_in_are_told(shelf, tmp_path):
    for part, group in ((A, "north"), (B, "south")):
        shelf.add(part, "train", said("x", group, "site1"))
        (shelf.folder / part.name / "train/lang2group").write_text(f"site1 {group}\n")
    with pytest.raises(DataError, match=r"b/train/lang2group: .* got 'south' of site1, 'north' in .*a/train"):
        write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "out")


def column(shelf, part, name, values):
    """A column ``units`` of a set of a part."""
    rows = sorted(values.items())
    (shelf.folder / part.name / name / "units").write_text("".join(f"{key} {value}\n" for key, value in rows))


def test_a_column_of_all_parts_is_carried_under_the_ids_of_the_mixture(shelf, tmp_path):
    shelf.add(A, "train", said("1_2", "训", speaker="1"), said("t2", "一", speaker="t"))
    shelf.add(MixturePart("again", A.corpus), "train", said("13_1", "练", speaker="13"))
    shelf.add(B, "train", said("1_2", "食饭", "yue"))
    column(shelf, A, "train", {"1_2": "7 7", "t2": "5"})
    column(shelf, MixturePart("again", A.corpus), "train", {"13_1": "8"})
    column(shelf, B, "train", {"1_2": "9 1"})
    out = tmp_path / "out"
    write(out, shelf.combined()["train"], shelf.sets["train"], out)
    assert (out / "units").read_text() == "aishell-1-aishell-1_2 7 7\naishell-13_1 8\nmdcc-1_2 9 1\n"


def test_a_column_that_a_part_lacks_is_left_out_and_reported(shelf, tmp_path, capsys):
    shelf.add(A, "train", said("x", "训"), said("y", "练")).add(B, "train", said("z", "食饭", "yue"))
    column(shelf, A, "train", {"x": "1", "y": "2"})
    write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "data/train")
    message = "data/train: the column units is left out, no value for 1 of 3 utterances, the first mdcc-z\n"
    assert capsys.readouterr().out.endswith(message)
    assert read_all(tmp_path / "out") == {}


def test_a_column_that_is_malformed_is_left_out_and_reported(shelf, tmp_path, capsys):
    shelf.add(A, "train", said("x", "训"), said("y", "练"))
    (shelf.folder / "a/train/units").write_text("x 1\nx 2\n")
    write(tmp_path / "out", shelf.combined()["train"], shelf.sets["train"], tmp_path / "out")
    message = "a/train/units:2: ids are unique, got x again (the column units is left out)\n"
    assert capsys.readouterr().out.endswith(message)
    assert read_all(tmp_path / "out") == {}


@given(st.dictionaries(st.sampled_from(["a", "b"]), SET, min_size=2), st.data())
def test_values_follow_their_utterances(tmp_path_factory, parts, data):
    shelf, expected = Shelf(tmp_path_factory.mktemp("columns")), {}
    for part, utterances in ((A, parts["a"]), (B, parts["b"])):
        shelf.add(part, "train", *(replace(u, text_cmn="") for u in utterances))
        values = {u.id: data.draw(st.sampled_from(["7", "7 7", "x.ark:4[0:3]"])) for u in utterances}
        column(shelf, part, "train", values)
        expected |= {f"{part.corpus}-{key}": value for key, value in values.items()}
    shelf.add(A, "dev", said("d", "一"))
    made, out = shelf.combined()["train"], shelf.folder / "out"
    kept = [r.id for records in made.values() for r in records if isinstance(r, Utterance)]
    if kept:
        write(out, made, shelf.sets["train"], out)
        assert read_all(out) == {"units": {key: expected[key] for key in sorted(kept)}}


def test_two_sets_that_would_become_one_test_set_are_refused(tmp_path):
    clash = [
        Prepared(A, "test_b", tmp_path / "1"),
        Prepared(MixturePart("a_b", "mdcc"), "test", tmp_path / "2"),
    ]
    with pytest.raises(
        DataError, match="1 and .*2: a test set of a mixture is of one part, got both as test_a_b"
    ):
        group_by_set(clash)
    assert list(group_by_set([clash[0], Prepared(B, "train", tmp_path), Prepared(A, "train", tmp_path)])) == [
        "test_a_b",
        "train",
    ]

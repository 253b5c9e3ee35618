"""`fangyan.measure.retrieval.sides`: what a side has, and which features a bank reads for it."""

from pathlib import Path

import numpy as np
import pytest
from banks import archive, stamp

from fangyan.data import datadir
from fangyan.errors import DataError, UserError
from fangyan.features.layers import Layer
from fangyan.measure.retrieval.sides import Side, all_features, all_sides, by_variety, open_bank, speech, text


def side(name: str, sentences: str) -> Side:
    """A side by its sentences, one letter each."""
    return Side.of(name, ((f"{name}-{n}", sentence) for n, sentence in enumerate(sentences)))


def test_members_are_in_the_order_of_their_ids():
    assert Side.of("yue", [("b", "s1"), ("a", "s2")]) == Side("yue", ("a", "b"), ("s2", "s1"))


def test_what_two_sides_share():
    a, b = side("a", "xyzx"), side("b", "zxq")
    assert a.shared(b) == Side("a", ("a-0", "a-2", "a-3"), ("x", "z", "x"))
    assert b.shared(a).ids == ("b-0", "b-1")
    assert a.shared(side("c", "q")) == Side("a", (), ())


def test_a_side_of_recordings_is_a_variety(bilingual):
    bank = speech(bilingual / "speech/data", bilingual / "data")
    assert list(bank.sides) == ["cmn", "site", "yue"]
    assert bank.sides["yue"] == Side("yue", ("yue-0", "yue-1", "yue-2"), ("s0", "s0", "s1"))
    assert bank.sides == by_variety(datadir.read(bilingual / "data"))
    assert (bank.layers, bank.column) == (["layer00", "layer01"], "")
    found = bank.features(Layer.parse("layer01"))
    assert {name: list(of_side) for name, of_side in found.items()} == {
        name: list(one.ids) for name, one in bank.sides.items()
    }
    assert found["site"]["site-1"].shape == (2, 4)


def test_a_side_of_texts_has_each_sentence_once(bilingual):
    bank = open_bank(bilingual / "text/data", bilingual / "data")
    once = ("s0", "s1", "s2")
    assert bank.sides == {"text_cmn": Side("text_cmn", once, once)}
    assert list(bank.features(Layer.parse("sentence"))["text_cmn"]) == list(once)


def test_in_the_column_text_each_variety_has_a_side_of_its_own_wording(bilingual):
    bank = text(bilingual / "own/data", bilingual / "data", "text")
    assert list(bank.sides) == ["text:cmn", "text:site", "text:yue"]
    assert bank.sides["text:yue"] == Side("text:yue", ("yue-0", "yue-2"), ("s0", "s1"))  # the first of two


def test_texts_of_further_sentences_are_left_alone_and_recordings_are_not(bilingual):
    more = {key: np.ones((1, 4)) for key in ("s0", "s1", "s2", "s3")}
    archive(bilingual / "text/data", "more", more)
    bank = open_bank(bilingual / "text/data", bilingual / "data")
    assert list(bank.features(Layer.parse("more"))["text_cmn"]) == ["s0", "s1", "s2"]
    archive(bilingual / "text/data", "fewer", {"s0": np.ones((1, 4))})
    with pytest.raises(
        DataError, match=r"text/data/fewer: lacks 2 sentences that .*/data has, the first is s1"
    ):
        bank.features(Layer.parse("fewer"))
    ids = [u.id for u in datadir.read(bilingual / "data")]
    archive(bilingual / "speech/data", "more", {key: np.ones((1, 4)) for key in (*ids, "zzz")})
    with pytest.raises(DataError, match=r"/data: lacks 1 utterances that .*speech/data/more has.* is zzz"):
        speech(bilingual / "speech/data", bilingual / "data").features(Layer.parse("more"))


def test_the_column_is_that_of_the_dump_or_named(bilingual):
    feats, data = bilingual / "text/data", bilingual / "data"
    assert open_bank(feats, data).column == text(feats, data, "text_cmn").column == "text_cmn"
    with pytest.raises(UserError, match=r"--column text: the features in .*text/data are those of text_cmn"):
        text(feats, data, "text")
    assert open_bank(bilingual / "speech/data", data, "text_eng").column == "text_eng"
    assert open_bank(bilingual / "speech/data", data).column == ""
    with pytest.raises(
        UserError, match=r"text/data: recordings are needed here, got features of texts \(text_cmn\)"
    ):
        speech(feats, data)


def test_another_column_may_say_which_members_are_translations(bilingual):
    labels = {u.id: u.sentence.replace("s2", "s1") for u in datadir.read(bilingual / "data")}
    write_column(bilingual / "data" / "utt2topic", labels)
    bank = speech(bilingual / "speech/data", bilingual / "data", "utt2topic")
    assert bank.sides["cmn"].sentences == ("s0", "s1", "s1")
    assert open_bank(bilingual / "text/data", bilingual / "data", "", "utt2topic").sides["text_cmn"].ids == (
        "s0",
        "s1",
    )
    del labels["yue-1"]
    write_column(bilingual / "data" / "utt2topic", labels)
    with pytest.raises(DataError, match=r"utt2topic: every file has the ids of .*got none for yue-1"):
        speech(bilingual / "speech/data", bilingual / "data", "utt2topic").sides  # noqa: B018


def write_column(path: Path, values: dict[str, str]) -> None:
    path.write_text("".join(f"{key} {value}\n" for key, value in sorted(values.items())), encoding="utf-8")


def test_sides_and_features_of_several_banks(bilingual):
    banks = [
        speech(bilingual / "speech/data", bilingual / "data"),
        open_bank(bilingual / "text/data", bilingual / "data"),
    ]
    assert list(all_sides(banks)) == ["cmn", "site", "yue", "text_cmn"]
    found = all_features(banks, map(Layer.parse, ("layer01", "sentence")))
    assert found["text_cmn"]["s1"].tolist() == [[0, 1, 0, 0]] == found["yue"]["yue-2"][:1].tolist()
    assert [
        bank.dimension(Layer.parse(layer))
        for bank, layer in zip(banks, ("layer00+layer01", "layer00"), strict=True)
    ] == [8, 3]
    with pytest.raises(DataError, match="text/data: sides have names of their own, got text_cmn again"):
        all_sides([*banks, banks[1]])


def test_an_empty_index_has_no_dimension(bilingual):
    stamp(bilingual / "text/data", column="text_cmn")
    (bilingual / "text/data/sentence/feats.scp").write_text("")
    with pytest.raises(
        DataError, match=r"sentence/feats.scp:1: an index has a line for each utterance, got none"
    ):
        open_bank(bilingual / "text/data", bilingual / "data").dimension(Layer.parse("sentence"))

from pathlib import Path

import pytest

from fangyan.dual.pairs import (
    Pair,
    Spoken,
    Wording,
    labels,
    read_speech,
    read_texts,
    read_wordings,
    speech_speech,
    speech_text,
    text_text,
)
from fangyan.errors import DataError, UserError
from fangyan.units.column import read_units

HERE = (
    Spoken("a1", "cmn", "s1", (3, 3), "去"),
    Spoken("b1", "yue", "s1", (4,), "去"),
    Spoken("b2", "yue", "s2", (5,), "来"),
    Spoken("c1", "hak", "s1", (6,), "去"),
)


def read(data: Path, *varieties: str) -> list[Spoken]:
    return read_speech(data, read_units(data, 20), "text_cmn", varieties)


@pytest.fixture
def data(spelt, tmp_path) -> Path:
    """The training data, to be spoilt."""
    folder = tmp_path / "train"
    folder.mkdir()
    for file in (spelt / "train").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_an_utterance_is_its_units_and_its_text(data):
    found = read(data)
    assert len(found) == 48
    assert (found[0].id, found[0].variety, found[0].sentence) == ("cmntrain-s00", "cmn", "s00")
    assert len(found[0].units) == len(found[0].text) == 4


def test_only_the_varieties_that_are_named_are_read(data):
    assert {utterance.variety for utterance in read(data, "yue")} == {"yue"}
    with pytest.raises(UserError, match="no utterance of the varieties yu: did you mean 'yue'"):
        read(data, "yu")


@pytest.mark.parametrize("name", ["text_cmn", "utt2lang", "utt2sent"])
def test_a_table_that_lacks_an_utterance_is_refused_by_name(data, name):
    file = data / name
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match=f"{name}: .*cmntrain-s00"):
        read(data)
    with pytest.raises(DataError, match=f"{name}: .*cmntrain-s00"):
        read_wordings(data)
    file.unlink()
    with pytest.raises(DataError, match=name):
        read(data)


def test_a_text_is_of_its_own_variety_or_of_the_one_that_is_named():
    assert speech_text(HERE[1:2], "cmn") == [Pair("[yue][speech]<u4>", "[cmn][text]去", "s1")]
    assert speech_text(HERE[1:2]) == [Pair("[yue][speech]<u4>", "[yue][text]去", "s1")]


def test_utterances_of_a_sentence_are_paired_in_a_ring():
    found = [(pair.one, pair.other) for pair in speech_speech(HERE)]
    a, b, c = "[cmn][speech]<u3><u3>", "[yue][speech]<u4>", "[hak][speech]<u6>"
    assert found == [(a, b), (b, c), (c, a)]  # s2 is said once


def test_texts_are_paired_with_mandarin_but_not_with_themselves(spelt):
    found = read_wordings(spelt / "train")
    assert len(found) == 24
    assert all(wording.variety == "yue" and wording.text == f"{wording.text_cmn}喇" for wording in found)
    assert read_wordings(spelt / "train", ["cmn"]) == []
    pair = text_text(found[:1], "cmn")[0]
    assert (pair.one, pair.other) == (f"[yue][text]{found[0].text}", f"[cmn][text]{found[0].text_cmn}")


def test_texts_are_read_of_a_table_too(tmp_path):
    table = tmp_path / "texts.tsv"
    table.write_text(
        "# of mine\nvariety\ttext\ttext_cmn\nyue\t佢嚟\t他来\nyue\t佢嚟\t他来\ncmn\t他来\t他来\n"
    )
    assert read_wordings(table) == [Wording("yue", "佢嚟", "他来", "他来")]
    table.write_text("variety\ttext\nyue\t佢嚟\n")
    with pytest.raises(DataError, match=r"texts.tsv:1: a table of texts has .*, got none named text_cmn"):
        read_wordings(table)
    table.write_text("variety\ttext\ttext_cmn\nyue\t\t他来\n")
    with pytest.raises(DataError, match=r"texts.tsv:2: .* got no text"):
        read_wordings(table)


def test_texts_to_train_on_before_are_strings_with_their_prefix(spelt, tmp_path):
    assert len(set(read_texts(spelt / "train", "cmn"))) == 24 + 24
    (tmp_path / "lines.txt").write_text("你好\n\n 佢嚟 \n")
    assert list(read_texts(tmp_path / "lines.txt", "cmn")) == ["[text]你好", "[text]佢嚟"]
    with pytest.raises(DataError, match="no such file"):
        list(read_texts(tmp_path / "none.txt", "cmn"))


def test_rows_of_a_sentence_and_sentences_of_a_text_have_one_label():
    rows = [("s1", "a"), ("s2", "b"), ("s1", "c"), ("s3", "b"), ("s4", "d")]
    assert labels([Pair("", other, sentence) for sentence, other in rows]) == [0, 1, 0, 1, 4]

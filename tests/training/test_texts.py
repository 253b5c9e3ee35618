"""Directories of texts: what is read of them, what is left out, and what is refused with file and line."""

import re

import pytest
from pretrained import K, write_texts

from fangyan.data.text import NormalForm
from fangyan.errors import DataError, UserError
from fangyan.files import stamp, write_text
from fangyan.training.texts import check_one_model, read_texts
from fangyan.units.column import HOME

FORM = NormalForm.parse("")


def read(*folders, most=100, column="units"):
    return read_texts(folders, K, column, FORM, most)


def test_texts_of_all_directories_are_read_in_normal_form(tmp_path):
    one, two = write_texts(tmp_path / "one", ["我吃", "水"], 2), write_texts(tmp_path / "two", ["书"], 3)
    write_text(one / "text", "t000 我，吃！\nt001 水\n")
    found = read(one, two)
    assert (len(found), found.words, found.lengths.tolist()) == (3, ["我吃", "水", "书"], [4, 2, 3])
    assert [found.of(n).tolist() for n in range(3)] == [[0, 0, 2, 2], [6, 6], [5, 5, 5]]


def test_what_is_too_long_or_empty_is_counted(tmp_path):
    folder = write_texts(tmp_path / "a", ["我吃饭", "水", "喝"], 2)
    write_text(folder / "text", "t000 我吃饭\nt001 ！\nt002 喝\n")
    found = read(folder, most=4)
    assert (found.words, found.empty, found.long) == (["喝"], 1, 1)
    with pytest.raises(DataError, match=r"a: no text to learn from: of 1 .* nothing, and 2 have more than 1"):
        read(folder, most=1)


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("units", "t000 0 0 8\nt001 1\n", "units:1: units are whole numbers from 0 to 7"),
        ("units", "t000 0 0 x\nt001 1\n", "units:1: units are whole numbers from 0 to 7"),
        ("units", "t000 0 0\n", "units: every file has the ids of .*text, got none for t001"),
        ("text", "t000 我\n", "units:2: every file has the ids of .*text, got t001"),
        ("text", "t000 我\nt000 你\n", "text:2: ids are unique"),
    ],
)
def test_what_is_malformed_is_told_with_its_line(tmp_path, table, content, message):
    folder = write_texts(tmp_path / "a", ["我", "你"])
    write_text(folder / table, content)
    with pytest.raises(DataError, match=message):
        read(folder)


def test_what_is_no_directory_of_texts_is_told(tmp_path):
    with pytest.raises(
        DataError, match=re.escape(f"{tmp_path / 'b' / 'text'}: no such file: a directory of")
    ):
        read(tmp_path / "b")
    with pytest.raises(
        DataError, match="others: no such file: a directory of texts as units has text and others"
    ):
        read(write_texts(tmp_path / "a", ["我"]), column="others")


def test_columns_of_two_models_of_units_are_refused_and_one_without_a_stamp_is_trusted(tmp_path):
    folders = [write_texts(tmp_path / name, ["我"]) for name in "abc"]
    for folder, content in zip(folders, ("one", "one", None), strict=True):
        if content:
            stamp(folder / HOME / "units", {"centroids": content}, [folder / "units"])
    check_one_model(folders, "units")
    stamp(folders[2] / HOME / "units", {"centroids": "other"}, [folders[2] / "units"])
    with pytest.raises(UserError, match=r"c/units: of another model of units than .*a/units"):
        check_one_model(folders, "units")

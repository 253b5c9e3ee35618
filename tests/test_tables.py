"""`fangyan.tables`: cells by their types, malformed ones by file and line; the tables of an experiment."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.errors import DataError
from fangyan.ipa.dictionaries import IpaSource
from fangyan.measure.explain import Answer, CharacterRow
from fangyan.measure.pronunciation_control import Bin, Controlled
from fangyan.measure.retrieval.tables import Group, Pair
from fangyan.measure.significance import Interval
from fangyan.measure.word_test import Preference, WordPreference
from fangyan.recognition.cer import Errors, Exit
from fangyan.tables import (
    Amount,
    Correlation,
    Count,
    Fraction,
    MeanRank,
    Total,
    columns,
    read_rows,
    read_sets,
    write_rows,
)


@dataclass(frozen=True)
class Row:
    name: str
    n: Count
    share: Fraction
    r: Correlation | None
    rank: MeanRank = 1
    seconds: Amount = 0
    margin: float | None = None
    ties: Total = 0


ROW = "a 3 0.5 -0.25 1.5 12 -3 0".replace(" ", "\t")
HEADER = "\t".join(columns(Row)) + "\n"


def test_a_table_is_the_fields_of_its_class(tmp_path):
    rows = [Row("a", 3, 0.5, -0.25, 1.5, 12, -3.0), Row("b", 1, 1 / 3, None)]
    write_rows(tmp_path / "t.tsv", rows, Row)
    assert (tmp_path / "t.tsv").read_bytes().decode() == (
        "name\tn\tshare\tr\trank\tseconds\tmargin\tties\na\t3\t0.5\t-0.25\t1.5\t12\t-3\t0\nb\t1\t0.333333\t\t1\t0\t\t0\n"
    )
    assert read_rows(tmp_path / "t.tsv", Row) == [rows[0], Row("b", 1, 0.333333, None)]


def test_what_cannot_be_told_is_an_empty_cell_where_it_may_be(tmp_path):
    write_rows(tmp_path / "t.tsv", [Row("a", 3, math.nan, math.nan, margin=None)], Row)
    assert (tmp_path / "t.tsv").read_text() == HEADER + "a\t3\tnan\t\t1\t0\t\t0\n"


def test_a_missing_file_and_one_without_rows_have_none(tmp_path):
    assert read_rows(tmp_path / "t.tsv", Row) == []
    write_rows(tmp_path / "t.tsv", [], Row)
    assert (tmp_path / "t.tsv").read_text() == HEADER and read_rows(tmp_path / "t.tsv", Row) == []


def test_older_tables_lack_what_has_a_default_and_newer_ones_have_more(tmp_path):
    (tmp_path / "t.tsv").write_text("more\tr\tshare\tn\tname\nx\tnan\t1\t2\ta\n")
    assert read_rows(tmp_path / "t.tsv", Row) == [Row("a", 2, 1.0, None)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5", "1.5", r"share is a fraction in \[0, 1\], got '1.5'"),
        ("0.5", "nan", r"share is a fraction in \[0, 1\], got 'nan'"),
        ("0.5", "", r"share is a fraction in \[0, 1\], got ''"),
        ("3\t", "0\t", "n is a whole number above 0, got '0'"),
        ("3\t", "3.0\t", "n is a whole number above 0, got '3.0'"),
        ("-0.25", "-1.25", r"r is a number in \[-1, 1\] or nothing, got '-1.25'"),
        ("\t1.5", "\t0.5", "rank is a number from 1 up, got '0.5'"),
        ("12", "-1", "seconds is a number from 0 up, got '-1'"),
        ("-3", "much", "margin is a number or nothing, got 'much'"),
        ("-3\t0", "-3\t-1", "ties is a whole number from 0 up, got '-1'"),
        ("\t12", "", r"8 columns \(name n share r rank seconds margin ties\), got 7"),
    ],
)
def test_a_malformed_cell_is_refused_with_its_line(tmp_path, old, new, message):
    assert old in ROW
    (tmp_path / "t.tsv").write_text(HEADER + "# a comment\n" + ROW.replace(old, new, 1) + "\n")
    with pytest.raises(DataError, match=f"t.tsv:3: {message}"):
        read_rows(tmp_path / "t.tsv", Row)


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "t.tsv").write_text("# made by hand\nname\tr\na\t0\n")
    with pytest.raises(DataError, match=r"t.tsv:2: the columns are name n .* ties, got none named n share$"):
        read_rows(tmp_path / "t.tsv", Row)


def test_sets_without_rows_or_name_are_left_out(tmp_path):
    rows = [Row("a", 1, 1.0, None)]
    write_rows(tmp_path / "dev" / "t.tsv", [], Row)
    write_rows(tmp_path / "test" / "t.tsv", rows, Row)
    assert read_sets(tmp_path, ["dev", "", "test", "none"], "t.tsv", Row) == {"test": rows}


@given(n=st.integers(1, 10**9), share=st.integers(0, 1000), r=st.none() | st.integers(-1000, 1000))
def test_what_was_written_is_read(tmp_path_factory, n, share, r):
    path = tmp_path_factory.getbasetemp() / "again.tsv"
    rows = [Row("a", n, share / 1000, None if r is None else r / 1000)]
    write_rows(path, rows, Row)
    assert read_rows(path, Row) == rows


MEANS = (1 / 3, 0.5, 1.0, 2 / 3, 1.5, 0.0125)
TABLES = {
    "layer source target n recall_at_1 recall_at_5 recall_at_10 mrr median_rank chance ties\n"
    "norm cmn yue 80 0.333333 0.5 1 0.666667 1.5 0.0125 2\n": Pair("norm", "cmn", "yue", 80, *MEANS, 2),
    "layer source_group target_group cell pairs recall_at_1 recall_at_5 recall_at_10 mrr median_rank chance\n"
    "norm yue hak across 6 0.333333 0.5 1 0.666667 1.5 0.0125\n": Group(
        "norm", "yue", "hak", "across", 6, *MEANS
    ),
    "layer source target n recall_at_1 chance quantile n_controlled recall_at_1_controlled mrr_controlled "
    "chance_controlled phonetics_recall_at_1 phonetics_recall_at_1_controlled partial_correlation\n"
    "norm all all 8 0.333333 0.1 0.5 0 - - - 0.25 - -0.125\n": Controlled(
        *("norm", "all", "all", 8, 1 / 3, 0.1, 0.5, 0, None, None, None, 0.25, None, -0.125)
    ),
    "layer bin low high n recall_at_1 chance\nnorm 1 0.05 0.2 8 1 0.1\n": Bin(
        "norm", 1, 0.05, 0.2, 8, 1.0, 0.1
    ),
    "layer metric mean low high n clusters chance\nnorm mrr 0.5 0.4 0.6 8 4_sentences 0.1\n": Interval(
        "norm", "mrr", 0.5, 0.4, 0.6, 8, "4_sentences", 0.1
    ),
    "layer n voices preference low high chance\nnorm 8 4 0.5 0.4 0.6 0.5\n": Preference(
        "norm", 8, 4, 0.5, 0.4, 0.6, 0.5
    ),
    "layer source target word synonym homophone preference margin\nnorm cmn yue w s h 0 -0.3\n": WordPreference(
        "norm", "cmn", "yue", "w", "s", "h", 0.0, -0.3
    ),
    "variety sentences characters errors cer left_out\nall 8 100 150 1.5 1\n": Errors(
        "all", 8, 100, 150, 1.5, 1
    ),
    "layer variety sentences characters errors cer left_out\nnorm all 8 100 50 0.5 0\n": Exit(
        "norm", "all", 8, 100, 50, 0.5
    ),
    "variety source utterances\ncmn pypinyin 8\n": IpaSource("cmn", "pypinyin", 8),
    "folder kind answer query candidate score margin\nhit1 hit right a b 0.75 -0.5\n": Answer(
        "hit1", "hit", "right", "a", "b", 0.75, -0.5
    ),
    "side number character start end heard_start heard_end contribution match match_character\n"
    "query 1 我 0 0.12 0.04 0.08 0.25 2 食\n": CharacterRow(
        "query", 1, "我", 0.0, 0.12, 0.04, 0.08, 0.25, 2, "食"
    ),
}


@pytest.mark.parametrize("text", TABLES, ids=lambda text: type(TABLES[text]).__name__)
def test_the_tables_of_an_experiment_to_the_byte(tmp_path, text):
    row = TABLES[text]
    write_rows(tmp_path / "t.tsv", [row], type(row))
    wanted = text.replace(" ", "\t").replace("\t-\t", "\t\t").replace("\t-\t", "\t\t")
    assert (tmp_path / "t.tsv").read_bytes() == wanted.encode()
    write_rows(tmp_path / "again.tsv", read_rows(tmp_path / "t.tsv", type(row)), type(row))
    assert (tmp_path / "again.tsv").read_bytes() == wanted.encode()

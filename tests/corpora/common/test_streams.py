import csv
import json
import tempfile
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fangyan.corpora.common.streams import cell_recording, cell_text, rows
from fangyan.errors import DataError

ROWS = [{"id": "a", "n": "1"}, {"id": "b,“c”", "n": ""}]


def written(path, text: str, bom: bool = False):
    path.write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))
    return path


def places(path, **options) -> list[tuple[str, dict]]:
    return [(where.removeprefix(str(path)), row) for where, row in rows(path, **options)]


@pytest.mark.parametrize("bom", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_text_have_their_number(tmp_path, bom, end):
    lines = end.join([*(json.dumps(row) for row in ROWS[:1]), "", json.dumps(ROWS[1])]) + end
    expected = [(":1", ROWS[0]), (":3", ROWS[1])]
    assert places(written(tmp_path / "a.jsonl", lines, bom)) == expected
    assert places(written(tmp_path / "a.json", lines, bom)) == expected  # JSON lines by a shorter name
    table = end.join(["id,n", "a,1", '"b,“c”",']) + end
    assert places(written(tmp_path / "a.csv", table, bom)) == [(":2", ROWS[0]), (":3", ROWS[1])]
    table = end.join(["id \tn", 'a"\t1', "b"]) + end  # a quote is a quote, a row may end early
    assert places(written(tmp_path / "a.tsv", table, bom)) == [
        (":2", {"id": 'a"', "n": "1"}),
        (":3", {"id": "b", "n": ""}),
    ]


@pytest.mark.parametrize("bom", [False, True])
def test_an_array_is_read_object_by_object(tmp_path, bom):
    values = [{"id": "a", "begin": 1.5, "deep": [{"x": [1, 2]}]}, {"id": "b"}]
    path = written(tmp_path / "a.json", json.dumps(values, indent=1), bom)
    assert places(path) == [(": object 1", values[0]), (": object 2", values[1])]
    path = written(tmp_path / "b.json", json.dumps({"version": 1, "audios": values}), bom)
    assert places(path, array="audios") == [(": audios 1", values[0]), (": audios 2", values[1])]


def test_an_array_is_a_stream_what_is_broken_later_is_told_later(tmp_path):
    path = written(tmp_path / "a.json", '{"audios": [{"id": "a"}, {"id": "b"' + " " * 200_000)
    stream = rows(path, "audios")
    assert next(stream) == (f"{path}: audios 1", {"id": "a"})
    with pytest.raises(DataError, match=r"a\.json: not readable as JSON .*: get the file again"):
        next(stream)


def test_parquet_gives_the_same(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(
        pyarrow.Table.from_pylist([{"id": str(n)} for n in range(150)]), path, row_group_size=70
    )
    found = places(path)
    assert (found[0], found[149]) == ((": row 1", {"id": "0"}), (": row 150", {"id": "149"}))
    path.write_bytes(b"PAR1 cut off")
    with pytest.raises(DataError, match="not readable as parquet"):
        list(rows(path))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"a": 1}\n{"a"', r"a\.jsonl:2: a line is one JSON object, got '\{\"a\"'"),
        ("a.jsonl", "[1]\n", r"a\.jsonl:1: expected an object, got '\[1\]'"),
        ("a.json", "[1]", r"a\.json: object 1: expected an object, got '1'"),
        ("a.json", "", r"a\.json: not readable as JSON"),
        ("a.csv", "a,b\n1,2,3\n", r"a\.csv:2: a row has 2 cells \(a b\), got 3"),
        ("a.txt", "a", r"a table is one of \.json \.jsonl \.csv \.tsv \.parquet, got '\.txt'"),
    ],
)
def test_broken_tables_are_named_with_file_and_line(tmp_path, name, text, message):
    path = written(tmp_path / name, text)
    with pytest.raises(DataError, match=message):
        list(rows(path))


GBK = "天气".encode("gbk")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            b"a,b\n1,x\n\n2," + GBK + b"\n",
            r"a\.csv:4: must be UTF-8, got byte 0x\w\w: write it as UTF-8",
        ),
        ("a.tsv", b"a\tb\r1\tx\r\n2\t" + GBK + b"\n", r"a\.tsv:2: must be UTF-8"),
        ("a.jsonl", b"\n\n" + b'{"a": "' + GBK + b'"}\n', r"a\.jsonl:3: must be UTF-8"),
        ("a.json", b'[{"a": 1},\n{"a": "' + GBK + b'"}]', r"a\.json:2: must be UTF-8"),
        ("a.csv", "a,b\n1,天\n".encode("utf-16"), r"a\.csv:1: .*it is UTF-16, as Excel writes it"),
        ("a.json", '[{"a": 1}]'.encode("utf-16"), r"a\.json:1: .*it is UTF-16"),
        ("a.csv", "a,b\n1,x\n".encode("utf-16-le"), r"a\.csv:2: a table is text, got a NUL byte"),
        ("a.csv", "a,b\n1,天".encode()[:-1], r"a\.csv:2: .*it ends within a character: get the file again"),
    ],
)
def test_other_encodings_are_refused_with_the_line_and_what_to_do(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(rows(tmp_path / name))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"b\.json: no such file"):
        rows(tmp_path / "b.json")


HEAD = "id,audio,variety,text\nk0,u0.wav,cmn,你好\n"


@pytest.mark.parametrize(
    "text",
    [
        'k1,u1.wav,cmn,"再见\nk2,u2.wav,cmn,天气\nk3,u3.wav,cmn,吃饭\n',  # to the end of the file
        'k1,u1.wav,cmn,"再见\nk2,u2.wav,cmn,"天气"\nk3,u3.wav,cmn,吃饭\n',  # to the next quote that opens
        'k1,u1.wav,cmn,"再见\nk2,u2.wav,cmn,天气"\nk3,u3.wav,cmn,吃饭\n',  # to the next quote that closes
        'k1,"u1.wav,cmn,再见\nk2,u2.wav",cmn,天气\nk3,u3.wav,cmn,吃饭\n',
        'k1,u1.wav,cmn,"再见\n' + 50_000 * "k2,u2.wav,cmn,天气\n",  # beyond what a cell may hold
        'k1,u1.wav,cmn,"再"见"\n',
    ],
)
def test_a_quote_that_is_not_closed_is_told_at_the_line_of_its_row(tmp_path, text):
    path = written(tmp_path / "m.csv", HEAD + text)
    with pytest.raises(DataError, match=r"m\.csv:3: a quote is not closed"):
        list(rows(path))


def test_a_quote_that_is_not_closed_is_told_where_lines_end_in_cr(tmp_path):
    text = 'id,text\nk0,a\nk1,"b\nk2,c"\n'.replace("\n", "\r")
    (tmp_path / "m.csv").write_bytes(text.encode())
    with pytest.raises(DataError, match=r"m\.csv:3: a quote is not closed: a cell holds the row after it"):
        list(rows(tmp_path / "m.csv"))


def test_a_quoted_cell_may_have_lines_quotes_and_separators(tmp_path):
    cells = ["k1", "u1.wav", "cmn", '他说："再见"\n,天气']
    path = written(tmp_path / "m.csv", HEAD + ",".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    assert places(path)[1] == (":3", dict(zip(HEAD.split("\n")[0].split(","), cells, strict=True)))


@given(
    st.lists(
        st.lists(st.text("你a,\"' ", max_size=4), min_size=3, max_size=3).filter(
            lambda row: "".join(row).strip()
        ),
        max_size=6,
    )
)
def test_what_a_writer_of_csv_writes_is_read_row_by_row(table):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([["x", "y", "z"], *table])
        assert [list(row.values()) for _, row in rows(path)] == [
            [cell.strip() for cell in row] for row in table
        ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.tsv",
            "a\tb\tc\n1\t2\t3\n4\t5",
            r"a\.tsv:3: the last line is cut, it has 2 of 3 cells and no end",
        ),
        ("a.csv", "a,b,c\n\n1,2", r"a\.csv:3: the last line is cut"),
        ("a.csv", "a,b,a\n1,2,3\n", r"a\.csv:1: column names are unique, got 'a' again"),
        ("a.jsonl", '{"a": 1, "a": 2}\n', r"a\.jsonl:1: .*names are unique, got 'a' again"),
        ("a.csv", "a;b;c\n1;2;3\n", r"a\.csv:1: columns are parted by ',', got ';' in 'a;b;c'"),
        ("a.tsv", "a,b\n1,2\n", r"a\.tsv:1: columns are parted by '\\t', got ',' in 'a,b'"),
        (
            "a.csv",
            'a,"b\n1,2\n3,4"\n',
            r"a\.csv:1: a quote is not closed: the header holds the rows after it",
        ),
        ("a.csv", "a,b\n1,\0\n", r"a\.csv:2: a table is text, got a NUL byte in b"),
        ("a.jsonl", '{"a": "\\u0000"}\n', r"a\.jsonl:1: a table is text, got a NUL byte in a"),
        ("a.json", '[{"a": 1}, {"a": 2}', r"a\.json: not readable as JSON .*: get the file again"),
        (
            "a.json",
            '[{"a": NaN}]',
            r"a\.json: not readable as JSON .*NaN.*: write null for it, or JSON lines",
        ),
    ],
)
def test_tables_that_are_cut_or_ambiguous_are_refused(tmp_path, name, text, message):
    path = written(tmp_path / name, text)
    with pytest.raises(DataError, match=message):
        list(rows(path))


def test_a_last_line_without_an_end_is_whole_if_its_cells_are(tmp_path):
    assert places(written(tmp_path / "a.tsv", "a\tb\n\t\n1\t2")) == [(":3", {"a": "1", "b": "2"})]


def test_a_number_that_is_none_is_an_empty_cell(tmp_path):
    assert places(written(tmp_path / "a.jsonl", '{"a": NaN, "b": 1.5}')) == [(":1", {"a": None, "b": 1.5})]
    parquet.write_table(pyarrow.table({"a": [float("nan"), 1.0]}), tmp_path / "a.parquet")
    assert [row for _, row in rows(tmp_path / "a.parquet")] == [{"a": None}, {"a": 1.0}]


@pytest.mark.parametrize(
    ("cell", "text"), [(None, ""), (" 好 ", "好"), (7, "7"), (0.5, "0.5"), (False, "False")]
)
def test_a_cell_says_one_value(cell, text):
    assert cell_text("a:1", {"x": cell}, "x") == text
    assert cell_text("a:1", {}, "x") == ""


@pytest.mark.parametrize(
    ("cell", "kind"), [(["a"], "a list of 1"), ({"a": 1, "b": 2}, "a dict of 2"), (b"a", "bytes")]
)
def test_a_cell_of_several_values_is_refused(cell, kind):
    with pytest.raises(DataError, match=f"^a:1: x is one value, got {kind}$"):
        cell_text("a:1", {"x": cell}, "x")


@pytest.mark.parametrize(
    ("cell", "file", "content"),
    [
        ("a/b.mp3", "in/a/b.mp3", None),
        ({"path": "a/b.mp3"}, "in/a/b.mp3", None),
        ({"bytes": None, "path": "a/b.mp3"}, "in/a/b.mp3", None),
        ({"bytes": None, "path": "/a/b.mp3"}, "/a/b.mp3", None),
        ({"bytes": b"RIFF", "path": "a/b.c.mp3"}, "out/x.y.mp3", b"RIFF"),
        ({"bytes": b"RIFF", "path": None}, "out/x.y.wav", b"RIFF"),
        (b"RIFF", "out/x.y.wav", b"RIFF"),
        ({"bytes": None, "path": None}, None, None),
        ({"bytes": None}, None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_cell_names_a_recording_or_holds_it(tmp_path, cell, file, content):
    store = tmp_path / "out" / "x.y"
    found = cell_recording("a:1", cell, tmp_path / "in", store)
    assert found == (tmp_path / file if file else None)
    if content:
        assert found.read_bytes() == content
    assert len(list(tmp_path.iterdir())) == (1 if content else 0)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ({"array": [0.0], "sampling_rate": 16_000}, "an object of array sampling_rate"),
        ({"bytes": "UklGRg=="}, "an object of bytes"),
        ({"path": 7}, "an object of path"),
        ([0.0, 0.5], r"\[0\.0, 0\.5\]"),
        (7, "7"),
    ],
)
def test_a_cell_of_something_else_is_no_recording(tmp_path, cell, found):
    with pytest.raises(
        DataError, match=f"^a:1: a recording is a path, or bytes and path as on the Hub, got {found}$"
    ):
        cell_recording("a:1", cell, tmp_path, tmp_path / "x")

import json

import pyarrow
import pytest
from pyarrow import parquet

from fangyan.errors import DataError
from fangyan.streams import rows

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
        ("a.csv", "a,b\n1,2,3\n", r"a\.csv:2: a row has 2 cells, got more: \['3'\]"),
        ("a.txt", "a", r"a table is one of \.json \.jsonl \.csv \.tsv \.parquet, got '\.txt'"),
    ],
)
def test_broken_tables_are_named_with_file_and_line(tmp_path, name, text, message):
    path = written(tmp_path / name, text)
    with pytest.raises(DataError, match=message):
        list(rows(path))


def test_other_encodings_and_missing_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b\n1,粤\n".encode("gbk"))
    with pytest.raises(DataError, match=r"a\.csv:\d: not readable as a UTF-8 table"):
        list(rows(tmp_path / "a.csv"))
    (tmp_path / "a.jsonl").write_bytes('{"a": "粤"}\n'.encode("gbk"))
    with pytest.raises(DataError, match=r"a\.jsonl:1: a line is one JSON object"):
        list(rows(tmp_path / "a.jsonl"))
    with pytest.raises(DataError, match=r"b\.json: no such file"):
        rows(tmp_path / "b.json")

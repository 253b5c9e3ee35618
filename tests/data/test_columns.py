import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fangyan.data import datadir
from fangyan.data.columns import columns, read_all, read_column, write_all
from fangyan.data.datadir import Utterance
from fangyan.errors import DataError

THREE = [Utterance(f"{s}-{n}", f"w/{s}.wav", "好", s, "cmn", f"s{n}", 1.0) for n, s in enumerate("abc", 1)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    datadir.write(tmp_path / "data", THREE)
    return tmp_path / "data"


def vectors(folder, *places):
    """A column ``teacher.scp`` that points to ``places``, whose archives are there."""
    for file in {place.partition(":")[0].partition("[")[0] for place in places}:
        os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
        with open(file, "w") as stream:
            stream.write("vectors")
    rows = zip(THREE, places, strict=True)
    (folder / "teacher.scp").write_text("".join(f"{u.id} {place}\n" for u, place in rows))


def test_columns_are_the_further_tables_by_utterance(folder):
    assert columns(folder) == {}
    vectors(folder, "t.ark:4", "t.ark:900", "t.ark:1800")
    (folder / "utt2weight").write_text("a-1\t1\nb-2\t2\nc-3\t1\n")
    (folder / "text_km500").write_text("a-1 17 4 4\nb-2 3\nc-3 9 9\n")
    assert columns(folder) == {name: folder / name for name in ("teacher.scp", "text_km500", "utt2weight")}


OTHERS = {
    "README": "a data directory\n",
    "cmvn.scp": "a cmvn.ark:2\nb cmvn.ark:99\n",
    "spk2gender": "a-1 f\nb-2 m\nc-3 f\n",
    "reco2dur": "a-1 1.0\n",
    "utt2corpus": "a-1 x\nb-2 x\nc-3 y\n",
    "corpus2weight": "x 1\ny 2\n",
    "stm": ";; comment\na-1 A a 0 1 hello\n",
    ".hidden": "a-1 x\n",
    "list": "a-1\nb-2\nc-3\n",
    "empty": "",
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0\xff",
    "rows.csv": "id,label\na-1,x\n",
}


def test_other_files_are_none_and_make_nothing_unreadable(folder):
    before = datadir.identity(folder)
    (folder / "split4").mkdir()
    for name, content in OTHERS.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert columns(folder) == {}
    assert datadir.read(folder) == THREE
    assert datadir.identity(folder) == before


def test_the_features_of_a_subset_harm_nobody_until_they_are_asked_for(folder):
    (folder / "feats.scp").write_text("a-1 f.ark:4\n")
    assert datadir.read(folder) == THREE and list(columns(folder)) == ["feats.scp"]
    with pytest.raises(DataError, match=r"feats\.scp: .* ids of .*wav\.scp, got none for b-2 \(wav\.scp:2\)"):
        read_column(folder, "feats.scp")


def test_values_are_read_by_id_and_known_tables_are_columns_too(folder):
    (folder / "text_km500").write_text("a-1 17 4 4\nb-2 3\nc-3 9 9\n")
    assert read_column(folder, "text_km500") == {"a-1": "17 4 4", "b-2": "3", "c-3": "9 9"}
    assert read_column(folder, "utt2sent") == {"a-1": "s1", "b-2": "s2", "c-3": "s3"}


MALFORMED = {
    "missing id": ("a-1 x\nc-3 x\n", r"units: .*got none for b-2 \(wav\.scp:2\)"),
    "extra id": ("a-1 x\nb-2 x\nbb x\nc-3 x\n", r"units:3: .*wav\.scp, got bb, which it lacks"),
    "duplicate": ("a-1 x\na-1 y\nb-2 x\nc-3 x\n", r"units:2: ids are unique, got a-1 again"),
    "unsorted": ("b-2 x\na-1 x\nc-3 x\n", r"units:2: ids are sorted .*, got a-1 after b-2"),
    "no value": ("a-1 x\nb-2\nc-3 x\n", r"units:2: a line is 'id value', got 'b-2'"),
    "blank value": ("a-1 x\nb-2  \nc-3 x\n", r"units:2: a line is 'id value', got 'b-2  '"),
    "empty line": ("a-1 x\n\nb-2 x\nc-3 x\n", r"units:2: a line is 'id value', got ''"),
    "cr lf": ("a-1 x\r\nb-2 x\r\nc-3 x\r\n", r"units:1: lines end in LF, got CR LF"),
    "empty": ("", r"units: .*got none for a-1"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_columns_are_named_with_line_and_rule(folder, case):
    content, message = MALFORMED[case]
    (folder / "units").write_bytes(content.encode())
    with pytest.raises(DataError, match=message):
        read_column(folder, "units")


@pytest.mark.parametrize("name", ["units", "../data/text", ".hidden/x", ""])
def test_a_column_that_is_not_there_is_named_with_those_that_are(folder, name):
    (folder / "utt2weight").write_text("a-1 1\nb-2 2\nc-3 1\n")
    message = "no such column: known are utt2weight: or write the file, a line 'id value' for each"
    for read in (read_column, datadir.identity, datadir.tables):
        with pytest.raises(DataError, match=message):
            read(folder, name)


def test_a_fingerprint_is_of_the_columns_that_were_named(folder):
    (folder / "units").write_text("a-1 1\nb-2 2\nc-3 1\n")
    without, before = datadir.identity(folder), datadir.identity(folder, "units")
    assert datadir.identity(folder, "text", "wav.scp") == without != before
    (folder / "units").write_text("a-1 1\nb-2 2\nc-3 3\n")
    assert datadir.identity(folder) == without
    assert datadir.identity(folder, "units") != before
    (folder / "others").write_text((folder / "units").read_text())
    both = datadir.identity(folder, "units", "others")
    assert both == datadir.identity(folder, "others", "units", "others")
    assert len({both, datadir.identity(folder, "units"), datadir.identity(folder, "others")}) == 3


def test_a_fingerprint_without_names_is_what_it_was(folder):
    assert datadir.tables(folder) == "74b962313cb17c0b79a7e4a5ea694c3e907c18b48a64567968eea82256698e21"
    assert datadir.identity(folder) == "19851bef5fcda46569303364552562366d93179ffe18173d2f20f6ea621aedf9"


def test_a_fingerprint_of_an_scp_is_of_the_archives_too(folder):
    vectors(folder, "v/1.ark:4", "v/1.ark:900[0:3]", "v/2.npy")
    without, before = datadir.identity(folder), datadir.identity(folder, "teacher.scp")
    content = datadir.tables(folder, "teacher.scp")
    os.utime("v/1.ark", ns=(0, 0))
    after = datadir.identity(folder, "teacher.scp")
    os.utime("v/2.npy", ns=(0, 0))
    assert len({before, after, datadir.identity(folder, "teacher.scp")}) == 3
    assert datadir.identity(folder) == without
    assert datadir.tables(folder, "teacher.scp") == content


REFUSED = {
    "archive": ("t.ark:4", "gone.ark:4", r"teacher\.scp:2: no such file: 'gone\.ark'"),
    "file": ("t.npy", "gone.npy", r"teacher\.scp:2: no such file: 'gone\.npy'"),
    "pipe": ("t.ark:4", "copy-feats x ark:- |", r"teacher\.scp:2: .*got a pipe 'copy-feats x ark:- \|'"),
    "standard input": ("t.ark:4", "-", r"teacher\.scp:2: .*got a pipe '-'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_an_scp_points_to_is_a_file_that_is_there(folder, case):
    good, bad, message = REFUSED[case]
    vectors(folder, good, good, good)
    text = (folder / "teacher.scp").read_text()
    (folder / "teacher.scp").write_text(text.replace(f"b-2 {good}", f"b-2 {bad}"))
    with pytest.raises(DataError, match=message):
        datadir.identity(folder, "teacher.scp")


@pytest.mark.parametrize("pipe", ["cat x |", "| cat", "cat x |[0:3]", "cat x | [0:3]", "cat x |:4", "-"])
def test_no_value_of_an_scp_is_a_pipe(folder, pipe):
    (folder / "teacher.scp").write_text(f"a-1 t.ark:4\nb-2 {pipe}\nc-3 t.ark:8\n")
    with pytest.raises(DataError, match=r"teacher\.scp:2: .*got a pipe"):
        read_column(folder, "teacher.scp")


KEYS = st.sets(st.from_regex(r"[a-z0-9-]{1,4}", fullmatch=True), min_size=1, max_size=5)
VALUES = st.text(st.characters(min_codepoint=33, exclude_categories=("C", "Z")), min_size=1, max_size=5)


@given(KEYS, st.data())
def test_what_was_written_under_other_ids_is_read_back_under_them(tmp_path_factory, keys, data):
    folder = tmp_path_factory.mktemp("any")
    datadir.write(folder, [Utterance(f"x-{key}", "a.wav", "好", "x", "cmn", "s", 1.0) for key in keys])
    values = {key: data.draw(VALUES) for key in sorted(keys)}
    write_all(folder, {"units": values}, {f"x-{key}": key for key in keys}, folder)
    assert read_all(folder) == {"units": {f"x-{key}": value for key, value in values.items()}}

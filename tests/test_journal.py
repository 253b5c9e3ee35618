import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fangyan.errors import UserError
from fangyan.journal import NAME, Journal, records

INPUTS = {"model": "m", "data": "d"}
RECORDS = ["一", {"b": [1, 2]}, "a\u2028b\nc"]


def fill(journal: Journal) -> Journal:
    for record in RECORDS[len(journal) :]:
        journal.append(record)
    return journal


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole") / "j"
    fill(Journal(folder, INPUTS))
    return (folder / NAME).read_bytes()


def test_a_line_of_inputs_and_one_of_each_record(whole, tmp_path):
    assert whole.decode().split("\n") == [
        '{"data": "d", "model": "m"}',
        '"\\u4e00"',
        '{"b": [1, 2]}',
        '"a\\u2028b\\nc"',
        "",
    ]
    (tmp_path / NAME).write_bytes(whole)
    assert [*Journal(tmp_path, INPUTS).records()] == [*records(tmp_path / NAME)] == RECORDS


@settings(deadline=None)
@given(st.data())
def test_whatever_a_crash_leaves_behind_it_ends_as_if_nothing_had_been(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("crash")
    end = data.draw(st.integers(0, len(whole)))
    (folder / NAME).write_bytes(whole[:end] + data.draw(st.sampled_from([b"", b"\0" * 40, b'"x', b"}{\n"])))
    before = (folder / NAME).read_bytes()
    journal = Journal(folder, INPUTS)
    assert (folder / NAME).read_bytes() == before
    assert len(journal) == max(whole[:end].count(b"\n") - 1, 0)
    fill(journal).claim()
    assert (folder / NAME).read_bytes() == whole


def test_what_is_denied_does_not_count_nor_what_comes_after(tmp_path):
    fill(Journal(tmp_path / "j", INPUTS))
    denied = Journal(tmp_path / "j", INPUTS, lambda record: record != RECORDS[1])
    assert [*denied.records()] == RECORDS[:1]
    denied.append("c")
    assert [*Journal(tmp_path / "j", INPUTS).records()] == [RECORDS[0], "c"]


def test_other_inputs_empty_the_folder_once_something_is_appended(tmp_path):
    fill(Journal(tmp_path / "j", INPUTS))
    (tmp_path / "j/log").write_text("old")
    other = Journal(tmp_path / "j", {"model": "n"})
    assert len(other) == 0 and (tmp_path / "j/log").exists()
    assert other.claim() and not other.claim()
    assert not (tmp_path / "j/log").exists() and [*other.records()] == []


def test_a_second_process_that_appends_is_noticed(tmp_path):
    one = Journal(tmp_path / "j", INPUTS)
    one.append("a")
    Journal(tmp_path / "j", INPUTS).append("b")
    with pytest.raises(UserError, match="j: another process writes there too"):
        one.append("b")

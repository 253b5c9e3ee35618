"""`fangyan.folders`: what may be replaced, and what is left alone."""

import errno
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fangyan import files, folders
from fangyan.__main__ import cli
from fangyan.errors import UserError, trouble
from fangyan.journal import Journal
from fangyan.search import index


def finished(out, **inputs):
    files.produce(out, inputs, lambda folder: (folder / "x").write_text(f"{inputs}"))
    return out


def test_work_replaces_what_work_of_its_kind_has_finished(tmp_path):
    out = finished(tmp_path / "out", data=1, encoder="a")
    assert (finished(out, data=2, layers=3) / "x").read_text() == "{'data': 2, 'layers': 3}"
    for damaged in ("", "no JSON", "[]", "{}"):
        (out / ".done").write_text(damaged)
        assert json.loads((finished(out, data=damaged) / ".done").read_text())["data"] == damaged


@pytest.mark.parametrize("kind", ["by hand", "of another kind", "with a repository"])
def test_anything_else_is_left_alone(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "by hand":
        out.mkdir()
        (out / "thesis.tex").write_text("years")
    else:
        finished(out, **({"corpus": 1} if kind == "of another kind" else {"data": 1}))
        (out / ".git").mkdir() if kind == "with a repository" else None
    before = sorted(out.iterdir())
    with pytest.raises(
        UserError, match=r"out: has files in it that are not of this work, such as \S+, and all"
    ):
        finished(out, data=2)
    assert sorted(out.iterdir()) == before and list(tmp_path.iterdir()) == [out]


def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "out").write_text("years")
    with pytest.raises(UserError, match="out: a file is there, and a folder would replace it: name a folder"):
        finished(tmp_path / "out", data=2)
    assert (tmp_path / "out").read_text() == "years" and list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_an_array_of_which_a_disk_has_taken_a_part_is_told_as_a_full_disk(tmp_path):
    def build(folder):
        raise OSError("640 requested and 10 written")  # as numpy says it, without a number

    with pytest.raises(OSError) as caught:
        files.produce(tmp_path / "out", {"data": 1}, build)
    told = str(trouble(caught.value))
    assert told.startswith(f"{tmp_path / 'out'}: No space left on device: ")


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    (tmp_path / "out").mkdir()
    assert (finished(tmp_path / "out", data=1) / "x").exists()


def test_a_kill_between_two_folders_loses_none_that_is_not_made_again(tmp_path):
    out = finished(tmp_path / "out", data=1)
    out.rename(tmp_path / ".out.old")  # killed here
    assert (finished(out, data=1) / "x").exists() and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("place", ["/proc/x/y.txt", "/proc/x.txt"])
def test_where_nothing_can_be_made_a_sentence_says_so(place):
    with pytest.raises(UserError, match=f"{place}: nothing can be made there: choose another place"):
        files.write_text(Path(place), "x")
    with pytest.raises(UserError, match=f"{place}: nothing can be made there"):
        finished(Path(place), data=1)


VERBS = {
    "dump": "dump --encoder fbank --data {data}/test --out {data}",
    "survey": "survey {data}/test --out {data}/test",
    "survey here": "survey {data}/test --out .",
    "index": "index {wav} --encoder fbank --index {data}/test",
    "space": "space --encoder fbank --data {data}/test --out {data}/test --i_have_permission me",
    "tokens": "tokens --data {data}/test --target text --out {data}/test",
    "embed": "embed {wav} --encoder fbank --out {data}/test/wav.ark",
    "subset": "subset --data {data}/test --minutes 0.01 --out {data}/test",
    "data": "data --corpus kaldi --corpus_dir {data}/test --out {data}",
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_replaces_a_data_directory(singer, tmp_path, monkeypatch, verb):
    data = singer(tmp_path / "data", "test", ("我吃饭", "你吃饭"), ("cmn", "yue"))
    monkeypatch.chdir(data)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    wav = tmp_path / "data" / "wav" / "cmntest-s00.wav"
    run = CliRunner().invoke(cli, VERBS[verb].format(data=data.parent, wav=wav).split())
    assert isinstance(run.exception, UserError), run.output
    assert "has files in it that are not of this work" in str(run.exception) or verb == "embed"
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_an_index_that_was_killed_while_it_was_made_is_made_again(tmp_path):
    for name in ("frames.f16", "rows", ".lock", ".index.partial.json"):
        (tmp_path / name).touch()
    with index.sole_writer(tmp_path):
        pass
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="such as notes.txt"), index.sole_writer(tmp_path):
        pass
    folders.check_own(tmp_path / "new")


def test_work_that_goes_on_after_a_kill_says_so_too():
    with pytest.raises(UserError, match=r"/proc/x/y: nothing can be made there"):
        Journal(Path("/proc/x/y"), {}, lambda record: True).claim()


def test_where_a_file_may_not_be_written_it_is_named_and_not_the_temporary_one(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", f"{path}")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PermissionError) as caught:
        folders.make_file(tmp_path / ".a.partial", tmp_path / "a")
    assert caught.value.filename == f"{tmp_path / 'a'}"

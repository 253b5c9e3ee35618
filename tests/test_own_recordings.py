"""One's own recordings, and data directories as Kaldi's tools leave them: a verb takes what it needs."""

import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from fangyan.__main__ import cli
from fangyan.data import audio, datadir
from fangyan.demo import view
from fangyan.demo.library import Library
from fangyan.demo.space import space
from fangyan.errors import DataError
from fangyan.features.dump import dump, read_features
from fangyan.files import read_table, read_text

SENTENCES = ("我吃饭", "你吃饭", "我看书")


@pytest.fixture
def data(singer, tmp_path):
    """A whole data directory, data/test: two varieties, three sentences."""
    return singer(tmp_path / "data", "test", SENTENCES, ("cmn", "yue"))


def keep(data, folder, *names):
    """A data directory of some of the tables of another."""
    folder.mkdir()
    for name in names:
        shutil.copy(data / name, folder)
    return folder


def run(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def copy_data_dir(data, folder):
    """A copy by Kaldi's copy_data_dir.sh: it knows its own tables alone."""
    return keep(data, folder, "wav.scp", "utt2spk", "spk2utt", "text", "utt2lang", "utt2dur")


def fix_data_dir(data, gone):
    """What Kaldi's fix_data_dir.sh leaves where a recording is missing: its own tables are filtered."""
    (data / ".backup").mkdir()
    for name in ("wav.scp", "utt2spk", "text", "utt2lang", "utt2dur"):
        shutil.copy(data / name, data / ".backup")
        lines = (data / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (data / name).write_text("".join(x for x in lines if not x.startswith(f"{gone} ")), encoding="utf-8")
    whole = (data / "spk2utt").read_text()
    (data / "spk2utt").write_text(whole.replace(f" {gone}", ""))


def test_dump_needs_the_recordings_alone(data, tmp_path):
    bare = keep(data, tmp_path / "bare", "wav.scp")
    dump("fbank", [bare, data], tmp_path / "feats")
    found, due = (read_features(tmp_path / "feats" / name, "fbank") for name in ("bare", "test"))
    assert list(found) == list(due) and all(np.array_equal(found[key], due[key]) for key in due)
    assert dump("fbank", [bare], tmp_path / "feats") == []


@pytest.mark.parametrize("durations", [False, True])
@pytest.mark.parametrize("line", ["a {} 0 0.1\n", "{} {} 0 0.1\n"])
def test_a_directory_with_segments_is_not_taken_for_whole_recordings(data, tmp_path, line, durations):
    """Not even where utterances are called as recordings are, or durations are of recordings."""
    cut = keep(data, tmp_path / "cut", "wav.scp", *(["utt2dur"] if durations else []))
    ids = [row.split()[0] for row in (cut / "wav.scp").read_text().splitlines()]
    (cut / "segments").write_text(
        "".join(line.replace("{}", key) for key in ids[: 1 if line[0] == "a" else None])
    )
    with pytest.raises(
        DataError, match=r"segments: recordings are taken whole here.*fangyan data --corpus kaldi"
    ):
        dump("fbank", [cut], tmp_path / "feats")
    assert not (tmp_path / "feats").exists()


def test_the_survey_counts_what_is_known(data, tmp_path):
    mine = keep(data, tmp_path / "mine", "wav.scp", "utt2lang")
    assert run("survey", mine, data, "--out", tmp_path / "survey").exit_code == 0
    (own, whole) = read_table(tmp_path / "survey" / "sets.tsv")
    assert [own[name] for name in ("utterances", "speakers", "sentences", "varieties")] == [
        "6",
        "0",
        "0",
        "2",
    ]
    assert [whole[name] for name in ("utterances", "speakers", "sentences", "varieties")] == [
        "6",
        "2",
        "3",
        "2",
    ]
    assert float(own["hours"]) == pytest.approx(float(whole["hours"]), rel=1e-3)
    assert {row["shared"] for row in read_table(tmp_path / "survey" / "overlap.tsv")} == {"0"}


def test_the_page_finds_recordings_of_which_nothing_but_the_variety_is_known(data, tmp_path):
    mine = keep(data, tmp_path / "mine", "wav.scp", "utt2lang")
    library = Library("fbank", mine)
    query = library.hear(library.utterances["cmntest-s00"].wav)
    found = library.find(query, ["cmn", "yue"], without="cmntest-s00")
    assert [len(hits) for hits in found.values()] == [2, 3] and library.trial is None
    assert found["yue"][0].entry.id == "yuetest-s00"
    shown = [view.VarietyHits(code, ranked, 3) for code, ranked in found.items()]
    assert "yuetest-s00" in view.hits(query, shown, library.utterances["cmntest-s00"], "")
    assert "recordings of" in view.welcome(library) and view.meaning(library)
    library.compare(query, found["yue"][0].entry)
    assert space("fbank", mine, tmp_path / "space", permission="they are mine")
    assert len(datadir.read(tmp_path / "space" / "data" / "mine")) == 6


def test_what_the_page_cannot_read_is_left_out(data, tmp_path, capsys):
    first = datadir.read(data)[0]
    (tmp_path / "data" / "wav" / "cmntest-s00.wav").write_text("no audio")
    library = Library("fbank", data)
    assert len(library.utterances) == 5 and first.id not in library.utterances
    assert f"left out: {first.id}: {first.wav}: not readable as audio" in capsys.readouterr().err


def test_what_kaldis_copy_drops_is_named_with_its_repair(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copied = copy_data_dir(data, tmp_path / "copied")
    for verb in ("dump --encoder fbank --out feats --data", "survey --out survey"):
        assert run(*verb.split(), copied).exit_code == 0, verb
    with pytest.raises(DataError) as caught:
        datadir.read(copied)
    command = f"`fangyan data --corpus kaldi --corpus_dir {copied} --out mended`"
    assert str(caught.value) == (
        f"{copied}/utt2sent: no such file: it has one id for utterances that are translations of each other, and "
        "nothing makes it anew (Kaldi's and lhotse's tools do not copy it): copy it from the directory before, or "
        f"write it; then import the directory, which mends it or leaves out by name: {command}"
    )
    imported = run("data", "--corpus", "kaldi", "--corpus_dir", copied, "--out", "mended")
    assert isinstance(imported.exception, DataError) and "translations of each other" in str(
        imported.exception
    )
    shutil.copy(data / "utt2sent", copied)
    words = command.strip("`").split()[1:]
    assert run(*words).exit_code == 0 and len(datadir.read(tmp_path / "mended" / "test")) == 6


@pytest.mark.parametrize("name", ["utt2spk", "utt2dur", "spk2utt"])
def test_what_can_be_made_anew_is_made_by_the_command_that_is_named(data, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path / "data" / "wav")
    (data / name).unlink()
    with pytest.raises(DataError, match=f"{name}: no such file: import the directory") as caught:
        datadir.read(data)
    words = re.search("`fangyan (.*)`", str(caught.value))[1].split()
    assert words[-2:] == ["--out", "data"] and run(*words).exit_code == 0
    assert len(datadir.read(tmp_path / "data" / "wav" / "data" / "test")) == 6


def test_ids_left_over_by_kaldis_repair_are_named_with_the_repair(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fix_data_dir(data, "cmntest-s01")
    for verb in ("dump --encoder fbank --out feats --data", "survey --out survey"):
        said = str(run(*verb.split(), data).exception)
        assert re.search(r"text_cmn:2: .*got cmntest-s01, which it lacks|utt2sent:2: .*got cmntest-s01", said)
    words = re.search("`fangyan (.*)`", said)[1].split()
    done = run(*words)
    assert done.exit_code == 0, done.output
    mended = datadir.read(tmp_path / "mended" / "test")
    assert [u.id for u in mended] == [
        f"{v}test-s0{n}" for v in ("cmn", "yue") for n in range(3) if (v, n) != ("cmn", 1)
    ]
    assert "cmntest-s01" in read_text(tmp_path / "mended" / "test" / ".dropped.tsv")


@pytest.mark.parametrize(
    "words",
    [
        "dump --encoder fbank --out feats --data data",
        "dump --encoder fbank --out feats --data data/nope",
        "survey data --out survey",
        "demo --encoder fbank --data data",
        "tokens --data data/nope --target text --out tokens",
        "tokens --data data --target text --out tokens",
        "score --decode x --data data --target text",
    ],
)
def test_where_there_is_no_data_directory_those_nearby_are_named(data, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    said = run(*words.split())
    assert isinstance(said.exception, DataError), said
    assert re.search(r"data(/nope)?: no data directory there: in data: known are test$", str(said.exception))


def test_a_recording_that_two_inputs_name_is_added_once(data, tmp_path):
    out = run(
        "index", tmp_path / "data" / "wav", data, "--encoder", "fbank", "--index", tmp_path / "idx"
    ).output
    assert "6 recordings added" in out
    found = run("search", tmp_path / "data" / "wav" / "cmntest-s00.wav", "--index", tmp_path / "idx").stdout
    wavs = [line.split("\t")[-1] for line in found.splitlines()[1:]]
    assert len(wavs) == len(set(wavs)) == 6
    again = run("index", data, tmp_path / "data" / "wav", "--index", tmp_path / "idx").output
    assert "0 recordings added, 12 were there" in again
    assert audio.probe(wavs[0])

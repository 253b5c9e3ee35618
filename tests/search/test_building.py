"""`fangyan.search.building`: what is added, skipped, replaced and left out."""

import os
import shutil

import numpy as np
import pytest
import soundfile

from fangyan.data import audio, datadir
from fangyan.errors import DataError, UserError
from fangyan.features.embedding import frames_of
from fangyan.files import read_table
from fangyan.measure.seqsim import seqsim
from fangyan.search import add, building, frame_codecs, search
from fangyan.search.building import absolute_spec
from fangyan.search.index import Index


def ids(folder):
    index = Index(folder)
    return sorted(index.entry(int(row)).id for row in index.live)


def test_every_utterance_is_there_with_what_is_said_of_it(indexed, sung):
    index = Index(indexed)
    utterances = {u.id: u for u in datadir.read(sung["test"])}
    assert sorted(utterances) == ids(indexed) and len(index) == 24
    assert (index.settings.spec, index.settings.layer, index.settings.dimension) == ("fbank", "fbank", 80)
    for row, entry in enumerate(index.entries()):
        utterance = utterances[entry.id]
        assert entry.description == (utterance.variety, utterance.text, utterance.text_cmn)
        frames = index.frames(row)
        assert np.allclose(np.linalg.norm(frames.astype(float), axis=1), 1, atol=1e-3)


def test_half_precision_changes_no_score_by_more_than_rounding(indexed, sung):
    index = Index(indexed)
    encoder = index.settings.encoder()
    exact = dict(frames_of(encoder, datadir.read(sung["test"]), ""))
    for row, entry in enumerate(index.entries()):
        found, due = (seqsim(exact["cmntest-s00"], x).f1 for x in (index.frames(row), exact[entry.id]))
        assert found == pytest.approx(due, abs=2e-4)


def test_adding_again_encodes_nothing(indexed, sung, monkeypatch):
    sizes = Index(indexed).sizes()
    monkeypatch.setattr(building, "encode_batches", None)
    added = add(indexed, [sung["test"], sung["test"].parent / "wav" / "cmntest-s00.wav"])
    assert (added.new, added.known, added.left_out) == (0, 25, [])
    assert Index(indexed).sizes() == sizes


def test_of_a_large_index_no_more_entries_are_kept_than_are_asked_for(indexed):
    known = building.newest(Index(indexed))
    some = {*list(known)[:3]}
    assert len(known) == 24 and building.newest(Index(indexed), some) == {
        place: known[place] for place in some
    }


def test_what_is_named_twice_is_added_once(sung, tmp_path):
    wav = sung["test"].parent / "wav" / "cmntest-s00.wav"
    assert (added := add(tmp_path / "index", [wav, wav], "fbank")).new == 1 and added.known == 1


def test_an_index_grows(indexed, sung):
    assert (added := add(indexed, [sung["dev"], sung["test"]])).new == 24 and added.known == 24
    assert len(ids(indexed)) == 48


def test_a_file_that_has_changed_replaces_itself(tmp_path, singer):
    wav = tmp_path / "sounds" / "x.wav"
    audio.write(wav, np.sin(np.arange(8000) / 9).astype(np.float32))
    assert add(tmp_path / "index", [wav.parent], "fbank").new == 1
    first = Index(tmp_path / "index").frames(0)[0].copy()
    audio.write(wav, np.sin(np.arange(12000) / 3).astype(np.float32))
    assert add(tmp_path / "index", [wav]).new == 1
    index = Index(tmp_path / "index")
    assert index.live.tolist() == [1] and not np.array_equal(index.frames(1)[0], first)
    (hits,) = search(tmp_path / "index", [wav]).values()
    assert [hit.entry.size for hit in hits] == [os.stat(wav).st_size]


def test_transcripts_that_come_later_count_and_are_not_lost_again(tmp_path, sung):
    folder = tmp_path / "wav"
    folder.mkdir()
    data = tmp_path / "data"
    shutil.copytree(sung["test"], data)
    wavs = {}
    for key, wav in datadir.read_map(data / "wav.scp").items():
        wavs[key] = shutil.copy(wav, folder)
    (data / "wav.scp").write_text("".join(f"{key} {wav}\n" for key, wav in wavs.items()))
    index = tmp_path / "index"
    assert add(index, [folder], "fbank").new == 24
    assert add(index, [data]).new == 24
    assert (added := add(index, [folder])).new == 0 and added.known == 24
    assert {Index(index).entry(int(row)).variety for row in Index(index).live} == {"cmn", "yue", "hak"}


def test_what_cannot_be_heard_is_listed_and_the_rest_is_added(tmp_path):
    sounds = tmp_path / "sounds"
    audio.write(sounds / "good.wav", np.sin(np.arange(8000) / 9).astype(np.float32))
    audio.write(sounds / "short.wav", np.zeros(100, np.float32))
    (sounds / "empty.wav").write_bytes(b"")
    (sounds / "text.flac").write_text("no audio")
    (sounds / "gone.wav").symlink_to(tmp_path / "nowhere")
    soundfile.write(sounds / "nan.wav", np.full(8_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    added = add(tmp_path / "index", [sounds], "fbank")
    assert added.new == 1 and len(added.left_out) == 5
    rows = {row["id"].rpartition("/")[2]: row for row in read_table(tmp_path / "index" / "left_out.tsv")}
    assert {name: row["reason"] for name, row in rows.items()} == {
        "empty.wav": "not encoded",
        "gone.wav": "unreadable audio",
        "nan.wav": "not encoded",
        "short.wav": "not encoded",
        "text.flac": "not encoded",
    }
    assert "(empty file)" in rows["empty.wav"]["detail"]
    assert "hears 400 samples (0.025 s) or more at once" in rows["short.wav"]["detail"]
    assert "samples are finite numbers" in rows["nan.wav"]["detail"]
    assert rows["gone.wav"]["detail"] == f"{sounds / 'gone.wav'}: no such file"
    audio.write(sounds / "empty.wav", np.sin(np.arange(9000) / 9).astype(np.float32))
    assert (added := add(tmp_path / "index", [sounds])).new == 1 and len(added.left_out) == 4


def kill_at(monkeypatch, write):
    """Has the process killed at that write to an index, from 1; returns the method that writes."""
    calls, whole = [], Index._write

    def killed(self, name, data):
        calls.append(name)
        if len(calls) == write:
            raise KeyboardInterrupt
        whole(self, name, data)

    monkeypatch.setattr(Index, "_write", killed)
    return whole


@pytest.mark.parametrize("odd", [b"\xff.wav", b"two\nlines.wav", b"a\ttab.wav"])
def test_a_name_that_no_table_can_hold_is_left_out_and_listed(sung, tmp_path, odd):
    """It would end a line of what `search` and `mine` write, or nothing could write it."""
    (tmp_path / "new").mkdir()
    wav = datadir.read(sung["test"])[0].wav
    for name in (b"a.wav", "方言 ﷽.wav".encode(), odd):
        shutil.copy(wav, os.path.join(os.fsencode(tmp_path / "new"), name))
    added = add(tmp_path / "index", [tmp_path / "new"], "fbank")
    assert (added.new, len(added.left_out)) == (2, 1)
    (row,) = read_table(tmp_path / "index/left_out.tsv")
    assert row["reason"] == "a name that no table can hold" and row["detail"].endswith("rename the file")
    assert add(tmp_path / "index", [tmp_path / "new"]).known == 2


@pytest.mark.parametrize("write", range(1, 9))
def test_killed_at_any_write_and_run_again_it_finds_the_same(write, indexed, sung, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.features.embedding.BATCH_SECONDS", 8.0)  # several batches
    whole = kill_at(monkeypatch, write)
    with pytest.raises(KeyboardInterrupt):
        add(tmp_path / "other", [sung["test"]], "fbank")
    monkeypatch.setattr(Index, "_write", whole)
    added = add(tmp_path / "other", [sung["test"]], "fbank")
    assert added.new + added.known == 24 and ids(tmp_path / "other") == ids(indexed)
    query = [sung["test"].parent / "wav" / "yuetest-s03.wav"]
    (due,), (found,) = (search(folder, query, top=24).values() for folder in (indexed, tmp_path / "other"))
    assert sorted(hit.entry.id for hit in due) == sorted(hit.entry.id for hit in found)
    assert [hit.f1 for hit in due] == pytest.approx([hit.f1 for hit in found], abs=1e-6)


def test_an_index_of_other_features_is_refused(indexed, sung):
    with pytest.raises(UserError, match="mfcc: not the encoder of this index, which is fbank"):
        add(indexed, [sung["dev"]], "mfcc")
    with pytest.raises(UserError, match="an index of layer fbank, --layer norm needs one of its own"):
        add(indexed, [sung["dev"]], "fbank", "norm")


def test_the_form_of_the_frames_is_that_of_the_index(sung, tmp_path):
    folder = tmp_path / "index"
    assert add(folder, [sung["test"]], "fbank", form="int8").new == 24
    assert Index(folder).settings.frames == "int8"
    assert add(folder, [sung["dev"]]).new == 24 and add(folder, [sung["dev"]], form="int8").known == 24
    with pytest.raises(UserError, match="an index of frames int8, --frames f16 needs one of its own"):
        add(folder, [sung["dev"]], form="f16")
    (hits,) = search(folder, [sung["test"].parent / "wav" / "yuetest-s03.wav"]).values()
    assert hits[0].entry.id == "yuetest-s03" and hits[0].f1 > 0.999


@pytest.mark.parametrize("write", [0, 1, 3])
def test_pq_learns_before_there_is_an_index(write, sung, tmp_path, monkeypatch):
    folder = tmp_path / "index"
    with pytest.raises(
        DataError, match=r"--frames pq: it learns from 9,984 frames at least, got [0-9,]+: begin with"
    ):
        add(folder, [sung["test"]], "fbank", form="pq")
    assert not (folder / "index.json").exists()
    monkeypatch.setattr(frame_codecs, "FEWEST", 256)
    kill_at(monkeypatch, write)
    if write:
        with pytest.raises(KeyboardInterrupt):
            add(folder, [sung["test"]], "fbank", form="pq")
    added = add(folder, [sung["test"]], "fbank", form="pq")
    assert added.new == 24 and Index(folder).codec.width == 20  # bytes, of d = 80
    (hits,) = search(folder, [sung["test"].parent / "wav" / "yuetest-s03.wav"]).values()
    assert hits[0].entry.id == "yuetest-s03" and hits[0].f1 > 0.98


def test_pq_learns_from_what_can_be_heard_and_from_no_more_than_is_enough(sung, tmp_path, monkeypatch):
    monkeypatch.setattr("fangyan.features.embedding.BATCH_SECONDS", 8.0)  # several batches
    (tmp_path / "text.flac").write_text("no audio")
    learnt, learn = [], frame_codecs.Product.learn
    monkeypatch.setattr(
        frame_codecs.Product, "learn", lambda self, x: learnt.append(len(x)) or learn(self, x)
    )
    monkeypatch.setattr(frame_codecs, "FEWEST", 256)
    for name, enough in (("all", 10**6), ("some", 300)):
        monkeypatch.setattr(building, "ENOUGH", enough)
        added = add(tmp_path / name, [sung["test"], tmp_path / "text.flac"], "fbank", form="pq")
        assert (added.new, [one.reason for one in added.left_out]) == (24, ["not encoded"])
    assert learnt[0] == sum(map(len, map(Index(tmp_path / "all").frames, range(24)))) > learnt[1] >= 300


def test_a_form_that_is_unknown_is_told_before_the_encoder_is_loaded(sung, tmp_path):
    with pytest.raises(UserError, match="--frames int4: known are f16, int8, pq, and pool:N"):
        add(tmp_path / "index", [sung["test"]], "nobody", form="int4")


def test_a_new_index_needs_an_encoder_and_recordings(tmp_path, sung):
    with pytest.raises(UserError, match=r"no index there yet: --encoder SPEC says which encoder"):
        add(tmp_path / "new", [sung["dev"]])
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        add(tmp_path / "new", [tmp_path / "nowhere"], "fbank")


def test_a_spec_is_remembered_with_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "model.zip").touch()
    monkeypatch.chdir(tmp_path)
    assert absolute_spec("espnet:model.zip") == f"espnet:{tmp_path}/model.zip"
    assert [absolute_spec(spec) for spec in ("fbank", "espnet:user/name")] == ["fbank", "espnet:user/name"]


def test_where_nothing_could_be_heard_it_is_told_with_the_folder_of_relative_paths(
    tmp_path, monkeypatch, sung
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sung["test"], tmp_path / "data")
    lines = (tmp_path / "data" / "wav.scp").read_text().splitlines()
    gone = "".join(f"{line.split()[0]} downloads/{n}.wav\n" for n, line in enumerate(lines))
    (tmp_path / "data" / "wav.scp").write_text(gone)
    told = rf"left_out\.tsv: none of 24 .*, the first: downloads/0\.wav: no such file, seen from {tmp_path}$"
    with pytest.raises(DataError, match=told):
        add(tmp_path / "index", [tmp_path / "data"], "fbank")
    assert len(read_table(tmp_path / "index" / "left_out.tsv")) == 24


def test_what_the_tables_of_a_data_directory_disagree_about_is_listed(sung, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(sung["test"], data)
    lines = (data / "wav.scp").read_text().splitlines(keepends=True)
    (data / "wav.scp").write_text("".join(lines[:-1]))
    added = add(tmp_path / "index", [data], "fbank")
    assert (added.new, [d.reason for d in added.left_out]) == (23, ["not in wav.scp"])
    (left_out,) = read_table(tmp_path / "index" / "left_out.tsv")
    assert left_out["id"] == lines[-1].split()[0]

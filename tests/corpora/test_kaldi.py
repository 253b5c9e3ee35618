import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fangyan.corpora import kaldi, prepare
from fangyan.data import datadir
from fangyan.data.columns import read_all
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError, UserError

FILES = {
    "wav.scp": "b-2 w/b.wav\r\na-1 w/a.wav\n\n",
    "utt2lang": "a-1 hak\nb-2 yue\n",
    "utt2sent": "a-1 s1\nb-2 s1\n",
}

NOISE = np.random.default_rng(0).normal(0, 0.1, 4800)


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    for name, text in (FILES | changes).items():
        (folder / name).write_bytes(text.encode())
    return folder


def test_the_least_data_dir_is_enough_and_its_order_is_mended(tmp_path):
    assert kaldi.splits(write(tmp_path / "mine")) == {
        "test": [
            Utterance("b-2", "w/b.wav", "", "b-2", "yue", "s1"),
            Utterance("a-1", "w/a.wav", "", "a-1", "hak", "s1"),
        ]
    }


def test_line_ends_of_old_macs_are_mended(tmp_path):
    folder = write(
        tmp_path / "x", **{"wav.scp": "b-2 w/b.wav\ra-1 w/a.wav\r", "utt2lang": "a-1 hak\rb-2 yue"}
    )
    assert kaldi.splits(folder) == kaldi.splits(write(tmp_path / "y"))


def test_several_folders_are_several_sets(tmp_path):
    write(tmp_path / "dev")
    write(tmp_path / "test")
    assert list(kaldi.splits(tmp_path)) == ["dev", "test"]


def test_texts_and_speakers_are_used_and_the_id_starts_with_the_speaker(tmp_path):
    folder = write(tmp_path / "x", **{"text": "a-1 食飯\nb-2 食飯\n", "utt2spk": "a-1 kim\nb-2 b\n"})
    found = {u.id: (u.text, u.speaker) for u in kaldi.splits(folder)["test"]}
    assert found == {"kim-a-1": ("食飯", "kim"), "b-2": ("食飯", "b")}
    renamed = {u.id: u.changes for u in kaldi.splits(folder)["test"]}
    assert renamed == {"kim-a-1": (("renamed", "a-1"),), "b-2": ()}


def test_groups_of_the_varieties_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w").mkdir()
    for name in "ab":
        soundfile.write(f"w/{name}.wav", NOISE, 16_000)
    folder = write(tmp_path / "x", lang2group="yue Yue\r\n\nhak Kejia\nwuu Wu\n")
    data = prepare("kaldi", folder, tmp_path / "out")["test"]
    assert datadir.read_groups(data) == {"hak": "Kejia", "yue": "Yue"}
    (folder / "lang2group").write_text("yue Yue\nhak Hakka\n")
    assert datadir.read_groups(prepare("kaldi", folder, tmp_path / "out")["test"])["hak"] == "Hakka"


def test_a_variety_is_of_one_group_in_all_sets(tmp_path):
    write(tmp_path / "a", lang2group="yue Yue\nhak Kejia\n")
    write(tmp_path / "b", lang2group="yue Yue\nhak Hakka\n")
    with pytest.raises(
        DataError, match="b/lang2group:2: a variety has one group, got 'Hakka' and 'Kejia' of hak"
    ):
        kaldi.groups(tmp_path)


def test_segments_cut_recordings(tmp_path):
    folder = write(
        tmp_path / "x",
        **{
            "segments": "u1 a-1 0.5 2\nu2 b-2 0 1.25\nu3 b-2 1 -1\n",
            "utt2lang": "u1 hak\nu2 yue\nu3 yue\n",
            "utt2sent": "u1 s\nu2 s\nu3 s\n",
        },
    )
    found = {u.id: (u.wav, u.start, u.end) for u in kaldi.splits(folder)["test"]}
    assert found == {"u1": ("w/a.wav", 0.5, 2.0), "u2": ("w/b.wav", 0.0, 1.25), "u3": ("w/b.wav", 1, None)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wav.scp": "a-1 sox x |\nb-2 b.wav\n"}, r"wav\.scp:1: .*got a pipe"),
        ({"wav.scp": "a-1 a.wav\na-1 b.wav\n"}, r"wav\.scp:2: ids are unique"),
        ({"segments": "\n\nu1 a-1 0 end\n"}, r"segments:3: start and end are seconds, got 0 and end"),
        ({"segments": "u1 a-1 nan 1\n"}, r"segments:1: start and end are seconds, got nan and 1"),
        ({"wav.scp": "\n\na-1 a.wav\nb-2 sox x |\n"}, r"wav\.scp:4: .*got a pipe"),
        ({"segments": "u1 a-1 0\n"}, r"segments:1: a line is 'utterance recording start end'"),
    ],
)
def test_contradictions_are_named(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        kaldi.splits(write(tmp_path / "x", **changes))


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A function: tables -> a data directory whose two recordings are there, and what it becomes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w").mkdir()
    for name in "ab":
        soundfile.write(f"w/{name}.wav", NOISE, 16_000)

    def prepared(**tables):
        return prepare("kaldi", write(tmp_path / "x", **tables), tmp_path / "out")["test"]

    return prepared


def test_columns_are_mended_and_carried_under_the_ids_of_the_utterances(mine, tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v/1.ark").write_text("vectors")
    data = mine(
        **{
            "utt2spk": "a-1 kim\nb-2 b\n",
            "units": "b-2 7 7\r\n\na-1\t8\r\nc-3 9\n",
            "teacher.scp": "a-1 v/1.ark:4\nb-2 v/1.ark:900[0:3]\n",
        }
    )
    assert read_all(data) == {
        "units": {"b-2": "7 7", "kim-a-1": "8"},
        "teacher.scp": {"b-2": "v/1.ark:900[0:3]", "kim-a-1": "v/1.ark:4"},
    }
    assert datadir.identity(data, "teacher.scp") != datadir.identity(data)


def test_a_column_loses_the_utterances_that_are_left_out(mine, tmp_path):
    mine()
    (tmp_path / "w/a.wav").unlink()
    data = mine(units="a-1 8\nb-2 7\n")
    assert (data / "units").read_text() == "b-2 7\n"
    data = mine(units="b-2 6\n")
    assert (data / "units").read_text() == "b-2 6\n"


LEFT_OUT = {
    "subset": (
        "b-2 7\n",
        "out/test: the column units is left out, no value for 1 of 2 utterances, the first a-1",
    ),
    "gap": ("a-1\tx\nb-2 \n", "no value for 1 of 2 utterances, the first b-2"),
    "duplicate": (
        "a-1 8\na-1 9\nb-2 7\n",
        "x/units:2: ids are unique, got a-1 again (the column units is left",
    ),
    "bytes": ("a-1 8\nb-2 \udcff\n", "x/units:2: must be UTF-8, got byte 0xff"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_column_that_cannot_be_carried_is_left_out_and_reported(mine, tmp_path, capsys, case):
    content, message = LEFT_OUT[case]
    (tmp_path / "x").mkdir()
    (tmp_path / "x/units").write_bytes(content.encode(errors="surrogateescape"))
    data = mine()
    assert read_all(data) == {} and len(datadir.read(data)) == 2
    assert message in capsys.readouterr().out


def test_columns_of_segments_are_those_of_the_utterances_and_kaldis_own_tables_are_none(mine):
    data = mine(
        **{
            "segments": "u1 a-1 0 0.2\nu2 b-2 0 0.2\n",
            "utt2lang": "u1 hak\nu2 yue\n",
            "utt2sent": "u1 s\nu2 s\n",
            "reco2dur": "a-1 0.3\nb-2 0.3\n",
            "phones": "u1 x\nu2 y\n",
        }
    )
    assert read_all(data) == {"phones": {"u1": "x", "u2": "y"}}


def test_a_column_is_of_what_an_import_was_made_from_and_without_any_it_is_what_it_was(mine, tmp_path):
    data = mine()
    before = json.loads((data / ".done").read_text())
    assert set(before) == {"corpus", "records", "outputs"}
    assert not read_all(data)
    assert read_all(mine(units="a-1 8\nb-2 7\n")) == {"units": {"a-1": "8", "b-2": "7"}}
    assert read_all(mine(units="a-1 8\nb-2 6\n")) == {"units": {"a-1": "8", "b-2": "6"}}
    (tmp_path / "x/units").unlink()
    mine()
    assert json.loads((data / ".done").read_text()) == before


DISAGREEING = {
    "cut wav.scp": ({"wav.scp": "a-1 w/a.wav\n"}, ["a-1"], [("b-2", "not in wav.scp", "in utt2lang")]),
    "no path": ({"wav.scp": "a-1 w/a.wav\nb-2\n"}, ["a-1"], [("b-2", "no path in wav.scp", "")]),
    "short utt2lang": ({"utt2lang": "a-1 hak\n"}, ["a-1"], [("b-2", "not in utt2lang", "w/b.wav")]),
    "short utt2spk": ({"utt2spk": "b-2 b\n"}, ["b-2"], [("a-1", "not in utt2spk", "w/a.wav")]),
    "short text": ({"text": "a-1 好\n"}, ["a-1"], [("b-2", "not in text", "w/b.wav")]),
    "short ipa": ({"utt2ipa": "a-1 x\n"}, ["a-1"], [("b-2", "not in utt2ipa", "w/b.wav")]),
    "empty text": ({"text": "a-1 好\nb-2 \n"}, ["a-1"], [("b-2", "empty transcript", "w/b.wav")]),
    "no value": ({"utt2sent": "a-1 s\nb-2\n"}, ["a-1"], [("b-2", "no value in utt2sent", "w/b.wav")]),
    "more texts": (
        {"text": "a-1 好\nb-2 好\nc 好\nd 好\n", "utt2spk": "a-1 a\nb-2 b\nc c\ne e\n"},
        ["b-2", "a-1"],
        [
            (key, "not in wav.scp", f"in {name}")
            for key, name in zip("ced", ("utt2spk", "utt2spk", "text"), strict=True)
        ],
    ),
    "one segment": (
        {"segments": "a-1 b-2 0 1\n"},
        ["a-1"],
        [("a-1", "recording without a segment", "w/a.wav"), ("b-2", "no segment", "in utt2lang")],
    ),
    "segment of nothing": (
        {"segments": "a-1 a-1 0 1\nb-2 zz 0 1\n"},
        ["a-1"],
        [("b-2", "not in wav.scp", "zz"), ("b-2", "recording without a segment", "w/b.wav")],
    ),
}


@pytest.mark.parametrize("case", DISAGREEING)
def test_what_one_table_has_and_another_lacks_is_left_out_by_name(tmp_path, case):
    changes, ids, lost = DISAGREEING[case]
    records = kaldi.splits(write(tmp_path / "x", **changes))["test"]
    assert [r.id for r in records if isinstance(r, Utterance)] == ids
    assert [r for r in records if isinstance(r, Dropped)] == [Dropped(*of) for of in lost]


def test_where_audio_alone_is_wanted_gaps_are_empty(tmp_path):
    folder = write(tmp_path / "x", **{"text": "a-1 好\nc 好\n"})
    (folder / "utt2lang").unlink()
    assert kaldi.utterances(folder, complete=False) == [
        Utterance("b-2", "w/b.wav", "", "b-2", "", "s1"),
        Utterance("a-1", "w/a.wav", "好", "a-1", "", "s1"),
        Dropped("c", "not in wav.scp", "in text"),
    ]


NAMES = st.sets(st.sampled_from("abcd"), min_size=1)


@given(wavs=NAMES, tables=st.dictionaries(st.sampled_from(["text", "utt2spk", "utt2ipa"]), NAMES))
def test_every_id_of_every_table_is_kept_or_left_out(tmp_path_factory, wavs, tables):
    of_all = {"wav.scp": wavs, "utt2lang": wavs, "utt2sent": wavs} | tables
    content = {name: "".join(f"{key} {key}\n" for key in sorted(keys)) for name, keys in of_all.items()}
    records = kaldi.splits(write(tmp_path_factory.mktemp("any"), **content))["test"]
    assert sorted(r.id for r in records) == sorted(set().union(*of_all.values()))
    assert {r.id for r in records if isinstance(r, Utterance)} == set.intersection(*of_all.values())


def test_what_is_needed_is_asked_for(tmp_path):
    with pytest.raises(UserError, match="--corpus_dir"):
        kaldi.splits(None)
    with pytest.raises(DataError, match=r"expected wav\.scp"):
        kaldi.splits(tmp_path)
    (write(tmp_path / "x") / "utt2sent").unlink()
    with pytest.raises(DataError, match="utt2sent: no such file"):
        kaldi.splits(tmp_path / "x")


def test_channels_of_one_file_are_refused_and_files_of_one_are_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w").mkdir()
    soundfile.write("w/a.wav", np.zeros(1600), 8000)
    table = {"reco2file_and_channel": "a-1 call A\nb-2 call B\n"}
    assert len(kaldi.splits(write(tmp_path / "x", **table))["test"]) == 2
    soundfile.write("w/b.wav", np.zeros((1600, 2)), 8000)
    with pytest.raises(
        DataError, match=r"_channel:2: .* got 'call B' of 2 in w/b\.wav: write each channel to a file"
    ):
        kaldi.splits(tmp_path / "x")


def test_a_folder_that_is_not_there_is_told_from_where_it_was_sought(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"^mine: .*, found no such folder, seen from {tmp_path}$"):
        kaldi.splits(Path("mine"))
    with pytest.raises(DataError, match=r"/mine: .*, found no such folder$"):
        kaldi.splits(tmp_path / "mine")


def test_recordings_at_relative_paths_are_told_from_where_they_were_sought(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DataError, match=f"w/[ab].wav: not readable as audio .no such file, seen from {tmp_path}"
    ):
        prepare("kaldi", write(tmp_path / "mine"), tmp_path / "data")

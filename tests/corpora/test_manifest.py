import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import soundfile
from pyarrow import parquet

from fangyan import corpora
from fangyan.corpora import manifest
from fangyan.data import audio, datadir
from fangyan.data.datadir import Dropped, Utterance
from fangyan.errors import DataError


def test_a_table_is_a_set_and_its_columns_are_the_fields(miniature):
    root = miniature("manifest").root
    sets = manifest.splits(root)
    assert list(sets) == ["test", "train"]
    assert sets["train"][:2] == [
        Utterance("s1-train-0000001", str(root / "audio/a b.wav"), '今天下"雨', "s1", "cmn", "cmn:今天下雨"),
        Utterance("s2-train-0000002", str(root / "audio/c.wav"), "今日落雨", "s2", "yue", "yue:今日落雨"),
    ]
    assert sets["train"][2] == Dropped("s2-train-0000003", "empty transcript")
    assert sets["test"] == [
        Utterance(
            "test-0000001",
            str(root / "audio/long.opus"),
            "侬好",
            "test-0000001",
            "wuu",
            "7",
            start=0.1,
            end=0.3,
        ),
        Utterance(
            "test-0000002",
            str(root / "audio/long.opus"),
            "你好",
            "test-0000002",
            "hak",
            "7",
            start=0.3,
            end=9.0,
        ),
        Utterance("x", str(root / "audio/$(touch hacked).wav"), "食飯", "x", "hak", "s_8"),
        Dropped("x", "duplicate id", "食茶"),
    ]


def test_prepare_cuts_converts_and_counts(miniature, tmp_path):
    homes = corpora.prepare("manifest", miniature("manifest").root, tmp_path / "data")
    test = datadir.read(homes["test"])
    assert [(u.id, u.duration) for u in test] == [("test-0000001", 0.2), ("x", 0.1)]
    assert test[1].wav.endswith("$(touch hacked).wav") and not list(tmp_path.rglob("hacked"))
    assert audio.probe(test[0].wav) == audio.Info(16_000, 1, 3_200)
    assert (
        datadir.count_reasons(datadir.read_dropped(homes["train"]))
        == "1 empty transcript, 1 unreadable audio"
    )


def test_one_table_without_transcripts_is_enough_to_score_an_encoder(miniature, tmp_path):
    mini = miniature("manifest")
    row = {"audio": str(mini.root / "audio/c.wav"), "sentence": "1", "ipa": "a"}
    rows = [row | {"variety": variety} for variety in ("yue", "hak")]
    mini.tree.text("alone.json", json.dumps(rows))
    home = corpora.prepare("manifest", mini.root / "alone.json", tmp_path / "data")["test"]
    assert [(u.variety, u.sentence, u.ipa) for u in datadir.read(home)] == [
        ("yue", "1", "a"),
        ("hak", "1", "a"),
    ]
    assert not (home / "text").exists()


def test_utterances_of_equal_mandarin_wording_are_translations(miniature):
    mini = miniature("manifest")
    head = "audio,variety,text,text_cmn\n"
    mini.tree.text("alone.csv", head + 'audio/c.wav,yue,佢食飯,"他吃饭。"\naudio/c.wav,cmn,他吃飯！,他吃饭\n')
    assert [u.sentence for u in manifest.splits(mini.root / "alone.csv")["test"]] == ["他吃饭", "他吃饭"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio\ttext\na.wav\t好\n", r"a\.tsv:2: every utterance has audio and variety, got none in variety"),
        ("audio\tvariety\n\tyue\n", r"a\.tsv:2: every utterance has audio and variety, got none in audio"),
        (
            "audio\tvariety\na.wav\tyue\n",
            r"a\.tsv:2: every utterance has one of sentence text text_cmn, got none",
        ),
        (
            "audio\tvariety\ttext\tstart\na.wav\tyue\t好\tx\n",
            r"a\.tsv:2: start and end are seconds, got x and",
        ),
        ("audio\tvariety\na.wav\tyue\t好\n", r"a\.tsv:2: a row has 2 cells .*got 3"),
    ],
)
def test_a_broken_row_is_named(tmp_path, text, message):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        manifest.splits(tmp_path)


@pytest.mark.parametrize(
    ("start", "end"), [("nan", "4"), ("1", "inf"), ("1", "1e400"), ("1_2", "13"), ("１", "4"), ("1", "4 s")]
)
def test_times_are_plain_decimals(tmp_path, start, end):
    (tmp_path / "a.tsv").write_text(f"audio\tvariety\ttext\tstart\tend\na.wav\tyue\t好\t{start}\t{end}\n")
    with pytest.raises(DataError, match=rf"a\.tsv:2: start and end are seconds, got {start} and {end}"):
        manifest.splits(tmp_path)


def test_a_time_that_is_none_is_that_of_the_recording(tmp_path):
    row = '{"audio": "a.wav", "variety": "yue", "text": "好", "start": NaN, "end": -1}'
    (tmp_path / "a.jsonl").write_text(row)
    (found,) = manifest.splits(tmp_path)["a"]
    assert (found.start, found.end) == (0.0, None)


def test_an_id_that_was_given_is_remembered_and_one_of_ours_is_not(tmp_path):
    lines = ["audio,variety,speaker,id,text", "a.wav,yue,b,u1,好", "a.wav,yue,b,,好", "a.wav,yue,,,好"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found = manifest.splits(tmp_path)["a"]
    assert [(u.id, u.changes) for u in found] == [
        ("b-u1", (("renamed", "u1"),)),
        ("b-a-0000002", ()),
        ("a-0000003", ()),
    ]


def test_recordings_that_a_parquet_of_the_hub_holds_are_unpacked_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.flac", np.zeros(3200), 16_000)
    whole = Path("a.flac").read_bytes()
    cells = [(whole, "x/a.flac"), (whole, None), (None, "a.flac"), (None, None)]
    rows = [
        {"audio": {"bytes": content, "path": path}, "variety": "yue", "text": "好", "id": f"u{n}"}
        for n, (content, path) in enumerate(cells)
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), "m.parquet")
    home = corpora.prepare("manifest", Path("m.parquet"), Path("data"))["test"]
    found = {u.id: u.wav for u in datadir.read(home)}
    assert list(found) == ["u0", "u1", "u2"] and found["u2"] == "a.flac"
    assert [Path(found[key]).name for key in ("u0", "u1")] == ["0000001.flac", "0000002.wav"]
    assert datadir.read_dropped(home) == [Dropped("u3", "missing recording", "好")]
    written = [Path(wav).stat().st_mtime_ns for wav in found.values()]
    manifest.splits(Path("m.parquet"))
    assert [Path(wav).stat().st_mtime_ns for wav in found.values()] == written


def test_an_object_with_a_path_is_one_in_json_too(tmp_path):
    row = {"audio": {"bytes": None, "path": "b/a.wav"}, "variety": "yue", "text": "好"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert [u.wav for u in manifest.splits(tmp_path)["a"]] == [str(tmp_path / "b/a.wav")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"audio": {"array": [0]}, "text": "好"},
            "a recording is a path, or bytes and path .*, got an object of array",
        ),
        ({"audio": "a.wav", "text": ["好"]}, "text is one value, got a list of 1"),
        ({"audio": "a.wav", "text": {"yue": "好"}}, "text is one value, got a dict of 1"),
    ],
)
def test_a_cell_of_several_values_is_named(tmp_path, row, message):
    (tmp_path / "a.jsonl").write_text(json.dumps(row | {"variety": "yue"}))
    with pytest.raises(DataError, match=rf"a\.jsonl:1: {message}"):
        manifest.splits(tmp_path)


def test_a_row_that_says_it_has_no_recording_is_left_out(tmp_path):
    rows = [{"id": "a", "audio": None}, {"id": "b", "audio": "b.wav"}]
    (tmp_path / "a.json").write_text(json.dumps([row | {"variety": "yue", "text": "好"} for row in rows]))
    lost, kept = manifest.splits(tmp_path)["a"]
    assert lost == Dropped("a", "missing recording", "好") and kept.id == "b"


def test_where_a_column_is_missing_those_that_are_there_are_listed(tmp_path):
    (tmp_path / "a.csv").write_text("Audio,variety,text\na.wav,yue,好\n")
    with pytest.raises(
        DataError, match=r"a\.csv:2: .*got none in audio \(the columns are Audio variety text\)"
    ):
        manifest.splits(tmp_path)


def test_a_set_has_one_table(tmp_path):
    for suffix in ("csv", "tsv"):
        (tmp_path / f"a.{suffix}").write_text("")
    with pytest.raises(DataError, match=r"a set has one table, got a\.csv a\.tsv"):
        manifest.splits(tmp_path)
